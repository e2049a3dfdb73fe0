//! Tells the sandbox's warehouse which orders wait for it.

use std::time::Duration;

use entities::orders::order;
use platform::database::Database;
use resolvers::id::IdKind;
use sandbox::{Sandbox, WaitingOrder};

/// Maximum number of orders that wait at once, the oldest first.
const MAX_WAITING: u64 = 500;

/// How often orders are read: several times an hour of the sandbox.
const READS_PER_HOUR: u32 = 8;
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
const LONGEST_INTERVAL: Duration = Duration::from_secs(5);

/// Reads the paid orders without a parcel, again and again.
pub(super) async fn feed(sandbox: Sandbox, orders: Database) {
    let interval = (sandbox.pace() / READS_PER_HOUR).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
    loop {
        match order::without_parcel(orders.read(), MAX_WAITING).await {
            Ok(waiting) => {
                sandbox.set_waiting_orders(waiting.into_iter().map(waiting_order).collect());
            }
            // The database's health is reported elsewhere.
            Err(error) => tracing::debug!(%error, "orders for the warehouse not readable"),
        }
        tokio::time::sleep(interval).await;
    }
}

fn waiting_order(order: order::Model) -> WaitingOrder {
    WaitingOrder {
        id: IdKind::Order.format(order.id),
        city: order.shipping_address.city,
        region: order.shipping_address.region,
    }
}
