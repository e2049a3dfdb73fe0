//! The events by which other domains follow the stock.

use chrono::{DateTime, Utc};
use entities::orders::stock_level;
use entities::orders::stock_movement::MovementKind;
use platform::database::DatabaseTransaction;
use platform::event_type::EventType;
use platform::outbox::{self, NewEvent};
use resolvers::id::IdKind;
use schemars::JsonSchema;
use sea_orm::DbErr;
use serde::Serialize;

use crate::stock_write::Cause;

/// The topic of the stock's events.
pub const TOPIC: &str = "inventory.events";

/// The stock of products changed, or is told again.
pub const ADJUSTED: &str = "inventory.adjusted";

/// The events about the stock.
pub(crate) const TYPE: EventType = EventType::new::<Adjusted<'_>>(TOPIC, ADJUSTED);

/// The aggregate of ledgers that begin, and of levels that are told again.
pub(crate) const OPENING: &str = "opening";

/// Most products of one event.
const PRODUCTS_PER_EVENT: usize = 100;

/// The stock of products from now on. Version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Adjusted<'a> {
    version: u32,
    actor: &'a str,
    products: &'a [PublishedLevel],
    timestamp: DateTime<Utc>,
}

/// A product's stock from now on.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PublishedLevel {
    product_id: String,
    /// Counts the changes of this product's stock: the higher number is the newer level.
    sequence: i64,
    /// `opening`, `ordered`, `cancelled`, `returned`, `restocked`, `corrected` or `written_off`.
    kind: &'static str,
    available_quantity: i32,
    damaged_quantity: i32,
    /// How many units more can be sold than before.
    change: i32,
}

impl PublishedLevel {
    pub(crate) fn new(level: &stock_level::Model, kind: MovementKind, change: i32) -> Self {
        Self {
            product_id: IdKind::Product.format(level.product_id),
            sequence: level.sequence,
            kind: kind.as_str(),
            available_quantity: level.available,
            damaged_quantity: level.damaged,
            change,
        }
    }
}

pub(crate) async fn adjusted(
    transaction: &DatabaseTransaction,
    levels: Vec<PublishedLevel>,
    cause: &Cause<'_>,
) -> Result<(), DbErr> {
    for products in levels.chunks(PRODUCTS_PER_EVENT) {
        let event = NewEvent {
            topic: TOPIC,
            event_type: ADJUSTED,
            aggregate_id: cause.aggregate,
            data: Adjusted {
                version: 1,
                actor: cause.actor,
                products,
                timestamp: cause.now,
            },
        };
        outbox::append(transaction, event, cause.now).await?;
    }
    Ok(())
}
