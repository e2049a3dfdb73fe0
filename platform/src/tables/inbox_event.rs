//! An event that a consumer has handled, recorded in the transaction of its effect.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{ActiveValue::Set, ExprTrait};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inbox_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub consumer: String,
    /// The event's own id, ours or a third party's.
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: String,
    pub received_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Records the event for the consumer and returns whether this is the first time. A concurrent transaction that records
/// the same event waits until this one ends.
pub async fn record(
    db: &impl ConnectionTrait,
    consumer: &str,
    event_id: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let event = ActiveModel {
        consumer: Set(consumer.to_owned()),
        event_id: Set(event_id.to_owned()),
        received_at: Set(now),
    };
    let inserted = Entity::insert(event)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(db)
        .await?;
    Ok(inserted == 1)
}

/// Deletes a batch of rows received before `before` and returns how many.
pub async fn sweep(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, DbErr> {
    let key = || Expr::tuple([Expr::col(Column::Consumer), Expr::col(Column::EventId)]);
    let old = Query::select()
        .columns([Column::Consumer, Column::EventId])
        .from(Entity)
        .and_where(Column::ReceivedAt.lt(before))
        .limit(limit)
        .to_owned();
    let deleted = Entity::delete_many()
        .filter(key().in_subquery(old))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}
