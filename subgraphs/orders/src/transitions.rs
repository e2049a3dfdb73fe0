//! An order's transitions: each writes the row, the timeline and the event in the caller's transaction. Nothing else
//! changes an order.

use chrono::{DateTime, Utc};
use entities::insert_many;
use entities::orders::order_event::Actor;
use entities::orders::{order, order_event, order_item};
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use sea_orm::DbErr;
use serde::Serialize;
use uuid::Uuid;

use crate::events::{self, Amount, Placed, PlacedItem, Refunded, StatusChanged};
use crate::rules::status::{self, IllegalTransition, OrderStatus};
use crate::stock_write;

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
    publish(transaction, &order_id, events::PLACED, data, now).await
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
    publish(transaction, &order_id, event, data, now).await?;
    Ok(())
}

/// Records the refund of this amount of a cancelled order.
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
    publish(transaction, &order_id, events::REFUNDED, data, now).await
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

async fn publish(
    transaction: &DatabaseTransaction,
    order_id: &str,
    event_type: &str,
    data: impl Serialize,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let event = NewEvent {
        topic: events::TOPIC,
        event_type,
        aggregate_id: order_id,
        data,
    };
    outbox::append(transaction, event, now).await?;
    Ok(())
}
