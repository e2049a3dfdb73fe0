//! A label that is not needed and could not be voided. It is unsettled until it is voided after all, or support accepts
//! that its price is lost.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, QueryOrder, TryInsertResult};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "unvoided_labels")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub return_id: Uuid,
    /// At EasyPost.
    #[sea_orm(primary_key, auto_increment = false)]
    pub shipment_id: String,
    pub since: DateTime<Utc>,
    pub settled_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Adds an unsettled label, unless it is known. Returns whether it was not.
pub async fn add(
    db: &impl ConnectionTrait,
    return_id: Uuid,
    shipment_id: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let row = Model {
        return_id,
        shipment_id: shipment_id.to_owned(),
        since: now,
        settled_at: None,
    };
    let inserted = Entity::insert(row.into_active_model())
        .on_conflict_do_nothing_on([Column::ReturnId, Column::ShipmentId])
        .exec_without_returning(db)
        .await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1)))
}

/// The label of a return that has been unsettled for the longest time.
pub async fn oldest(db: &impl ConnectionTrait, return_id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::ReturnId.eq(return_id))
        .filter(Column::SettledAt.is_null())
        .order_by_asc(Column::Since)
        .order_by_asc(Column::ShipmentId)
        .one(db)
        .await
}

/// Settles this label of a return.
pub async fn settle(
    db: &impl ConnectionTrait,
    return_id: Uuid,
    shipment_id: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    settle_where(db, return_id, Column::ShipmentId.eq(shipment_id), now).await
}

/// Settles all labels of a return.
pub async fn settle_all(
    db: &impl ConnectionTrait,
    return_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    settle_where(db, return_id, Column::ReturnId.eq(return_id), now).await
}

async fn settle_where(
    db: &impl ConnectionTrait,
    return_id: Uuid,
    which: Expr,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::SettledAt, Expr::value(now))
        .filter(Column::ReturnId.eq(return_id))
        .filter(Column::SettledAt.is_null())
        .filter(which)
        .exec(db)
        .await?;
    Ok(())
}
