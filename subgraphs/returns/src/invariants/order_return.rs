//! What is returned of each order, for checks that span several databases.

use std::collections::{HashMap, HashSet};

use entities::returns::customer_return;
use entities::returns::store_credit::StoreCreditReason;
use platform::database::ReadTransaction;
use platform::tables::outbox_event;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use super::customer_return::{ReturnData, load};
use super::refund;
use crate::events;
use crate::rules::status::ReturnStatus;

/// A return of an order. Amounts are in minor units of its currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderReturn {
    pub id: Uuid,
    pub customer: Uuid,
    pub currency: String,
    pub is_cancelled: bool,
    pub is_completed: bool,
    /// The payment that was refunded.
    pub payment_intent: Option<String>,
    /// What was refunded through the payment method.
    pub paid_back: i64,
    /// What was given as store credit.
    pub credited: i64,
    /// Whether a person decided to give store credit.
    pub is_credit_decided: bool,
    /// Whether other domains may not know all of it yet, because events of it are still on their way.
    pub is_in_flight: bool,
    pub lines: Vec<ReturnedLine>,
}

/// Units of an order line in a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnedLine {
    pub order_item: Uuid,
    pub quantity: i32,
}

/// Orders that have returns after this one, in order.
pub async fn orders_after(
    db: &ReadTransaction,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    customer_return::orders_after(db, after, limit).await
}

/// The returns of each of these orders, cancelled ones included.
pub async fn returns_of_orders(
    db: &ReadTransaction,
    orders: &[Uuid],
) -> Result<HashMap<Uuid, Vec<OrderReturn>>, DbErr> {
    let rows = customer_return::of_any_orders(db, orders).await?;
    let ids: Vec<Uuid> = rows.values().flatten().map(|row| row.id).collect();
    let names: Vec<String> = ids.iter().map(|id| IdKind::Return.format(*id)).collect();
    let undelivered = outbox_event::undelivered(db, events::TOPIC, &names).await?;
    let mut by_order: HashMap<Uuid, Vec<OrderReturn>> = HashMap::new();
    for data in load(db, &ids).await? {
        let of_order = by_order.entry(data.row.order_id).or_default();
        of_order.push(facts(&data, &undelivered));
    }
    Ok(by_order)
}

fn facts(of: &ReturnData, undelivered: &HashSet<String>) -> OrderReturn {
    let row = &of.row;
    let credit = of.credit.as_ref();
    let lines = of.items.iter().map(|item| ReturnedLine {
        order_item: item.order_item_id,
        quantity: item.quantity,
    });
    OrderReturn {
        id: row.id,
        customer: row.customer_id,
        currency: row.currency.clone(),
        is_cancelled: row.status == ReturnStatus::Cancelled,
        is_completed: row.status == ReturnStatus::Completed,
        payment_intent: row.payment_intent_id.clone().filter(|id| !id.is_empty()),
        paid_back: refund::paid_back(of),
        credited: credit.map_or(0, |credit| credit.amount),
        is_credit_decided: credit
            .is_some_and(|credit| credit.reason == StoreCreditReason::SupportDecision),
        is_in_flight: undelivered.contains(&of.id)
            || credit.is_some_and(|credit| credit.announced_at.is_none()),
        lines: lines.collect(),
    }
}
