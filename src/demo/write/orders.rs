//! The orders domain: customers, payment methods, orders with their lines, timelines and movements of stock.

use chrono::Duration;
use entities::insert_many;
use entities::orders::order_event::Actor;
use entities::orders::payment_method::PaymentMethodKind;
use entities::orders::{customer, order, order_event, order_item, payment_method, stock_movement};
use platform::database::Database;

use super::{Plan, stock};
use crate::demo::Stream;
use crate::demo::customers::{Customer, DEMO_CUSTOMER_EMAIL};
use crate::demo::orders::Order;
use crate::demo::stock::Ledgers;

/// Whether the shop exists.
pub(super) async fn is_written(database: &Database) -> anyhow::Result<bool> {
    Ok(customer::by_email(database.write(), DEMO_CUSTOMER_EMAIL)
        .await?
        .is_some())
}

pub(super) async fn write(database: &Database, plan: &Plan) -> anyhow::Result<()> {
    let transaction = database.begin().await?;
    let joined = plan.now - Duration::days(400);
    let (mut customers, mut methods) = (Vec::new(), Vec::new());
    for index in 0..plan.customers() {
        let row = plan.customer(index);
        methods.push(payment_method::Model {
            id: row.id,
            customer_id: row.id,
            kind: PaymentMethodKind::Card,
            last4: Some(row.card_last4),
            token: format!("pm_demo_{index}"),
            expires_at: Some(plan.now + Duration::days(700)),
            closed_at: None,
            created_at: joined,
        });
        customers.push(customer::Model {
            id: row.id,
            email: row.email,
            name: row.name,
            created_at: joined,
        });
    }
    let ledgers = Ledgers::new(plan);
    stock::write_levels(&transaction, plan, &ledgers).await?;
    insert_many::<customer::Entity>(&transaction, customers).await?;
    insert_many::<payment_method::Entity>(&transaction, methods).await?;
    let mut sequences = ledgers.sequences.iter().copied();
    for chunk in plan.chunks() {
        let orders: Vec<_> = chunk.map(|index| plan.order(index)).collect();
        insert_many::<order::Entity>(&transaction, orders.iter().map(order_row).collect()).await?;
        insert_many::<order_item::Entity>(
            &transaction,
            orders.iter().flat_map(item_rows).collect(),
        )
        .await?;
        insert_many::<order_event::Entity>(
            &transaction,
            orders
                .iter()
                .flat_map(|order| event_rows(order, plan))
                .collect(),
        )
        .await?;
        let movements = stock::movement_rows(plan, &orders, &mut sequences);
        insert_many::<stock_movement::Entity>(&transaction, movements).await?;
    }
    transaction.commit().await?;
    Ok(())
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
