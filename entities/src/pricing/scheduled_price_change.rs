//! A change of a price that takes effect later.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use crate::keys;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "scheduled_price_changes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub product_id: Uuid,
    pub effective_at: DateTime<Utc>,
    /// What it changes.
    pub change: Json,
    pub reason: String,
    pub actor: String,
    pub created_at: DateTime<Utc>,
    /// Why it could not take effect; it is not tried again.
    pub last_error: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// By product, the next first.
pub async fn of_products(
    db: &impl ConnectionTrait,
    products: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(keys::one_of(db, Column::ProductId, products))
        .order_by_asc(Column::EffectiveAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut by_product: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        by_product.entry(row.product_id).or_default().push(row);
    }
    Ok(by_product)
}

/// Those that take effect by now, in the order in which they do. Until the end of the transaction, others who lock
/// them wait.
pub async fn lock_due(
    transaction: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::EffectiveAt.lte(now))
        .filter(Column::LastError.is_null())
        .order_by_asc(Column::EffectiveAt)
        .order_by_asc(Column::Id)
        .limit(limit)
        .lock_exclusive()
        .all(transaction)
        .await
}

/// Records why this one cannot take effect.
pub async fn fail(db: &impl ConnectionTrait, id: Uuid, error: &str) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::LastError, Expr::value(error))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// When the next of all takes effect.
pub async fn next(db: &impl ConnectionTrait) -> Result<Option<DateTime<Utc>>, DbErr> {
    let next = Entity::find()
        .select_only()
        .column(Column::EffectiveAt)
        .filter(Column::LastError.is_null())
        .order_by_asc(Column::EffectiveAt)
        .order_by_asc(Column::Id)
        .limit(1)
        .into_tuple::<DateTime<Utc>>();
    next.one(db).await
}

/// Removes these, and returns how many there were.
pub async fn remove(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<u64, DbErr> {
    let removed = Entity::delete_many()
        .filter(keys::one_of(db, Column::Id, ids))
        .exec(db)
        .await?;
    Ok(removed.rows_affected)
}

/// The ids of all of these products.
pub async fn ids_of_products(
    db: &impl ConnectionTrait,
    products: &[Uuid],
) -> Result<Vec<Uuid>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(keys::one_of(db, Column::ProductId, products))
        .into_tuple()
        .all(db)
        .await
}
