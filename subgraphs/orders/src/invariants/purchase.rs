//! What other domains' data must fit: what was bought and paid, for checks that span several databases.

use std::collections::{HashMap, HashSet};

use entities::orders::stock_movement::{self, MovementKind};
use entities::orders::{
    order, order_decision, order_item, order_payment, order_refund, order_review,
    store_credit_entry,
};
use platform::database::ReadTransaction;
use platform::tables::inbox_delivery;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use super::{amounts, of};
use crate::stock_consumers;

/// An order as far as its returns depend on it. Amounts are in minor units of its currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    pub customer: Uuid,
    pub currency: String,
    pub total: i64,
    /// What the payment method paid at most; `None` if the payment provider charged another amount, which a person settles.
    pub captured: Option<i64>,
    /// What support has refunded of it, or is about to.
    pub refunded: i64,
    pub payment_intent: Option<String>,
    pub items: HashMap<Uuid, PurchasedItem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurchasedItem {
    pub quantity: i32,
}

/// The orders with these ids that exist.
pub async fn purchases(
    db: &ReadTransaction,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Purchase>, DbErr> {
    let rows = order::by_ids(db, ids).await?;
    let mut items = order_item::of_orders(db, ids).await?;
    let payments = order_payment::of_orders(db, ids).await?;
    let mut refunds = order_refund::of_orders(db, ids).await?;
    let reviews = order_review::of_orders(db, ids).await?;
    let mut decisions = order_decision::of_orders(db, ids).await?;
    let mut purchases = HashMap::with_capacity(rows.len());
    for (id, row) in rows {
        let own: Vec<_> = of(&mut items, id);
        let items = own.iter().map(|item| {
            let quantity = item.quantity;
            (item.id, PurchasedItem { quantity })
        });
        let captured = amounts::captured(&row, payments.get(&id));
        let decisions: Vec<_> = of(&mut decisions, id);
        let is_known = !amounts::was_mismatched(reviews.get(&id), &decisions);
        let purchase = Purchase {
            customer: row.customer_id,
            currency: row.local_currency_code.clone(),
            total: row.local_currency_amount,
            captured: is_known.then_some(captured),
            refunded: order_refund::total(&of::<Vec<_>>(&mut refunds, id)),
            payment_intent: row.payment_intent_id.clone(),
            items: items.collect(),
        };
        purchases.insert(id, purchase);
    }
    Ok(purchases)
}

/// The store credit that customers have got for these returns, in minor units by return and currency.
pub async fn credited(
    db: &ReadTransaction,
    returns: &[Uuid],
) -> Result<HashMap<Uuid, HashMap<String, i64>>, DbErr> {
    let mut credited: HashMap<Uuid, HashMap<String, i64>> = HashMap::new();
    for entry in store_credit_entry::of_returns(db, returns).await? {
        if let Some(id) = entry.return_id {
            let of_return = credited.entry(id).or_default();
            *of_return.entry(entry.currency_code).or_default() += entry.amount;
        }
    }
    Ok(credited)
}

/// Which of these returns have events that arrived and had no effect yet.
pub async fn awaited(db: &ReadTransaction, returns: &[Uuid]) -> Result<HashSet<Uuid>, DbErr> {
    let names: HashMap<String, Uuid> = returns
        .iter()
        .map(|&id| (IdKind::Return.format(id), id))
        .collect();
    let aggregates: Vec<String> = names.keys().cloned().collect();
    let group = stock_consumers::RETURNS;
    let mut awaited = HashSet::new();
    for topic in group.topics {
        let waiting = inbox_delivery::waiting_of(db, group.name, topic, &aggregates).await?;
        awaited.extend(waiting.iter().filter_map(|name| names.get(name)));
    }
    Ok(awaited)
}

/// How many units came back to the stock for these lines of returns, each a return and an order line.
pub async fn restocked(
    db: &ReadTransaction,
    lines: &[(Uuid, Uuid)],
) -> Result<HashMap<(Uuid, Uuid), i32>, DbErr> {
    let references: HashMap<String, (Uuid, Uuid)> = lines
        .iter()
        .map(|&(id, item)| {
            let (id_text, item_text) = (IdKind::Return.format(id), IdKind::OrderItem.format(item));
            (format!("{id_text}:{item_text}"), (id, item))
        })
        .collect();
    let names: Vec<String> = references.keys().cloned().collect();
    let movements = stock_movement::of_references(db, &names, MovementKind::Returned).await?;
    let units = movements.into_iter().filter_map(|movement| {
        let line = references.get(&movement.reference)?;
        Some((*line, movement.available + movement.damaged))
    });
    Ok(units.collect())
}
