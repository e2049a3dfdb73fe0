//! Orders, each with all that belongs to it.

use std::collections::HashMap;
use std::sync::Arc;

use entities::orders::stock_movement::{self, MovementKind};
use entities::orders::{
    order, order_decision, order_event, order_item, order_parcel, order_parcel_line, order_payment,
    order_refund, order_review, store_credit_entry,
};
use platform::database::ReadTransaction;
use platform::invariants::timeline::{Published, published};
use platform::invariants::{Inspection, PAGE, Rows, Violation};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use super::{amounts, of, reviews, stock, store_credit, timeline};
use crate::events;
use crate::stock_write::line_reference;

/// An order with all that belongs to it.
pub(super) struct OrderData {
    pub(super) id: String,
    pub(super) row: Arc<order::Model>,
    pub(super) items: Vec<Arc<order_item::Model>>,
    pub(super) events: Vec<Arc<order_event::Model>>,
    pub(super) published: Published,
    pub(super) payment: Option<order_payment::Model>,
    pub(super) refunds: Vec<order_refund::Model>,
    pub(super) review: Option<order_review::Model>,
    pub(super) decisions: Vec<order_decision::Model>,
    pub(super) parcels: Vec<order_parcel::Model>,
    pub(super) parcel_lines: Vec<order_parcel_line::Model>,
    pub(super) movements: Vec<stock_movement::Model>,
    pub(super) credit: Vec<store_credit_entry::Model>,
}

impl OrderData {
    /// Whether the payment provider charged another amount than the order's.
    pub(super) fn was_mismatched(&self) -> bool {
        amounts::was_mismatched(self.review.as_ref(), &self.decisions)
    }
}

pub(super) async fn check(inspection: &mut Inspection<'_>) -> Result<(), DbErr> {
    let rows = Rows {
        name: "orders",
        id: |id: &Uuid| IdKind::Order.format(*id),
    };
    inspection
        .walk(
            rows,
            async |db, after| order::ids_after(db, after, PAGE).await,
            async |db, ids: &[Uuid]| {
                let orders = load(db, ids).await?;
                Ok(orders.iter().flat_map(violations).collect())
            },
        )
        .await
}

fn violations(order: &OrderData) -> Vec<Violation> {
    let mut found = amounts::check(order);
    found.extend(timeline::check(order));
    found.extend(stock::of_order(&order.row, &order.items, &order.movements));
    found.extend(store_credit::of_order(order));
    found.extend(reviews::check(order));
    found
}

async fn load(db: &ReadTransaction, ids: &[Uuid]) -> Result<Vec<OrderData>, DbErr> {
    let rows = order::by_ids(db, ids).await?;
    let mut items = order_item::of_orders(db, ids).await?;
    let mut events = order_event::of_orders(db, ids).await?;
    let mut payments = order_payment::of_orders(db, ids).await?;
    let mut refunds = order_refund::of_orders(db, ids).await?;
    let mut reviews = order_review::of_orders(db, ids).await?;
    let mut decisions = order_decision::of_orders(db, ids).await?;
    let mut parcels = order_parcel::of_orders(db, ids).await?;
    let parcel_ids: Vec<Uuid> = parcels.values().flatten().map(|parcel| parcel.id).collect();
    let parcel_lines = order_parcel_line::of_parcels(db, &parcel_ids).await?;
    let names: Vec<String> = ids.iter().map(|id| IdKind::Order.format(*id)).collect();
    let mut published = published(db, events::TOPIC, &names).await?;
    let mut credit: HashMap<String, Vec<_>> = HashMap::new();
    for entry in store_credit_entry::of_references(db, &names).await? {
        credit
            .entry(entry.reference.clone())
            .or_default()
            .push(entry);
    }
    let mut movements = movements(db, &items).await?;
    let mut orders = Vec::with_capacity(ids.len());
    for (&order, id) in ids.iter().zip(names) {
        let Some(row) = rows.get(&order) else {
            continue;
        };
        let own_parcels: Vec<order_parcel::Model> = of(&mut parcels, order);
        let own = |line: &&order_parcel_line::Model| {
            own_parcels.iter().any(|parcel| parcel.id == line.parcel_id)
        };
        orders.push(OrderData {
            row: row.clone(),
            items: of(&mut items, order),
            events: of(&mut events, order),
            published: published.remove(&id).unwrap_or_default(),
            payment: payments.remove(&order),
            refunds: of(&mut refunds, order),
            review: reviews.remove(&order),
            decisions: of(&mut decisions, order),
            parcel_lines: parcel_lines.iter().filter(own).copied().collect(),
            parcels: own_parcels,
            movements: of(&mut movements, order),
            credit: credit.remove(&id).unwrap_or_default(),
            id,
        });
    }
    Ok(orders)
}

/// What orders took of the stock and gave back, by order.
async fn movements(
    db: &ReadTransaction,
    items: &HashMap<Uuid, Vec<Arc<order_item::Model>>>,
) -> Result<HashMap<Uuid, Vec<stock_movement::Model>>, DbErr> {
    let orders: HashMap<String, Uuid> = items
        .values()
        .flatten()
        .map(|item| (line_reference(item.order_id, item.id), item.order_id))
        .collect();
    let references: Vec<String> = orders.keys().cloned().collect();
    let mut of_orders: HashMap<Uuid, Vec<_>> = HashMap::new();
    for kind in [MovementKind::Ordered, MovementKind::Cancelled] {
        for movement in stock_movement::of_references(db, &references, kind).await? {
            if let Some(order) = orders.get(&movement.reference) {
                of_orders.entry(*order).or_default().push(movement);
            }
        }
    }
    Ok(of_orders)
}
