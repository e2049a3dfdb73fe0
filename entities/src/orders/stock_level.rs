//! How many units of a product there are now: the sum of its movements.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{IntoActiveModel, QueryOrder, QuerySelect};

use crate::{insert, keys, lock};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stock_levels")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub product_id: Uuid,
    /// Units that can be sold; never negative.
    pub available: i32,
    /// Returned units that cannot be sold; never negative.
    pub damaged: i32,
    /// The number of its newest movement.
    pub sequence: i64,
    pub updated_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// By product.
pub async fn of_products(
    db: &impl ConnectionTrait,
    products: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    keys::rows_by::<Entity>(db, Column::ProductId, products, |row| row.product_id).await
}

/// Products with an id greater than this one, in order of id: one step of a walk over all.
pub async fn after(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().order_by_asc(Column::ProductId).limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::ProductId.gt(after));
    }
    query.all(db).await
}

/// Locks the levels of these products until the transaction ends.
pub async fn lock(
    transaction: &impl ConnectionTrait,
    products: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    let rows = lock::in_order::<Entity>(transaction, Column::ProductId, products).await?;
    Ok(rows.into_iter().map(|row| (row.product_id, row)).collect())
}

/// Adds empty levels of products that have none. Others who add the same wait for the transaction.
pub async fn open(
    transaction: &impl ConnectionTrait,
    mut products: Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if products.is_empty() {
        return Ok(());
    }
    // Always in the same order, so that nobody waits for each other.
    products.sort_unstable();
    let rows = products.into_iter().map(|product_id| Model {
        product_id,
        available: 0,
        damaged: 0,
        sequence: 0,
        updated_at: now,
    });
    Entity::insert_many(rows.map(IntoActiveModel::into_active_model))
        .on_conflict(
            OnConflict::column(Column::ProductId)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Writes levels that exist and are locked, in one statement.
pub async fn put(transaction: &impl ConnectionTrait, levels: Vec<Model>) -> Result<(), DbErr> {
    let changing = [
        Column::Available,
        Column::Damaged,
        Column::Sequence,
        Column::UpdatedAt,
    ];
    insert::upsert::<Entity>(transaction, [Column::ProductId], changing, levels).await
}
