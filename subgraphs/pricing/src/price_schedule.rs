//! Prices that change by themselves: scheduled changes take effect at their moment, and the beginning and end of
//! adjustments are published.

use std::collections::HashSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::pricing::{product_price, scheduled_price_change};
use metrics::counter;
use platform::tasks::{Step, Task, TaskError};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::State;
use crate::events;
use crate::price_write::{self, ProductChange};

/// Prices that change in one transaction.
const AT_ONCE: u64 = 500;

/// Does what is due, and runs again at the next moment. There is one for all products.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct FollowSchedule {}

#[async_trait]
impl Task for FollowSchedule {
    const KIND: &'static str = "price_schedule";
    type State = State;

    fn key(&self) -> Uuid {
        Uuid::nil()
    }

    fn subject(&self) -> String {
        "prices".to_owned()
    }

    async fn run(&self, state: &State, _attempt: u32) -> Result<Step, TaskError> {
        let next = follow(state)
            .await
            .map_err(|error| TaskError::failed(&error))?;
        Ok(next.map_or(Step::Done, Step::RetryAt))
    }
}

/// Does everything that is due, and returns when there is something again.
async fn follow(state: &State) -> Result<Option<DateTime<Utc>>, DbErr> {
    while apply_due(state).await? || publish_due(state).await? {}
    let db = state.database.write();
    let change = scheduled_price_change::next(db).await?;
    let adjustment = product_price::next_change(db).await?;
    Ok([change, adjustment].into_iter().flatten().min())
}

/// Applies the first scheduled changes that are due. Returns whether there were any.
async fn apply_due(state: &State) -> Result<bool, DbErr> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    events::lock_prices(&transaction).await?;
    let due = scheduled_price_change::lock_due(&transaction, now, AT_ONCE).await?;
    if due.is_empty() {
        transaction.rollback().await;
        return Ok(false);
    }
    let (mut changes, mut applied) = (Vec::new(), Vec::new());
    let mut products = HashSet::new();
    for row in due {
        // A product's second change follows in the next round.
        if !products.insert(row.product_id) {
            break;
        }
        match serde_json::from_value(row.change) {
            Ok(change) => {
                applied.push(row.id);
                changes.push(ProductChange {
                    product: row.product_id,
                    change,
                    reason: row.reason,
                    actor: row.actor,
                });
            }
            Err(error) => {
                let product_id = IdKind::Product.format(row.product_id);
                tracing::error!(product_id, %error, "scheduled price change cannot be read");
                scheduled_price_change::fail(&transaction, row.id, &error.to_string()).await?;
            }
        }
    }
    let products: Vec<Uuid> = changes.iter().map(|change| change.product).collect();
    let locked = product_price::lock(&transaction, &products).await?;
    price_write::apply(&transaction, &locked, changes, state.floor_percent, now).await?;
    scheduled_price_change::remove(&transaction, &applied).await?;
    transaction.commit().await?;
    counter!("vantage_pricing_price_changes_total", "by" => "schedule")
        .increment(applied.len() as u64);
    tracing::info!(
        changes = applied.len(),
        "scheduled price changes took effect"
    );
    Ok(true)
}

/// Publishes the first prices of which an adjustment has begun or ended. Returns whether there were any.
async fn publish_due(state: &State) -> Result<bool, DbErr> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    events::lock_prices(&transaction).await?;
    let due = product_price::due(&transaction, now, AT_ONCE).await?;
    if due.is_empty() {
        transaction.rollback().await;
        return Ok(false);
    }
    price_write::publish_due(&transaction, &due, state.floor_percent, now).await?;
    transaction.commit().await?;
    Ok(true)
}
