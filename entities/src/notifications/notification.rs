//! A message to a customer, sent or pending: the delivery log.

mod log;
mod recipient;
mod retention;
mod sending;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ExprTrait, PaginatorTrait, QueryOrder, QuerySelect};

pub use self::log::{Listed, count_dead_letters, list, requeue};
pub use self::recipient::{Recipient, recipient};
pub use self::retention::{
    CUSTOMER_DELETED, delete_texts, erase_customer, erase_open, partly_sent, set_sent_of_erased,
};
pub use self::sending::{
    OPEN, Sent, begin_attempt, insert, schedule, schedule_all, set_accepted_devices, set_not_sent,
    set_sent,
};
use super::preference::{NotificationCategory, NotificationChannel};
use crate::keys;
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
        /// Not sent, because the customer does not want it or was erased.
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
    /// Why it was not sent, or not yet, or not to all devices.
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

impl Model {
    /// A message that waits to be sent, without texts, and about nothing yet.
    pub fn new(
        customer_id: Uuid,
        channel: NotificationChannel,
        category: NotificationCategory,
        created_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id: Uuid::now_v7(),
            customer_id,
            order_id: None,
            category,
            channel,
            title: String::new(),
            body: String::new(),
            deep_link: None,
            status: DeliveryStatus::Scheduled,
            scheduled_for: None,
            sent_at: None,
            created_at,
            event_id: None,
            return_id: None,
            template: None,
            data: None,
            expires_at: None,
            attempts: 0,
            attempted_at: None,
            accepted_devices: None,
            provider: None,
            provider_id: None,
            reason: None,
            position: None,
            read_at: None,
            body_deleted_at: None,
        }
    }

    /// The message as it is recorded for a customer who was erased: not to be sent, and without texts.
    pub fn of_erased_customer(self, now: DateTime<Utc>) -> Self {
        Self {
            title: String::new(),
            body: String::new(),
            data: None,
            status: DeliveryStatus::Suppressed,
            reason: Some(CUSTOMER_DELETED.to_owned()),
            scheduled_for: None,
            body_deleted_at: Some(now),
            ..self
        }
    }
}

/// The customer's messages about each order, oldest first. Ids are UUIDv7, so their order is time's.
pub async fn of_orders(
    db: &impl ConnectionTrait,
    customer: Uuid,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(Column::CustomerId.eq(customer))
        .filter(keys::one_of(db, Column::OrderId, orders))
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
        .filter(keys::one_of(db, Column::EventId, events))
        .filter(keys::one_of(db, Column::CustomerId, customers))
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
    keys::rows_by::<Entity>(db, Column::Id, ids, |row| row.id).await
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
            let statuses = self.statuses.iter().map(|status| status.as_str());
            condition = condition.add(keys::unindexed(Column::Status).is_in(statuses));
        }
        if self.unread {
            let sent = DeliveryStatus::Sent.as_str();
            condition = condition
                .add(keys::unindexed(Column::Status).eq(sent))
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
        .filter(keys::one_of(db, Column::Id, ids))
        .filter(Column::Status.eq(DeliveryStatus::Sent))
        .filter(Column::ReadAt.is_null())
        .exec(db)
        .await?;
    Ok(changed.rows_affected)
}
