//! The demo shop: customers, products, orders and their history. A seed and a date determine everything: the same two
//! give the same shop, row for row and id for id, at any size.

mod attributes;
mod catalog;
mod customers;
mod live;
mod orders;
mod places;
mod progress;
mod returns;
mod shipments;
mod signals;
mod stock;
mod write;

use chrono::{DateTime, Utc};
use platform::clock::Clock;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use uuid::{Builder, Uuid};

use crate::config;

pub(crate) use customers::{DEMO_CUSTOMER_EMAIL, SIGN_IN_EMAILS};
pub(crate) use live::run;
pub(crate) use progress::Progress;
pub(crate) use write::{Databases, seed};

/// Queries with products of the shop with the default seed that people have graded, in the format of
/// `vantage search evaluate`.
pub(crate) const JUDGED_QUERIES: &str = include_str!("judged_queries.json");

/// The parameters of a shop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) orders: u32,
    /// At least one in each category.
    pub(crate) products: u32,
    pub(crate) customers: u32,
    /// The shop's "now"; orders were placed before it.
    pub(crate) now: DateTime<Utc>,
}

/// Random streams by kind of generated record, so that adding an order does not change the others.
#[derive(Clone, Copy, Debug)]
enum Stream {
    Customer = 1,
    Product = 2,
    Order = 3,
    OrderItem = 4,
    Shipment = 5,
    Return = 6,
    Notification = 7,
    Event = 8,
    Price = 9,
    ShipmentEvent = 10,
    ReturnShipment = 11,
    Signal = 12,
    StockCorrection = 13,
}

/// Ids use times of this epoch rather than the shop's "now", so that they are the same every day.
const ID_EPOCH_MILLIS: u64 = 1_735_689_600_000; // 2025-01-01T00:00:00Z

/// Those that the web pages offer to sign in as.
const FEWEST_CUSTOMERS: u32 = 3;

/// Each customer orders about forty times, and there are at least fifty.
fn usual_customers(orders: u32) -> u32 {
    (orders / 40).max(50)
}

impl Plan {
    /// The shop of this configuration; "now" is the configured date or the clock's.
    pub(crate) fn new(demo: &config::Demo, clock: &Clock) -> Self {
        Self {
            seed: demo.seed,
            orders: demo.orders,
            products: demo.products.max(catalog::CATEGORY_COUNT),
            customers: demo
                .customers
                .unwrap_or_else(|| usual_customers(demo.orders))
                .max(FEWEST_CUSTOMERS),
            now: demo.now.unwrap_or_else(|| clock.now()),
        }
    }

    /// A shop of the usual number of products and customers.
    #[cfg(test)]
    fn of(orders: u32) -> Self {
        use chrono::TimeZone;
        Self {
            seed: 1,
            orders,
            products: 500,
            customers: usual_customers(orders),
            now: Utc
                .with_ymd_and_hms(2025, 10, 9, 12, 0, 0)
                .single()
                .unwrap_or_default(),
        }
    }

    /// The random stream of one thing.
    fn random(&self, stream: Stream, index: u64) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream((stream as u64) << 56 | index);
        random
    }

    /// The id of one thing: a UUIDv7 that sorts by index.
    fn id(&self, stream: Stream, index: u64) -> Uuid {
        self.id_at(stream, index, ID_EPOCH_MILLIS + index * 1_000)
    }

    /// The id of one thing whose ids sort by time, in milliseconds since 1970.
    fn id_at(&self, stream: Stream, index: u64, millis: u64) -> Uuid {
        use rand::Rng;
        let mut random = [0; 10];
        self.random(stream, index | 1 << 55).fill_bytes(&mut random);
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}
