//! Deletes what messages say, while the rest of the log is kept.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect, UpdateMany};

use super::{Column, DeliveryStatus, Entity, OPEN};

/// Deletes the bodies of messages created before then: a batch, and returns how many. Titles are kept.
pub async fn delete_texts(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
    batch: u64,
) -> Result<u64, DbErr> {
    let old: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::CreatedAt.lt(before))
        .filter(Column::BodyDeletedAt.is_null())
        .order_by_asc(Column::CreatedAt)
        .limit(batch)
        .into_tuple()
        .all(db)
        .await?;
    if old.is_empty() {
        return Ok(0);
    }
    let changed = without_texts(now)
        .filter(Column::Id.is_in(old))
        .exec(db)
        .await?;
    Ok(changed.rows_affected)
}

/// Deletes the texts of the customer's messages, and gives up those that are not sent yet.
pub async fn erase_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    Entity::update_many()
        .col_expr(Column::Status, Expr::value(DeliveryStatus::Suppressed))
        .col_expr(Column::Reason, Expr::value("customer_deleted"))
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::Status.is_in(OPEN))
        .exec(db)
        .await?;
    let changed = without_texts(now)
        .col_expr(Column::Title, Expr::value(""))
        .filter(Column::CustomerId.eq(customer))
        .exec(db)
        .await?;
    Ok(changed.rows_affected)
}

fn without_texts(now: DateTime<Utc>) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::Body, Expr::value(""))
        .col_expr(Column::Data, Expr::value(None::<Json>))
        .col_expr(Column::AcceptedDevices, Expr::value(None::<Json>))
        .col_expr(Column::BodyDeletedAt, Expr::value(now))
}
