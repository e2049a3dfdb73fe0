//! Deletes what messages say, while the rest of the log is kept.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, ExprTrait, QueryOrder, QuerySelect, UpdateMany};

use super::{Column, DeliveryStatus, Entity, OPEN};
use crate::keys;

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

/// Why messages of customers who were erased are not sent.
pub const CUSTOMER_DELETED: &str = "customer_deleted";

/// What is recorded as the reason of a message that this many devices have, and others do not get for this reason.
pub fn partly_sent(reason: &str, devices: usize) -> String {
    format!("{reason}; devices that have it: {devices}")
}

/// Deletes the texts of the customer's messages. Those that are not sent yet or were given up are not sent any more, and
/// count as sent if a device has them; the reasons recorded for them may name an address. Returns of how many messages
/// there was anything to delete.
pub async fn erase_customer(
    db: &impl ConnectionTrait,
    customer: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    record_partly_sent(db, customer).await?;
    Entity::update_many()
        .col_expr(Column::Status, Expr::value(DeliveryStatus::Suppressed))
        .col_expr(Column::Reason, Expr::value(CUSTOMER_DELETED))
        .filter(Column::CustomerId.eq(customer))
        .filter(keys::unindexed(Column::Status).is_in(UNSENT.map(DeliveryStatus::as_str)))
        .exec(db)
        .await?;
    let has_texts = Condition::any()
        .add(Column::BodyDeletedAt.is_null())
        .add(Column::Title.ne(""));
    let changed = without_title_and_texts(now)
        .filter(Column::CustomerId.eq(customer))
        .filter(has_texts)
        .exec(db)
        .await?;
    Ok(changed.rows_affected)
}

/// Records that those of the customer's unsent messages were sent that some of their devices have.
async fn record_partly_sent(db: &impl ConnectionTrait, customer: Uuid) -> Result<(), DbErr> {
    let started: Vec<(Uuid, Option<DateTime<Utc>>, Option<Json>)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::AttemptedAt, Column::AcceptedDevices])
        .filter(Column::CustomerId.eq(customer))
        .filter(keys::unindexed(Column::Status).is_in(UNSENT.map(DeliveryStatus::as_str)))
        .filter(Column::AcceptedDevices.is_not_null())
        .into_tuple()
        .all(db)
        .await?;
    for (id, attempted_at, devices) in started {
        let devices = devices.as_ref().and_then(Json::as_object);
        let Some(devices) = devices.map(serde_json::Map::len).filter(|count| *count > 0) else {
            continue;
        };
        Entity::update_many()
            .col_expr(Column::Status, Expr::value(DeliveryStatus::Sent))
            .col_expr(Column::SentAt, Expr::value(attempted_at))
            .col_expr(
                Column::Reason,
                Expr::value(partly_sent(CUSTOMER_DELETED, devices)),
            )
            .filter(Column::Id.eq(id))
            .filter(Column::Status.is_in(UNSENT))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Records that a message was sent, by this provider, whose customer was erased while it was. Nothing is kept of what it
/// said, and it has no number, so that no client is told of it. Returns whether it was erased.
pub async fn set_sent_of_erased(
    db: &impl ConnectionTrait,
    id: Uuid,
    provider: &str,
    reason: Option<&str>,
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let changed = without_title_and_texts(at)
        .col_expr(Column::Status, Expr::value(DeliveryStatus::Sent))
        .col_expr(Column::Provider, Expr::value(provider))
        .col_expr(Column::SentAt, Expr::value(at))
        .col_expr(Column::Reason, Expr::value(reason.map(str::to_owned)))
        .filter(Column::Id.eq(id))
        .filter(Column::Reason.starts_with(CUSTOMER_DELETED))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Records that a message is not sent because its customer was erased, and deletes its texts. Returns whether it was open.
pub async fn erase_open(
    db: &impl ConnectionTrait,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let changed = without_title_and_texts(now)
        .col_expr(Column::Status, Expr::value(DeliveryStatus::Suppressed))
        .col_expr(Column::Reason, Expr::value(CUSTOMER_DELETED))
        .filter(Column::Id.eq(id))
        .filter(Column::Status.is_in(OPEN))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Statuses of messages that may be sent still, if only by an operator.
const UNSENT: [DeliveryStatus; 3] = [
    DeliveryStatus::Scheduled,
    DeliveryStatus::Failed,
    DeliveryStatus::DeadLettered,
];

fn without_title_and_texts(now: DateTime<Utc>) -> UpdateMany<Entity> {
    without_texts(now).col_expr(Column::Title, Expr::value(""))
}

fn without_texts(now: DateTime<Utc>) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::Body, Expr::value(""))
        .col_expr(Column::Data, Expr::value(None::<Json>))
        .col_expr(Column::AcceptedDevices, Expr::value(None::<Json>))
        .col_expr(Column::BodyDeletedAt, Expr::value(now))
}
