//! Erasing customers. Each domain says with an [`Eraser`] what it deletes; here is what all of them have in common: an
//! erasure is recorded and happens once, whether its event arrives late, repeatedly, or after an operator's command, and
//! what is still needed when it happens is erased as soon as it is not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use platform::bus::Event;
use platform::database::{Database, DatabaseTransaction};
use platform::inbox::{self, ConsumerGroup, HandleError, Handler, Subscriber};
use platform::jobs;
use platform::tables::customer_erasure;
use platform::workers::{Job, WorkerContext};
use sea_orm::DbErr;
use serde::Deserialize;
use uuid::Uuid;

use crate::id::IdKind;

/// Where it is published that customers were deleted, by the command or by the system that customers sign in with. Few
/// events are, so every domain can read all of them.
pub const TOPIC: &str = "customer.events";

/// A customer was deleted.
pub const CUSTOMER_DELETED: &str = "customer.deleted";

/// How often erasures are continued that had to leave something.
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Erasures read at a time.
const PAGE: u64 = 100;

/// What a domain stores of customers.
#[async_trait]
pub trait Eraser: Send + Sync + 'static {
    /// Deletes what was stored of the customer up to then, in this transaction. Doing so twice changes nothing more.
    async fn erase(
        &self,
        transaction: &DatabaseTransaction,
        customer: Uuid,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Erased, DbErr>;
}

/// What was erased of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// How many rows were deleted, or lost what is personal, by table.
    pub rows: BTreeMap<&'static str, u64>,
    /// Public ids of what is not settled yet, and erased when it is.
    pub open: Vec<String>,
}

impl Erased {
    /// Counts rows of a table.
    pub fn count(&mut self, table: &'static str, rows: u64) {
        if rows > 0 {
            *self.rows.entry(table).or_default() += rows;
        }
    }
}

/// The fields used of `customer.deleted`, version 1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CustomerDeleted {
    customer_id: String,
    /// Missing in events of systems that do not say when.
    timestamp: Option<DateTime<Utc>>,
}

/// Erases what was stored of a customer up to then, and returns what it was; `None` if that was done before.
pub async fn erase(
    eraser: &dyn Eraser,
    transaction: &DatabaseTransaction,
    customer: Uuid,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Erased>, DbErr> {
    // Not of a clock that is ahead: until its time had come, every other erasure would find itself done. To the
    // precision of PostgreSQL.
    let until = until.min(now).trunc_subsecs(6);
    if !customer_erasure::begin(transaction, customer, until).await? {
        return Ok(None);
    }
    let erased = carry_out(eraser, transaction, customer, until, now).await?;
    Ok(Some(erased))
}

async fn carry_out(
    eraser: &dyn Eraser,
    transaction: &DatabaseTransaction,
    customer: Uuid,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Erased, DbErr> {
    // Keys of idempotency stay until they expire: a request that is repeated must not take effect again.
    let erased = eraser.erase(transaction, customer, until, now).await?;
    if erased.open.is_empty() {
        customer_erasure::finish(transaction, customer, until, now).await?;
    }
    Ok(erased)
}

/// Erases the customer if the event says that they were deleted, and returns whether it does.
pub async fn follow(
    eraser: &dyn Eraser,
    transaction: &DatabaseTransaction,
    event: &Event,
    now: DateTime<Utc>,
) -> Result<bool, HandleError> {
    let Some(deleted) = inbox::read::<CustomerDeleted>(event, CUSTOMER_DELETED)? else {
        return Ok(false);
    };
    let customer = IdKind::Customer.of_event(&deleted.customer_id)?;
    let until = event.happened_at(deleted.timestamp);
    erase(eraser, transaction, customer, until, now).await?;
    Ok(true)
}

/// A subscriber that only erases customers.
pub fn subscriber(group: ConsumerGroup, eraser: Arc<dyn Eraser>) -> Subscriber {
    Subscriber {
        group,
        handler: Arc::new(EraseDeleted(eraser)),
    }
}

struct EraseDeleted(Arc<dyn Eraser>);

#[async_trait]
impl Handler for EraseDeleted {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        follow(&*self.0, transaction, event, now).await.map(drop)
    }
}

/// The job that continues erasures which had to leave something, in one of all instances.
pub fn job(name: &'static str, context: &WorkerContext, eraser: Arc<dyn Eraser>) -> Job {
    let context = context.clone();
    Job::new(name, move || {
        let (context, eraser) = (context.clone(), eraser.clone());
        async move {
            let work = || async {
                let now = context.clock.now();
                resume(&context.database, &*eraser, now).await.map(drop)
            };
            jobs::run_leased(&context, name, INTERVAL, work).await;
        }
    })
}

/// Continues erasures which had to leave something, each in a transaction of its own, and returns how many are finished
/// now.
pub async fn resume(
    database: &Database,
    eraser: &dyn Eraser,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let mut finished = 0;
    let mut last = None;
    while let page = customer_erasure::unfinished(database.read(), last, PAGE).await?
        && let Some(end) = page.last()
    {
        last = Some(end.customer_id);
        for row in &page {
            let transaction = database.begin().await?;
            let current = customer_erasure::lock(&transaction, row.customer_id).await?;
            let Some(current) = current.filter(|row| row.finished_at.is_none()) else {
                transaction.rollback().await;
                continue;
            };
            let (customer, until) = (current.customer_id, current.erased_at);
            let erased = carry_out(eraser, &transaction, customer, until, now).await?;
            transaction.commit().await?;
            finished += u64::from(erased.open.is_empty());
        }
    }
    Ok(finished)
}
