//! An order's transitions: each writes the row, the timeline and the event in the caller's transaction. Nothing else
//! changes an order.

use chrono::{DateTime, Utc};
use entities::insert_many;
use entities::orders::order_event::Actor;
use entities::orders::{order, order_event, order_item, order_parcel};
use platform::database::DatabaseTransaction;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::events::{
    self, Amount, Captured, PaymentReleased, Placed, PlacedItem, RefundRefused, Refunded,
    ShipmentRegistered, ShipmentStatusChanged, ShippedLine, StatusChanged,
};
use crate::rules::parcel_content::Units;
use crate::rules::status::{self, IllegalTransition, OrderStatus};
use crate::stock_write;
use crate::store_credit_write;
use crate::support_alert::ParcelOf;

/// An order's next status, with its actor and the actor's time.
#[derive(Clone, Debug)]
pub(crate) struct Transition<'a> {
    pub to: OrderStatus,
    pub actor: Actor,
    /// Why it is cancelled.
    pub reason: Option<&'a str>,
    pub at: DateTime<Utc>,
}

/// Writes a new order with its lines.
pub(crate) async fn place(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    currency: CurrencyCode,
    items: Vec<order_item::Model>,
    language: Option<&str>,
) -> Result<(), DbErr> {
    let now = order.placed_at;
    let placed_items = items.iter().map(|item| PlacedItem {
        order_item_id: IdKind::OrderItem.format(item.id),
        product_id: IdKind::Product.format(item.product_id),
        product_name: &item.product_name,
        quantity: item.quantity,
    });
    let (order_id, customer_id) = ids(order);
    let data = serde_json::to_value(Placed {
        version: 1,
        order_id: &order_id,
        customer_id: &customer_id,
        status: order.status.as_str(),
        items: placed_items.collect(),
        total: amount(order.local_currency_amount, currency),
        total_usd: amount(order.usd_amount, CurrencyCode::Usd),
        language,
        timestamp: now,
    })
    .map_err(|error| DbErr::Json(error.to_string()))?;
    order::insert(transaction, order.clone()).await?;
    insert_many::<order_item::Entity>(transaction, items).await?;
    append_to_timeline(
        transaction,
        order.id,
        events::PLACED,
        Actor::Customer,
        None,
        now,
    )
    .await?;
    events::publish(transaction, &order_id, events::PLACED, data, now).await
}

/// Why an order was not advanced. The transaction must not be committed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransitionError {
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    #[error("the orders database failed: {0}")]
    Database(#[from] DbErr),
}

/// Advances an order, or refuses an illegal transition. `order` must be locked by this transaction.
pub(crate) async fn advance(
    transaction: &DatabaseTransaction,
    order: &mut order::Model,
    transition: &Transition<'_>,
    now: DateTime<Utc>,
) -> Result<(), TransitionError> {
    let previous = order.status;
    order.status = status::transition(previous, transition.to)?;
    let event = match transition.to {
        OrderStatus::Pending => events::PLACED,
        OrderStatus::Confirmed => {
            order.confirmed_at = Some(transition.at);
            events::CONFIRMED
        }
        OrderStatus::Shipped => {
            order.shipped_at = Some(transition.at);
            events::SHIPPED
        }
        OrderStatus::Delivered => {
            order.delivered_at = Some(transition.at);
            events::DELIVERED
        }
        OrderStatus::Cancelled => {
            order.cancelled_at = Some(transition.at);
            events::CANCELLED
        }
    };
    order.updated_at = now;
    order::update(transaction, order.clone()).await?;
    if transition.to == OrderStatus::Cancelled {
        let actor = transition.actor.as_str();
        store_credit_write::give_back(transaction, order, now).await?;
        stock_write::give_back(transaction, order.id, actor, now).await?;
    }
    append_to_timeline(
        transaction,
        order.id,
        event,
        transition.actor,
        transition.reason,
        transition.at,
    )
    .await?;
    let (order_id, customer_id) = ids(order);
    let data = StatusChanged {
        version: 1,
        order_id: &order_id,
        customer_id: &customer_id,
        previous_status: previous.as_str(),
        status: order.status.as_str(),
        actor: transition.actor.as_str(),
        reason: transition.reason,
        timestamp: transition.at,
    };
    events::publish(transaction, &order_id, event, data, now).await?;
    Ok(())
}

/// Records a parcel that was registered with these lines. The status changes once the carrier has it.
pub(crate) async fn parcel_registered(
    transaction: &DatabaseTransaction,
    order: &mut order::Model,
    parcel: &order_parcel::Model,
    lines: &[Units],
    is_complete: bool,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    order.updated_at = now;
    order::update(transaction, order.clone()).await?;
    let lines = lines.iter().map(|line| ShippedLine {
        order_item_id: IdKind::OrderItem.format(line.item),
        quantity: line.quantity,
    });
    let (order_id, customer_id) = ids(order);
    let data = ShipmentRegistered {
        version: 1,
        order_id: &order_id,
        customer_id: &customer_id,
        shipment_id: IdKind::Shipment.format(parcel.id),
        carrier: &parcel.carrier,
        tracking_number: &parcel.tracking_number,
        lines: lines.collect(),
        is_complete,
        timestamp: now,
    };
    events::publish(
        transaction,
        &order_id,
        events::SHIPMENT_REGISTERED,
        data,
        now,
    )
    .await
}

/// Publishes that the carrier reported another status of a parcel, so that those who watch the order read it again.
pub(crate) async fn parcel_changed(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    parcel: ParcelOf<'_>,
    status: &str,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (order_id, customer_id) = ids(order);
    let data = ShipmentStatusChanged {
        version: 1,
        order_id: &order_id,
        customer_id: &customer_id,
        carrier: parcel.carrier,
        tracking_number: parcel.tracking_number,
        status,
        timestamp: at,
    };
    let event = events::SHIPMENT_STATUS_CHANGED;
    events::publish(transaction, &order_id, event, data, now).await
}

/// Records that a part of the payment was captured, which makes this total.
pub(crate) async fn captured(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    part: Money,
    total: Money,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    append_to_timeline(
        transaction,
        order.id,
        events::CAPTURED,
        Actor::Payment,
        None,
        now,
    )
    .await?;
    let (order_id, customer_id) = ids(order);
    let data = Captured {
        version: 1,
        order_id: &order_id,
        customer_id: &customer_id,
        captured: amount(part.minor, part.currency),
        total_captured: amount(total.minor, total.currency),
        timestamp: now,
    };
    events::publish(transaction, &order_id, events::CAPTURED, data, now).await
}

/// Records the refund of this amount, of a cancelled order or by support.
pub(crate) async fn refunded(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    amount_refunded: Money,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    append_to_timeline(
        transaction,
        order.id,
        events::REFUNDED,
        Actor::Payment,
        None,
        now,
    )
    .await?;
    let (order_id, customer_id) = ids(order);
    let data = Refunded {
        version: 1,
        order_id: &order_id,
        customer_id: &customer_id,
        refunded: amount(amount_refunded.minor, amount_refunded.currency),
        timestamp: now,
    };
    events::publish(transaction, &order_id, events::REFUNDED, data, now).await
}

/// Records that this refund was refused, perhaps after it was issued.
pub(crate) async fn refund_refused(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    amount_refused: Money,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    append_to_timeline(
        transaction,
        order.id,
        events::REFUND_REFUSED,
        Actor::Payment,
        None,
        now,
    )
    .await?;
    let (order_id, customer_id) = ids(order);
    let data = RefundRefused {
        version: 1,
        order_id: &order_id,
        customer_id: &customer_id,
        refused: amount(amount_refused.minor, amount_refused.currency),
        timestamp: now,
    };
    events::publish(transaction, &order_id, events::REFUND_REFUSED, data, now).await
}

/// Publishes that nothing is charged for an order, which was cancelled before.
pub(crate) async fn payment_released(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (order_id, customer_id) = ids(order);
    let data = PaymentReleased {
        version: 1,
        order_id: &order_id,
        customer_id: &customer_id,
        timestamp: now,
    };
    events::publish(transaction, &order_id, events::PAYMENT_RELEASED, data, now).await
}

fn ids(order: &order::Model) -> (String, String) {
    (
        IdKind::Order.format(order.id),
        IdKind::Customer.format(order.customer_id),
    )
}

fn amount(minor: i64, currency: CurrencyCode) -> Amount {
    Amount {
        amount: Money::new(minor, currency).decimal(),
        currency,
    }
}

async fn append_to_timeline(
    transaction: &DatabaseTransaction,
    order: Uuid,
    event: &str,
    actor: Actor,
    detail: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    order_event::insert(
        transaction,
        order_event::Model {
            id: Uuid::now_v7(),
            order_id: order,
            event: event.to_owned(),
            actor: actor.as_str().to_owned(),
            detail: detail.map(str::to_owned),
            occurred_at: at,
        },
    )
    .await
}
