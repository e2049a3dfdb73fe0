//! Reacts to other domains' events: returned products are restocked.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::search::product;
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{self, ConsumerGroup, HandleError, Handler, Subscriber};
use resolvers::id::IdKind;
use serde::Deserialize;

use crate::State;

/// The consumer groups of this domain.
pub const CONSUMERS: &[ConsumerGroup] = &[ConsumerGroup {
    name: "search.returns",
    topics: &["returns.events"],
}];

/// The subscribers of this domain.
pub fn subscribers(state: &State) -> Vec<Subscriber> {
    vec![Subscriber {
        group: CONSUMERS[0],
        handler: Arc::new(RestockHandler(state.clone())),
    }]
}

/// Restocks the units of a completed return.
struct RestockHandler(State);

/// The fields used of `return.completed`, version 1.
#[derive(Debug, Deserialize)]
struct Completed {
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    /// Null in returns from before this field existed.
    product_id: Option<String>,
    quantity: i32,
}

#[async_trait]
impl Handler for RestockHandler {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let Some(completed) = inbox::read::<Completed>(event, "return.completed")? else {
            return Ok(());
        };
        for item in completed.items {
            let Some(product_id) = item.product_id else {
                continue;
            };
            let id = IdKind::Product.of_event(&product_id)?;
            match product::restock(transaction, id, item.quantity, now).await? {
                None => {
                    tracing::warn!(product_id, "returned product is not in the catalog")
                }
                // The index only contains whether there is any stock.
                Some(before) if before <= 0 => self.0.mark_index_outdated(),
                Some(_) => {}
            }
        }
        Ok(())
    }
}
