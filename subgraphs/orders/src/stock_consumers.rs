//! Stock and store credit follow other domains: units of completed returns come back, refunds that are given as credit can
//! be spent, and the ledgers of new products begin.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::orders::stock_movement::MovementKind;
use entities::orders::{order_item, stock_level, stock_movement};
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{self, ConsumerGroup, HandleError, Handler, Subscriber};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money, Rounding};
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

use crate::inventory_events::{self, PublishedLevel};
use crate::rules::stock::{self, ReturnedCondition};
use crate::stock_write::{self, Cause, MAX_PRODUCTS, Movement};
use crate::store_credit_write;

pub(crate) const RETURNS: ConsumerGroup = ConsumerGroup {
    name: "orders.returns",
    topics: &["returns.events"],
};

pub(crate) const CATALOG: ConsumerGroup = ConsumerGroup {
    name: "orders.catalog",
    topics: &["search.events"],
};

pub(crate) fn subscribers() -> [Subscriber; 2] {
    [
        Subscriber {
            group: RETURNS,
            handler: Arc::new(FollowReturns),
        },
        Subscriber {
            group: CATALOG,
            handler: Arc::new(NewProducts),
        },
    ]
}

/// Counts the units of completed returns, and credits customers.
struct FollowReturns;

/// The fields used of `return.store_credit_issued` and `return.store_credit_recorded`, version 1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credited {
    return_id: String,
    customer_id: String,
    currency: CurrencyCode,
    /// Of the return; missing in events from before customers could spend it, which are recorded again.
    total_amount: Option<Decimal>,
}

/// The fields used of `return.completed`, version 1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Completed {
    return_id: String,
    items: Vec<ReturnedItem>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReturnedItem {
    order_item_id: String,
    /// Null in returns from before this field existed.
    product_id: Option<String>,
    quantity: i32,
    condition: ReturnedCondition,
}

#[async_trait]
impl Handler for FollowReturns {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        for kind in ["return.store_credit_issued", "return.store_credit_recorded"] {
            if let Some(credited) = inbox::read::<Credited>(event, kind)? {
                return credit(transaction, &credited, now).await;
            }
        }
        let Some(completed) = inbox::read::<Completed>(event, "return.completed")? else {
            return Ok(());
        };
        let movements = movements(transaction, &completed).await?;
        let products: Vec<Uuid> = movements.iter().map(|movement| movement.product).collect();
        let locked = stock_level::lock(transaction, &products).await?;
        if let Some(unknown) = products
            .iter()
            .find(|product| !locked.contains_key(product))
        {
            let product = IdKind::Product.format(*unknown);
            return Err(HandleError::Later(format!(
                "the catalog has not announced {product} yet"
            )));
        }
        let references: Vec<String> = movements.iter().map(|one| one.reference.clone()).collect();
        let kind = MovementKind::Returned;
        let known = stock_movement::known_references(transaction, &references, kind).await?;
        let new = movements
            .into_iter()
            .filter(|movement| !known.contains(&movement.reference));
        let cause = Cause {
            actor: "returns",
            aggregate: &completed.return_id,
            now,
        };
        let applied = stock_write::apply(transaction, locked, new.collect(), &cause).await?;
        Ok(stock_write::possible(applied)?)
    }
}

async fn credit(
    transaction: &DatabaseTransaction,
    credited: &Credited,
    now: DateTime<Utc>,
) -> Result<(), HandleError> {
    let Some(total) = credited.total_amount else {
        return Ok(());
    };
    let total = Money::from_decimal(total, credited.currency, Rounding::Down)
        .ok_or_else(|| HandleError::Unusable(format!("{total} is no amount")))?;
    let customer = IdKind::Customer.of_event(&credited.customer_id)?;
    let return_id = IdKind::Return.of_event(&credited.return_id)?;
    store_credit_write::issue(transaction, customer, return_id, total, now).await?;
    Ok(())
}

/// What a return adds to the stock.
async fn movements(
    transaction: &DatabaseTransaction,
    completed: &Completed,
) -> Result<Vec<Movement>, HandleError> {
    let items = completed.items.iter();
    let ids = items.map(|item| IdKind::OrderItem.of_event(&item.order_item_id));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    let rows = order_item::by_ids(transaction, &ids).await?;
    let mut movements = Vec::with_capacity(ids.len());
    for (item, id) in completed.items.iter().zip(ids) {
        let product = match &item.product_id {
            Some(product) => IdKind::Product.of_event(product)?,
            None => match rows.get(&id) {
                Some(row) => row.product_id,
                None => continue,
            },
        };
        let (of, item_id) = (&completed.return_id, &item.order_item_id);
        movements.push(Movement {
            product,
            units: stock::returned(item.condition, item.quantity),
            kind: MovementKind::Returned,
            reference: format!("{of}:{item_id}"),
            order_item: Some(id),
            reason: None,
        });
    }
    Ok(movements)
}

/// Begins the ledgers of products that are new in the catalog, and tells the stock of those that have one already to
/// those who did not know the product then.
struct NewProducts;

/// The fields used of `product.upserted.v1` and `product.stock.v1`.
#[derive(Debug, Deserialize)]
struct Announced {
    products: Vec<AnnouncedProduct>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnnouncedProduct {
    id: String,
    available_quantity: i32,
    /// Whether the catalog did not know it before.
    #[serde(default = "is_created")]
    created: bool,
}

/// Products of `product.stock.v1` do not know their ledger.
const fn is_created() -> bool {
    true
}

#[async_trait]
impl Handler for NewProducts {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let announced = match (
            inbox::read::<Announced>(event, "product.upserted.v1")?,
            inbox::read::<Announced>(event, "product.stock.v1")?,
        ) {
            (Some(announced), _) | (None, Some(announced)) => announced,
            (None, None) => return Ok(()),
        };
        for products in announced.products.chunks(MAX_PRODUCTS) {
            announce(transaction, products, now).await?;
        }
        Ok(())
    }
}

async fn announce(
    transaction: &DatabaseTransaction,
    products: &[AnnouncedProduct],
    now: DateTime<Utc>,
) -> Result<(), HandleError> {
    let mut quantities = HashMap::with_capacity(products.len());
    let mut created = Vec::new();
    for product in products {
        let id = IdKind::Product.of_event(&product.id)?;
        quantities.insert(id, product.available_quantity);
        if product.created {
            created.push(id);
        }
    }
    // Not locked: of two levels, whoever reads them uses the newer one.
    let known = stock_level::of_products(transaction, &created).await?;
    stock_write::open(transaction, &quantities, stock_write::CATALOG, now).await?;
    let levels = known.values();
    let levels = levels.map(|level| PublishedLevel::new(level, MovementKind::Opening, 0));
    let cause = Cause {
        actor: stock_write::CATALOG,
        aggregate: inventory_events::OPENING,
        now,
    };
    inventory_events::adjusted(transaction, levels.collect(), &cause).await?;
    Ok(())
}
