//! Orders that a journey writes itself, whole: with a line and the timeline that their times tell.

use entities::insert_many;
use entities::orders::order_event::Actor;
use entities::orders::{order, order_event, order_item};
use platform::database::Database;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

/// Writes these orders, each with one line for its subtotal, and returns the lines.
pub(crate) async fn write(orders: &Database, rows: Vec<order::Model>) -> Vec<order_item::Model> {
    let of_shop = order_item::Entity::find()
        .filter(order_item::Column::Restriction.is_null())
        .one(orders.read());
    let of_shop = of_shop.await.unwrap().expect("the shop has sold something");
    let product = of_shop.product_id;
    let items: Vec<_> = rows.iter().map(|order| item(order, product)).collect();
    let events = rows.iter().flat_map(timeline).collect();
    let transaction = orders.begin().await.unwrap();
    insert_many::<order::Entity>(&transaction, rows)
        .await
        .unwrap();
    insert_many::<order_item::Entity>(&transaction, items.clone())
        .await
        .unwrap();
    insert_many::<order_event::Entity>(&transaction, events)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    items
}

fn item(order: &order::Model, product_id: Uuid) -> order_item::Model {
    order_item::Model {
        id: Uuid::now_v7(),
        order_id: order.id,
        customer_id: order.customer_id,
        position: 0,
        product_id,
        product_name: "4K Monitor Pro 32 inch".to_owned(),
        restriction: None,
        quantity: 1,
        unit_price_amount: order.subtotal_amount,
        tax_amount: order.tax_amount,
        currency_code: order.local_currency_code.clone(),
    }
}

fn timeline(order: &order::Model) -> Vec<order_event::Model> {
    let entries = [
        (
            orders::events::PLACED,
            Actor::Customer,
            Some(order.placed_at),
        ),
        (
            orders::events::CONFIRMED,
            Actor::Payment,
            order.confirmed_at,
        ),
        (orders::events::SHIPPED, Actor::Carrier, order.shipped_at),
        (
            orders::events::DELIVERED,
            Actor::Carrier,
            order.delivered_at,
        ),
    ];
    let entries = entries.into_iter();
    let happened = entries.filter_map(|(event, actor, at)| Some((event, actor, at?)));
    happened
        .map(|(event, actor, occurred_at)| order_event::Model {
            id: Uuid::now_v7(),
            order_id: order.id,
            event: event.to_owned(),
            actor: actor.as_str().to_owned(),
            detail: None,
            occurred_at,
        })
        .collect()
}
