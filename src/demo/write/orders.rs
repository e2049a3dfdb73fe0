//! The orders domain: customers, payment methods, orders with their lines, timelines and movements of stock.

use std::ops::Range;

use chrono::Duration;
use entities::orders::order_event::Actor;
use entities::orders::payment_method::PaymentMethodKind;
use entities::orders::{customer, order, order_event, order_item, payment_method, stock_movement};
use platform::database::{Database, DatabaseTransaction};

use super::{CHUNK, chunks, insert, is_written, stock};
use crate::demo::customers::{Customer, DEMO_CUSTOMER_EMAIL};
use crate::demo::orders::Order;
use crate::demo::stock::Ledgers;
use crate::demo::{Plan, Progress, Stream};

/// Whether the whole shop exists, or another one does.
pub(super) async fn is_complete(database: &Database, plan: &Plan) -> anyhow::Result<bool> {
    // A customer who was erased has no address any more; a shop of another seed has other ids.
    let found = customer::by_ids(database.write(), &[plan.customer(0).id]).await?;
    if !found.is_empty() {
        return Ok(true);
    }
    Ok(customer::by_email(database.write(), DEMO_CUSTOMER_EMAIL)
        .await?
        .is_some())
}

/// Writes all but the demo customer with the first orders, which complete the shop and are returned.
pub(super) async fn write(
    database: &Database,
    plan: &Plan,
    progress: &Progress,
) -> anyhow::Result<Rows> {
    let ledgers = Ledgers::new(plan, progress);
    stock::write_levels(database, plan, &ledgers, progress).await?;
    for chunk in chunks(1, plan.customers) {
        Rows::of_customers(plan, chunk)
            .write(database, progress)
            .await?;
    }
    let mut sequences = ledgers.sequences.iter().copied();
    let end = CHUNK.min(plan.orders);
    let demo = Rows::of_customers(plan, 0..1);
    let first = Rows {
        customers: demo.customers,
        methods: demo.methods,
        ..Rows::of_orders(plan, 0..end, &mut sequences)
    };
    for chunk in chunks(end, plan.orders) {
        Rows::of_orders(plan, chunk, &mut sequences)
            .write(database, progress)
            .await?;
    }
    Ok(first)
}

/// The rows of a transaction.
#[derive(Default)]
pub(super) struct Rows {
    customers: Vec<customer::Model>,
    methods: Vec<payment_method::Model>,
    orders: Vec<order::Model>,
    items: Vec<order_item::Model>,
    events: Vec<order_event::Model>,
    movements: Vec<stock_movement::Model>,
}

impl Rows {
    fn of_customers(plan: &Plan, indexes: Range<u32>) -> Self {
        let joined = plan.now - Duration::days(400);
        let mut rows = Self::default();
        for index in indexes {
            let row = plan.customer(index);
            rows.methods.push(payment_method::Model {
                id: row.id,
                customer_id: row.id,
                kind: PaymentMethodKind::Card,
                last4: Some(row.card_last4),
                token: format!("pm_demo_{index}"),
                expires_at: Some(plan.now + Duration::days(700)),
                closed_at: None,
                created_at: joined,
            });
            rows.customers.push(customer::Model {
                id: row.id,
                email: row.email,
                name: row.name,
                created_at: joined,
            });
        }
        rows
    }

    /// `sequences` goes on where the orders before these have ended.
    fn of_orders(
        plan: &Plan,
        indexes: Range<u32>,
        sequences: &mut impl Iterator<Item = i64>,
    ) -> Self {
        let orders: Vec<_> = indexes.map(|index| plan.order(index)).collect();
        let events = orders.iter().flat_map(|order| event_rows(order, plan));
        Self {
            orders: orders.iter().map(order_row).collect(),
            items: orders.iter().flat_map(item_rows).collect(),
            events: events.collect(),
            movements: stock::movement_rows(plan, &orders, sequences),
            ..Self::default()
        }
    }

    /// Writes them in a transaction, unless an interrupted run has.
    pub(super) async fn write(
        self,
        database: &Database,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let orders = self.orders.len();
        let transaction = database.begin().await?;
        if !self.is_known(&transaction).await? {
            let rows = insert::<customer::Entity>(&transaction, self.customers).await?
                + insert::<payment_method::Entity>(&transaction, self.methods).await?
                + insert::<order::Entity>(&transaction, self.orders).await?
                + insert::<order_item::Entity>(&transaction, self.items).await?
                + insert::<order_event::Entity>(&transaction, self.events).await?
                + insert::<stock_movement::Entity>(&transaction, self.movements).await?;
            transaction.commit().await?;
            progress.add_rows(rows);
        }
        progress.add_orders(orders);
        Ok(())
    }

    async fn is_known(&self, transaction: &DatabaseTransaction) -> anyhow::Result<bool> {
        if let Some(last) = self.customers.last() {
            let found = customer::by_ids(transaction, &[last.id]).await?;
            return Ok(!found.is_empty());
        }
        let Some(last) = self.orders.last() else {
            return Ok(false);
        };
        let found = order::by_ids(transaction, &[last.id]).await?;
        let found = found.get(&last.id).map(|found| found.customer_id);
        is_written(found, last.customer_id)
    }
}

fn order_row(order: &Order) -> order::Model {
    let last = [
        order.delivered_at,
        order.cancelled_at,
        order.shipped_at,
        order.confirmed_at,
    ];
    order::Model {
        id: order.id,
        customer_id: order.customer.id,
        status: order.status,
        usd_amount: order.total_usd,
        local_currency_amount: order.total(),
        local_currency_code: order.currency.as_str().to_owned(),
        exchange_rate: order.rate.to_string(),
        store_credit_amount: 0,
        subtotal_amount: order.subtotal,
        shipping_amount: order.shipping,
        tax_amount: order.tax,
        shipping_address: address(&order.customer),
        billing_address: None,
        shipping_option: Some("standard".to_owned()),
        payment_method_id: order.customer.id,
        payment_intent_id: Some(format!("pi_demo_{}", order.index)),
        placed_at: order.placed_at,
        confirmed_at: order.confirmed_at,
        shipped_at: order.shipped_at,
        delivered_at: order.delivered_at,
        cancelled_at: order.cancelled_at,
        updated_at: last.into_iter().flatten().next().unwrap_or(order.placed_at),
    }
}

fn address(customer: &Customer) -> order::Address {
    let place = customer.place;
    order::Address {
        name: customer.name.clone(),
        line1: "1 Demo Street".to_owned(),
        line2: None,
        city: place.city.to_owned(),
        region: place.region.map(str::to_owned),
        postal_code: place.postal_code.to_owned(),
        country_code: place.country.to_owned(),
    }
}

fn item_rows(order: &Order) -> impl Iterator<Item = order_item::Model> {
    order
        .lines
        .iter()
        .zip(0..)
        .map(|(line, position)| order_item::Model {
            id: line.id,
            order_id: order.id,
            customer_id: order.customer.id,
            position,
            product_id: line.product.id,
            product_name: line.product.title.clone(),
            restriction: line.product.restriction,
            quantity: line.quantity,
            unit_price_amount: line.unit_price,
            tax_amount: line.tax,
            currency_code: order.currency.as_str().to_owned(),
        })
}

fn event_rows(order: &Order, plan: &Plan) -> Vec<order_event::Model> {
    let steps = [
        ("order.placed", Actor::Customer, Some(order.placed_at)),
        ("order.confirmed", Actor::Payment, order.confirmed_at),
        ("order.cancelled", Actor::Customer, order.cancelled_at),
        ("order.shipped", Actor::Carrier, order.shipped_at),
        ("order.delivered", Actor::Carrier, order.delivered_at),
    ];
    steps
        .into_iter()
        .filter_map(|(event, actor, at)| Some((event, actor, at?)))
        .zip(0_u64..)
        .map(
            |((event, actor, occurred_at), position)| order_event::Model {
                id: plan.id(Stream::Event, u64::from(order.index) * 16 + position),
                order_id: order.id,
                event: event.to_owned(),
                actor: actor.as_str().to_owned(),
                detail: None,
                occurred_at,
            },
        )
        .collect()
}
