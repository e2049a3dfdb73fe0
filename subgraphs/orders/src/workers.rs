//! What this domain does when another tells it something: orders follow their parcels.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::orders::{order, order_event};
use futures::future::BoxFuture;
use platform::bus::Event;
use platform::inbox::{HandleError, Handler, Subscriber};
use platform::outbox::{self, NewEvent};
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use sea_orm::{DatabaseTransaction, DbErr};
use serde::Deserialize;
use uuid::Uuid;

use crate::State;
use crate::events::{self, StatusChanged};
use crate::order::OrderStatus;
use crate::rules::progress::{self, Sighting};

/// The consumers of this domain.
pub fn subscribers() -> Vec<Subscriber> {
    vec![Subscriber {
        name: "orders.tracking",
        topics: &["tracking.events"],
        handler: Arc::new(FollowParcels),
    }]
}

/// What this domain does by itself.
pub fn jobs(_state: &State, _context: &WorkerContext) -> Vec<BoxFuture<'static, ()>> {
    Vec::new()
}

/// Moves an order on when the carrier has its parcels, and when it has handed them over.
struct FollowParcels;

/// What this domain reads of `tracking.status_changed`, version 1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParcelChanged {
    order_id: String,
    /// Of a parcel that comes back, which is no business of its order.
    return_id: Option<String>,
    status: String,
    all_delivered: bool,
    timestamp: Option<DateTime<Utc>>,
}

#[async_trait]
impl Handler for FollowParcels {
    async fn handle(
        &self,
        transaction: &DatabaseTransaction,
        event: &Event,
        now: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        if event.event_type != "tracking.status_changed" {
            return Ok(());
        }
        let parcel: ParcelChanged = serde_json::from_value(event.data.clone())
            .map_err(|error| HandleError::Unusable(error.to_string()))?;
        if parcel.return_id.is_some() {
            return Ok(());
        }
        let id = IdKind::Order.parse(&parcel.order_id).ok_or_else(|| {
            HandleError::Unusable(format!("{} is not an order's id", parcel.order_id))
        })?;
        let Some(mut order) = order::lock(transaction, id).await? else {
            return Err(HandleError::Unusable(format!(
                "there is no order {}",
                parcel.order_id
            )));
        };
        let status = OrderStatus::parse(&order.status)
            .ok_or_else(|| HandleError::Later(format!("{} is no status", order.status)))?;
        let at = parcel.timestamp.unwrap_or(event.occurred_at);
        let sighting = Sighting::of(&parcel.status, parcel.all_delivered);
        let steps = progress::steps(status, sighting);
        for &step in steps {
            take_step(transaction, &mut order, step, at, now).await?;
        }
        if !steps.is_empty() {
            order::update(transaction, order).await?;
        }
        Ok(())
    }
}

/// Gives the order its next status, in its timeline and to the other domains, too.
async fn take_step(
    transaction: &DatabaseTransaction,
    order: &mut order::Model,
    step: OrderStatus,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let previous = std::mem::replace(&mut order.status, step.as_str().to_owned());
    let name = match step {
        OrderStatus::Delivered => {
            order.delivered_at = Some(at);
            events::DELIVERED
        }
        _ => {
            order.shipped_at = Some(at);
            events::SHIPPED
        }
    };
    order.updated_at = now;
    order_event::insert(
        transaction,
        order_event::Model {
            id: Uuid::now_v7(),
            order_id: order.id,
            event: name.to_owned(),
            actor: "carrier".to_owned(),
            detail: None,
            occurred_at: at,
        },
    )
    .await?;
    let order_id = IdKind::Order.format(order.id);
    outbox::append(
        transaction,
        NewEvent {
            topic: events::TOPIC,
            event_type: name,
            aggregate_id: &order_id,
            data: StatusChanged {
                version: 1,
                order_id: &order_id,
                customer_id: &IdKind::Customer.format(order.customer_id),
                previous_status: &previous,
                status: &order.status,
                timestamp: at,
            },
        },
        now,
    )
    .await?;
    Ok(())
}
