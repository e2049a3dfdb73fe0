//! A message to a customer, sent or pending: the delivery log.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{
    ExprTrait, IntoActiveModel, PaginatorTrait, QueryOrder, QuerySelect, TryInsertResult,
    UpdateMany,
};

use super::preference::{NotificationCategory, NotificationChannel};
use crate::stored_enum::stored_enum;

stored_enum! {
    /// The delivery status of a message.
    DeliveryStatus {
        /// Waits for its time: the end of quiet hours, or its place in the queue.
        Scheduled = "scheduled",
        Sent = "sent",
        /// Failed, and will be retried.
        Failed = "failed",
        /// Failed for good.
        DeadLettered = "dead_lettered",
        /// Not sent, because the customer opted out.
        Suppressed = "suppressed",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notifications")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub customer_id: Uuid,
    pub order_id: Option<Uuid>,
    pub category: NotificationCategory,
    pub channel: NotificationChannel,
    pub title: String,
    pub body: String,
    pub deep_link: Option<String>,
    pub status: DeliveryStatus,
    pub scheduled_for: Option<DateTime<Utc>>,
    pub sent_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    /// What it is about. There is one message for each event, customer and channel.
    pub event_id: Option<Uuid>,
    pub return_id: Option<Uuid>,
    /// The template it is written with, and what that shows.
    pub template: Option<String>,
    pub data: Option<Json>,
    /// It is not sent after this time.
    pub expires_at: Option<DateTime<Utc>>,
    /// Calls of the provider so far.
    pub attempts: i32,
    /// When the provider was last called.
    pub attempted_at: Option<DateTime<Utc>>,
    /// The provider's message id for each device that has it already, by the hash of the device's token.
    pub accepted_devices: Option<Json>,
    /// Who sent it, and its id there.
    pub provider: Option<String>,
    pub provider_id: Option<String>,
    /// Why it was not sent, or not yet.
    pub reason: Option<String>,
    /// Its number among the customer's sent messages.
    pub position: Option<i64>,
    pub read_at: Option<DateTime<Utc>>,
    /// Since then the texts are no longer kept.
    pub body_deleted_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The customer's messages about each order, oldest first. Ids are UUIDv7, so their order is time's.
pub async fn of_orders(
    db: &impl ConnectionTrait,
    customer: Uuid,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::OrderId.is_in(orders.iter().copied()))
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut by_order: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        if let Some(order) = row.order_id {
            by_order.entry(order).or_default().push(row);
        }
    }
    Ok(by_order)
}

/// Which of these customers have a message of which of these events by this channel.
pub async fn of_events(
    db: &impl ConnectionTrait,
    events: &[Uuid],
    customers: &[Uuid],
    channel: NotificationChannel,
) -> Result<HashSet<(Uuid, Uuid)>, DbErr> {
    let rows: Vec<(Uuid, Uuid)> = Entity::find()
        .select_only()
        .columns([Column::EventId, Column::CustomerId])
        .filter(Column::EventId.is_in(events.iter().copied()))
        .filter(Column::CustomerId.is_in(customers.iter().copied()))
        .filter(Column::Channel.eq(channel))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}

/// Messages by id, of any customer.
pub async fn by_ids(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Model>, DbErr> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Which of a customer's messages to read.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those with one of these statuses; all if it is empty.
    pub statuses: Vec<DeliveryStatus>,
    /// Only those that were sent and not read.
    pub unread: bool,
}

impl Filter {
    /// Messages that were sent and not read.
    pub fn unread() -> Self {
        Self {
            unread: true,
            ..Self::default()
        }
    }

    fn of(&self, customer: Uuid) -> sea_orm::Condition {
        let mut condition = sea_orm::Condition::all().add(Column::CustomerId.eq(customer));
        if !self.statuses.is_empty() {
            condition = condition.add(Column::Status.is_in(self.statuses.iter().copied()));
        }
        if self.unread {
            condition = condition
                .add(Column::Status.eq(DeliveryStatus::Sent))
                .add(Column::ReadAt.is_null());
        }
        condition
    }
}

/// A page of the customer's messages, newest first, of those older than `before`.
pub async fn page(
    db: &impl ConnectionTrait,
    customer: Uuid,
    filter: &Filter,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .filter(filter.of(customer))
        .order_by_desc(Column::Id)
        .limit(limit);
    if let Some(before) = before {
        query = query.filter(Column::Id.lt(before));
    }
    query.all(db).await
}

pub async fn count(
    db: &impl ConnectionTrait,
    customer: Uuid,
    filter: &Filter,
) -> Result<u64, DbErr> {
    Entity::find().filter(filter.of(customer)).count(db).await
}

/// The customer's messages after this number, in the order in which they were sent.
pub async fn sent_after(
    db: &impl ConnectionTrait,
    customer: Uuid,
    position: i64,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::Position.gt(position))
        .order_by_asc(Column::Position)
        .limit(limit)
        .all(db)
        .await
}

pub async fn by_id(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// Writes a new message, unless there is one for this event, customer and channel. Returns whether there was none.
pub async fn insert(db: &impl ConnectionTrait, row: Model) -> Result<bool, DbErr> {
    let inserted = Entity::insert(row.into_active_model())
        .on_conflict_do_nothing_on([Column::EventId, Column::CustomerId, Column::Channel])
        .exec_without_returning(db)
        .await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1)))
}

/// Statuses of messages that may still be sent.
pub const OPEN: [DeliveryStatus; 2] = [DeliveryStatus::Scheduled, DeliveryStatus::Failed];

/// Changes a message that may still be sent.
fn update_open(id: Uuid) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(Column::Id.eq(id))
        .filter(Column::Status.is_in(OPEN))
}

/// Schedules a message that may still be sent for this time. Returns whether it may.
pub async fn schedule(
    db: &impl ConnectionTrait,
    id: Uuid,
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let changed = update_open(id)
        .col_expr(Column::Status, Expr::value(DeliveryStatus::Scheduled))
        .col_expr(Column::ScheduledFor, Expr::value(at))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Records that the provider is about to be called. Returns whether the message may still be sent.
pub async fn begin_attempt(
    db: &impl ConnectionTrait,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let changed = update_open(id)
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::AttemptedAt, Expr::value(now))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Records which devices have it.
pub async fn set_accepted_devices(
    db: &impl ConnectionTrait,
    id: Uuid,
    devices: Json,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::AcceptedDevices, Expr::value(devices))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// What was sent, and by whom.
#[derive(Clone, Debug)]
pub struct Sent<'a> {
    pub title: &'a str,
    pub body: &'a str,
    pub provider: &'a str,
    pub provider_id: Option<&'a str>,
    /// Its number among the customer's messages.
    pub position: i64,
    pub at: DateTime<Utc>,
}

/// Records that it was sent. Returns whether it was not recorded before.
pub async fn set_sent(db: &impl ConnectionTrait, id: Uuid, sent: &Sent<'_>) -> Result<bool, DbErr> {
    let changed = update_open(id)
        .col_expr(Column::Status, Expr::value(DeliveryStatus::Sent))
        .col_expr(Column::Title, Expr::value(sent.title))
        .col_expr(Column::Body, Expr::value(sent.body))
        .col_expr(Column::Provider, Expr::value(sent.provider))
        .col_expr(
            Column::ProviderId,
            Expr::value(sent.provider_id.map(str::to_owned)),
        )
        .col_expr(Column::Position, Expr::value(sent.position))
        .col_expr(Column::SentAt, Expr::value(sent.at))
        .col_expr(Column::Reason, Expr::value(None::<String>))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Records why it was not sent: [`DeliveryStatus::Failed`] if it will be retried. Returns whether it was open.
pub async fn set_not_sent(
    db: &impl ConnectionTrait,
    id: Uuid,
    status: DeliveryStatus,
    reason: &str,
) -> Result<bool, DbErr> {
    let changed = update_open(id)
        .col_expr(Column::Status, Expr::value(status))
        .col_expr(Column::Reason, Expr::value(reason))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Gives messages that were given up another chance: these, or all. Returns them.
pub async fn requeue(
    db: &impl ConnectionTrait,
    ids: Option<&[Uuid]>,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut dead = Entity::find()
        .filter(Column::Status.eq(DeliveryStatus::DeadLettered))
        .order_by_asc(Column::Id)
        .limit(limit);
    if let Some(ids) = ids {
        dead = dead.filter(Column::Id.is_in(ids.iter().copied()));
    }
    let dead = dead.all(db).await?;
    Entity::update_many()
        .col_expr(Column::Status, Expr::value(DeliveryStatus::Scheduled))
        .col_expr(Column::ScheduledFor, Expr::value(now))
        .col_expr(Column::Attempts, Expr::value(0))
        .filter(Column::Id.is_in(dead.iter().map(|row| row.id)))
        .filter(Column::Status.eq(DeliveryStatus::DeadLettered))
        .exec(db)
        .await?;
    Ok(dead)
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    pub status: Option<DeliveryStatus>,
    pub customer: Option<Uuid>,
    pub order: Option<Uuid>,
}

/// Deliveries, newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    listed: &Listed,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut found = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(status) = listed.status {
        found = found.filter(Column::Status.eq(status));
    }
    if let Some(customer) = listed.customer {
        found = found.filter(Column::CustomerId.eq(customer));
    }
    if let Some(order) = listed.order {
        found = found.filter(Column::OrderId.eq(order));
    }
    found.all(db).await
}

/// How many were given up.
pub async fn count_dead_letters(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::Status.eq(DeliveryStatus::DeadLettered))
        .count(db)
        .await
}

/// Marks these of the customer's sent messages as read. Returns how many were not.
pub async fn set_read(
    db: &impl ConnectionTrait,
    customer: Uuid,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::ReadAt, Expr::value(now))
        .filter(Column::CustomerId.eq(customer))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::Status.eq(DeliveryStatus::Sent))
        .filter(Column::ReadAt.is_null())
        .exec(db)
        .await?;
    Ok(changed.rows_affected)
}

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
