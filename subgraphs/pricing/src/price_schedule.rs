//! Prices that change by themselves: scheduled changes take effect at their moment, and the beginning and end of
//! adjustments are published.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

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
use crate::price_write::{self, Impossible, ProductChange};

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
    let (mut changes, mut impossible) = (Vec::new(), Vec::new());
    let mut ids = HashMap::new();
    for row in due {
        match ids.entry(row.product_id) {
            Entry::Vacant(first) => first.insert(row.id),
            // A product's second change follows in the next round.
            Entry::Occupied(_) => break,
        };
        match serde_json::from_value(row.change) {
            Ok(change) => changes.push(ProductChange {
                product: row.product_id,
                change,
                reason: row.reason,
                actor: row.actor,
            }),
            Err(error) => impossible.push(Impossible {
                product: row.product_id,
                error: error.to_string(),
            }),
        }
    }
    let products: Vec<Uuid> = changes.iter().map(|change| change.product).collect();
    let locked = product_price::lock(&transaction, &products).await?;
    let floor = state.floor_percent;
    impossible.extend(price_write::apply(&transaction, &locked, changes, floor, now).await?);
    // These are set aside, so that the others take effect.
    for Impossible { product, error } in &impossible {
        if let Some(id) = ids.remove(product) {
            scheduled_price_change::fail(&transaction, id, error).await?;
        }
    }
    let applied: Vec<Uuid> = ids.into_values().collect();
    scheduled_price_change::remove(&transaction, &applied).await?;
    transaction.commit().await?;
    for Impossible { product, error } in impossible {
        let product_id = IdKind::Product.format(product);
        tracing::error!(
            product_id,
            error,
            "scheduled price change cannot take effect"
        );
        counter!("vantage_pricing_scheduled_changes_failed_total").increment(1);
    }
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
