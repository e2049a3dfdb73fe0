//! Deleting customers, and what is erased of them here.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::orders::order::{self, Address};
use entities::orders::{customer, order_decision, order_event, payment_method};
use platform::database::DatabaseTransaction;
use platform::inbox::ConsumerGroup;
use platform::outbox::{self, NewEvent};
use resolvers::erasure::{self, Erased, Eraser};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::customer_export::page;
use crate::events::{self, CustomerDeleted};

pub use crate::customer_export::export;

pub(crate) const CUSTOMERS: ConsumerGroup = ConsumerGroup {
    name: "orders.customers",
    topics: &[erasure::TOPIC],
};

/// Orders that are not settled, named at most.
const MAX_OPEN: u64 = 100;

/// Deletes names, addresses, payment methods and what was written in words. The amounts and products of orders stay, with
/// the place of taxation, as accounting needs them.
#[derive(Clone, Copy, Debug)]
pub struct EraseOrders;

#[async_trait]
impl Eraser for EraseOrders {
    async fn erase(
        &self,
        transaction: &DatabaseTransaction,
        customer: Uuid,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Erased, DbErr> {
        let mut erased = Erased::default();
        let open = order::open_of_customer(transaction, customer, until, MAX_OPEN).await?;
        erased.open = open.iter().map(|&id| IdKind::Order.format(id)).collect();
        if !open.is_empty() {
            // They have to be paid, sent and written about.
            return Ok(erased);
        }
        let mut after = None;
        loop {
            let page = page(transaction, customer, after).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.placed_at, last.id));
            let past: Vec<_> = page
                .iter()
                .filter(|order| order.placed_at <= until)
                .collect();
            erase_orders(transaction, &past, &mut erased).await?;
            if past.len() < page.len() {
                // They have come back: what they order with now stays.
                return Ok(erased);
            }
        }
        let methods = payment_method::erase_of_customer(transaction, customer, until, now).await?;
        erased.count("payment_methods", methods);
        let customers = customer::erase(transaction, customer, until).await?;
        erased.count("customers", customers);
        Ok(erased)
    }
}

async fn erase_orders(
    transaction: &DatabaseTransaction,
    orders: &[&Arc<order::Model>],
    erased: &mut Erased,
) -> Result<(), DbErr> {
    let mut ids = Vec::new();
    // One statement for each place.
    let mut places: HashMap<(String, Option<String>), (Address, Vec<Uuid>)> = HashMap::new();
    for order in orders {
        ids.push(order.id);
        let rest = order.shipping_address.place_of_taxation();
        if rest == order.shipping_address && order.billing_address.is_none() {
            continue;
        }
        let place = (rest.country_code.clone(), rest.region.clone());
        let of_place = places.entry(place).or_insert((rest, Vec::new()));
        of_place.1.push(order.id);
    }
    for (address, orders) in places.into_values() {
        let changed = order::set_addresses(transaction, &orders, address).await?;
        erased.count("orders", changed);
    }
    let details = order_event::delete_details(transaction, &ids).await?;
    erased.count("order_events", details);
    let notes = order_decision::delete_notes(transaction, &ids).await?;
    erased.count("order_decisions", notes);
    Ok(())
}

/// Deletes a customer: erases what is stored of them here, and publishes that they were deleted, so that the other domains
/// do the same. Orders that are not settled are named in the result, and nothing is erased while there are any; end the
/// transaction with a rollback then.
///
/// # Errors
/// A database that cannot be written.
pub async fn delete_customer(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    now: DateTime<Utc>,
) -> Result<Erased, DbErr> {
    let customer_id = IdKind::Customer.format(customer);
    let data = CustomerDeleted {
        version: 1,
        customer_id: &customer_id,
        timestamp: now,
    };
    let event = NewEvent {
        topic: erasure::TOPIC,
        event_type: events::CUSTOMER_DELETED,
        aggregate_id: &customer_id,
        data,
    };
    outbox::append(transaction, event, now).await?;
    let erased = erasure::erase(&EraseOrders, transaction, customer, now, now).await?;
    Ok(erased.unwrap_or_default())
}
