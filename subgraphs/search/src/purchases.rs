//! Records purchases as signals, from the orders domain's events alone. Those of cancelled orders are withdrawn.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::insert_many;
use entities::search::search_exposure::Outcome;
use entities::search::signal::{self, SignalKind};
use entities::search::{customer_preference, search_exposure};
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{self, HandleError, Handler};
use platform::tables::customer_erasure;
use resolvers::erasure;
use resolvers::id::IdKind;
use serde::Deserialize;
use uuid::Uuid;

use crate::privacy::EraseSearch;
use crate::rules::attribution;

/// Follows orders, and forgets customers who are deleted.
pub(crate) struct PurchaseHandler;

/// The fields used of `order.placed`, version 1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Placed {
    order_id: String,
    customer_id: String,
    items: Vec<PlacedItem>,
    timestamp: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlacedItem {
    product_id: String,
}

/// The fields used of `order.confirmed` and `order.cancelled`, version 1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusChanged {
    order_id: String,
}

#[async_trait]
impl Handler for PurchaseHandler {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        if let Some(placed) = inbox::read::<Placed>(event, "order.placed")? {
            return record(transaction, placed, now).await;
        }
        if let Some(confirmed) = inbox::read::<StatusChanged>(event, "order.confirmed")? {
            let order = IdKind::Order.of_event(&confirmed.order_id)?;
            return attribute(transaction, order, now).await;
        }
        if let Some(cancelled) = inbox::read::<StatusChanged>(event, "order.cancelled")? {
            let order = IdKind::Order.of_event(&cancelled.order_id)?;
            signal::delete_order(transaction, order).await?;
            return Ok(());
        }
        // Some systems publish it beside the orders.
        erasure::follow(&EraseSearch, transaction, event, now).await?;
        Ok(())
    }
}

/// One signal for each product of the order, whatever the quantity.
async fn record(
    transaction: &DatabaseTransaction,
    placed: Placed,
    now: DateTime<Utc>,
) -> Result<(), HandleError> {
    let order = IdKind::Order.of_event(&placed.order_id)?;
    let customer = IdKind::Customer.of_event(&placed.customer_id)?;
    customer_erasure::lock_out(transaction).await?;
    let opted_out = customer_preference::lock_opted_out(transaction, customer).await?;
    // The event may be older than the customer's deletion, and arrive after it.
    let erasure = customer_erasure::find(transaction, customer).await?;
    let is_erased = erasure.is_some_and(|erasure| placed.timestamp <= erasure.erased_at);
    let is_theirs = !opted_out && !is_erased;
    let rows = placed.items.iter().map(|item| {
        Ok(signal::Model {
            id: Uuid::now_v7(),
            customer_id: is_theirs.then_some(customer),
            kind: SignalKind::Purchase,
            product_id: IdKind::Product.of_event(&item.product_id)?,
            query_id: None,
            position: None,
            // Nothing can have happened after the event that reports it.
            occurred_at: placed.timestamp.min(now),
            order_id: Some(order),
        })
    });
    let rows = rows.collect::<Result<Vec<_>, HandleError>>()?;
    insert_many::<signal::Entity>(transaction, rows).await?;
    Ok(())
}

/// Counts a paid order as the conversion of the searches that led to its products.
async fn attribute(
    transaction: &DatabaseTransaction,
    order: Uuid,
    now: DateTime<Utc>,
) -> Result<(), HandleError> {
    let bought = signal::of_order(transaction, order).await?;
    let Some((customer, bought_at)) = bought
        .first()
        .and_then(|first| Some((first.customer_id?, first.occurred_at)))
    else {
        return Ok(());
    };
    let products: Vec<Uuid> = bought.iter().map(|signal| signal.product_id).collect();
    let since = bought_at - attribution::CONVERSION;
    let searches = signal::searches_of(transaction, customer, &products, since).await?;
    for query in searches.into_values() {
        let outcome = Outcome::Conversion;
        search_exposure::record_outcome(transaction, query, customer, outcome, since, now).await?;
    }
    Ok(())
}
