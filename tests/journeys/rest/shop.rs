//! Data for the samples: delivered orders and a parcel in transit.

use chrono::{DateTime, Utc};
use entities::orders::order;
use entities::tracking::shipment::{Carrier, TrackingStatus};
use entities::tracking::{event, shipment};
use platform::database::Database;
use resolvers::id::IdKind;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use uuid::Uuid;

use crate::written_orders;

/// An order of one item, by public ids.
pub(super) struct Delivered {
    pub(super) order: String,
    pub(super) item: String,
}

/// Adds an order of a monitor for $314.99 with tax and shipping, based on one of the customer's orders.
pub(super) async fn deliver(orders: &Database, customer: &str, at: DateTime<Utc>) -> Delivered {
    let customer = IdKind::Customer.parse(customer).expect("a customer's id");
    let like = order::Entity::find()
        .filter(order::Column::CustomerId.eq(customer))
        .one(orders.read());
    let like = like.await.unwrap().expect("the customer has an order");
    let order = Uuid::now_v7();
    let (price, tax, shipping) = (27_999, 2_240, 1_260);
    let total = price + tax + shipping;
    let row = order::Model {
        id: order,
        status: order::OrderStatus::Delivered,
        usd_amount: total,
        local_currency_amount: total,
        local_currency_code: "USD".to_owned(),
        exchange_rate: "1".to_owned(),
        subtotal_amount: price,
        shipping_amount: shipping,
        tax_amount: tax,
        payment_intent_id: Some(format!("pi_{}", order.simple())),
        placed_at: at - chrono::Duration::days(3),
        confirmed_at: Some(at - chrono::Duration::days(3)),
        shipped_at: Some(at - chrono::Duration::days(2)),
        delivered_at: Some(at),
        cancelled_at: None,
        updated_at: at,
        ..like
    };
    let items = written_orders::write(orders, vec![row]).await;
    Delivered {
        order: IdKind::Order.format(order),
        item: IdKind::OrderItem.format(items[0].id),
    }
}

/// Adds an order's parcel with its carrier events, out for delivery.
pub(super) async fn send(tracking: &Database, customer: &str, order: &str) {
    let customer = IdKind::Customer.parse(customer).expect("a customer's id");
    let order = IdKind::Order.parse(order).expect("an order's id");
    let number = "DHL1234567890";
    let time = |text: &str| -> DateTime<Utc> { text.parse().unwrap() };
    let told = [
        (
            TrackingStatus::Shipped,
            "Warehouse, Chicago IL",
            "2025-10-01T10:00:00Z",
        ),
        (
            TrackingStatus::InTransit,
            "Sort Facility, Columbus OH",
            "2025-10-02T06:00:00Z",
        ),
        (
            TrackingStatus::InTransit,
            "Distribution Center, Newark NJ",
            "2025-10-03T14:02:00Z",
        ),
        (
            TrackingStatus::OutForDelivery,
            "Local Delivery Vehicle, Brooklyn NY",
            "2025-10-03T14:08:00Z",
        ),
    ];
    let last = told.last().expect("the last");
    let row = shipment::Model {
        id: Uuid::now_v7(),
        order_id: order,
        return_id: None,
        customer_id: customer,
        carrier: Carrier::Dhl,
        tracking_number: number.to_owned(),
        status: last.0,
        location: Some(last.1.to_owned()),
        last_update: Some(time(last.2)),
        estimated_delivery: Some(time("2025-10-03T17:00:00Z")),
        sequence: 4,
        consecutive_errors: 0,
        // Keeps the carrier from being polled during the test.
        last_polled_at: Some(Utc::now()),
        last_answered_at: Some(Utc::now()),
        created_at: time("2025-10-01T08:00:00Z"),
        returned_to_sender: false,
        estimated_at: None,
        overdue_at: Some(Utc::now()),
        registered_at: None,
    };
    let transaction = tracking.begin().await.unwrap();
    for (status, location, at) in told {
        let told = event::Model {
            id: Uuid::now_v7(),
            shipment_id: row.id,
            carrier: Carrier::Dhl,
            tracking_number: number.to_owned(),
            status,
            location: Some(location.to_owned()),
            occurred_at: time(at),
            carrier_time: time(at),
            zone_assumed: false,
            recorded_at: time(at),
        };
        assert!(event::record(&transaction, told).await.unwrap());
    }
    let inserted = shipment::Entity::insert(row.into_active_model());
    inserted.exec(&transaction).await.unwrap();
    transaction.commit().await.unwrap();
}
