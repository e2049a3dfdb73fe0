//! An event of which partners are notified, in the order in which it is sent.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{
    ActiveValue::Set, Condition, ExprTrait, FromQueryResult, QueryOrder, QuerySelect, QueryTrait,
};

use super::partner_event_position;
use crate::batch;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "partner_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    /// The event's own id, as published.
    pub event_id: Uuid,
    pub event_type: String,
    /// The public id of the order or return that it is about.
    pub object_id: String,
    /// Numbers the object's events of one domain.
    pub sequence: i64,
    pub customer_id: Option<Uuid>,
    pub data: Json,
    pub occurred_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// An event to append.
#[derive(Clone, Debug)]
pub struct NewPartnerEvent {
    pub event_id: Uuid,
    pub event_type: String,
    pub object_id: String,
    pub sequence: i64,
    pub customer_id: Option<Uuid>,
    pub data: Json,
    pub occurred_at: DateTime<Utc>,
}

/// Which events a partner gets: those that any of these filters matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub types: Vec<&'static str>,
    /// `None`: those of all customers.
    pub customers: Option<Vec<Uuid>>,
}

/// Waiting events.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Backlog {
    pub waiting: i64,
    /// When the oldest was recorded.
    pub oldest: Option<DateTime<Utc>>,
}

impl EventFilter {
    /// Whether it matches an event of this type about this customer.
    pub fn matches(&self, event_type: &str, customer: Option<Uuid>) -> bool {
        let is_theirs = self
            .customers
            .as_ref()
            .is_none_or(|known| customer.is_some_and(|customer| known.contains(&customer)));
        is_theirs && self.types.contains(&event_type)
    }

    fn condition(&self) -> Condition {
        let types = Condition::all().add(Column::EventType.is_in(self.types.iter().copied()));
        match &self.customers {
            None => types,
            Some(ids) => types.add(Column::CustomerId.is_in(ids.iter().copied())),
        }
    }
}

fn matching(filters: &[EventFilter]) -> Select<Entity> {
    let any = filters.iter().map(EventFilter::condition);
    // Nothing matches no filter.
    let none = Condition::any().add(Expr::value(false));
    Entity::find().filter(any.fold(none, Condition::add))
}

/// Appends an event in the transaction that records its receipt, and returns its position.
pub async fn append(
    db: &impl ConnectionTrait,
    event: NewPartnerEvent,
    now: DateTime<Utc>,
) -> Result<i64, DbErr> {
    let position = partner_event_position::next(db).await?;
    let row = ActiveModel {
        position: Set(position),
        event_id: Set(event.event_id),
        event_type: Set(event.event_type),
        object_id: Set(event.object_id),
        sequence: Set(event.sequence),
        customer_id: Set(event.customer_id),
        data: Set(event.data),
        occurred_at: Set(event.occurred_at),
        recorded_at: Set(now),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(position)
}

pub async fn at(db: &impl ConnectionTrait, position: i64) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(position).one(db).await
}

pub async fn by_event(db: &impl ConnectionTrait, event: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::EventId.eq(event))
        .one(db)
        .await
}

/// Matching events beyond a position, oldest first.
pub async fn after(
    db: &impl ConnectionTrait,
    filters: &[EventFilter],
    position: i64,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    matching(filters)
        .filter(Column::Position.gt(position))
        .order_by_asc(Column::Position)
        .limit(limit)
        .all(db)
        .await
}

pub async fn count(db: &impl ConnectionTrait, filters: &[EventFilter]) -> Result<u64, DbErr> {
    matching(filters).count(db).await
}

/// How many matching events are beyond a position, up to another.
pub async fn count_between(
    db: &impl ConnectionTrait,
    filters: &[EventFilter],
    position: i64,
    up_to: i64,
) -> Result<u64, DbErr> {
    matching(filters)
        .filter(Column::Position.gt(position))
        .filter(Column::Position.lte(up_to))
        .count(db)
        .await
}

/// Matching events beyond a position, counted up to a limit.
pub async fn backlog(
    db: &impl ConnectionTrait,
    filters: &[EventFilter],
    position: i64,
    limit: u64,
) -> Result<Backlog, DbErr> {
    let first = matching(filters)
        .filter(Column::Position.gt(position))
        .select_only()
        .columns([Column::Position, Column::RecordedAt])
        .order_by_asc(Column::Position)
        .limit(limit)
        .into_query();
    let counted = Query::select()
        .expr_as(Expr::col(Column::Position).count(), "waiting")
        .expr_as(Expr::col(Column::RecordedAt).min(), "oldest")
        .from_subquery(first, "first")
        .to_owned();
    let counted = db.get_database_backend().build(&counted);
    let backlog = Backlog::find_by_statement(counted).one(db).await?;
    Ok(backlog.unwrap_or(Backlog {
        waiting: 0,
        oldest: None,
    }))
}

/// The newest position recorded before this time, if there is any.
pub async fn last_before(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
) -> Result<Option<i64>, DbErr> {
    let last = Entity::find()
        .select_only()
        .column_as(Column::Position.max(), "last")
        .filter(Column::RecordedAt.lt(before))
        .into_tuple::<Option<i64>>()
        .one(db)
        .await?;
    Ok(last.flatten())
}

/// Deletes a batch of events up to a position, and returns how many.
pub async fn sweep(db: &impl ConnectionTrait, up_to: i64, limit: u64) -> Result<u64, DbErr> {
    let old = Condition::all().add(Column::Position.lte(up_to));
    batch::delete::<Entity>(db, Column::Position, old, limit).await
}
