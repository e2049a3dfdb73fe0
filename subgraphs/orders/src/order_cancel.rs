//! `orderCancel`: cancels an order until the carrier has it.

use std::sync::Arc;

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use entities::orders::order_event::Actor;
use entities::orders::{order, order_parcel};
use platform::database::DatabaseTransaction;
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiError, ApiResult};
use uuid::Uuid;

use crate::order::Order;
use crate::payment;
use crate::rules::status::OrderStatus;
use crate::transitions::{self, Transition, TransitionError};

/// The outcome of `orderCancel`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct OrderCancelPayload {
    /// The cancelled order, whose payment is returned in the background; null if there are errors.
    pub order: Option<Order>,
    /// Why the order was not cancelled; empty if it was.
    pub user_errors: Vec<InputError>,
}

impl OrderCancelPayload {
    pub(crate) fn of(row: order::Model) -> ApiResult<Self> {
        Ok(Self {
            order: Some(Order::try_from(Arc::new(row))?),
            user_errors: Vec::new(),
        })
    }

    pub(crate) fn with_errors(error: InputError) -> Self {
        Self {
            order: None,
            user_errors: vec![error],
        }
    }

    pub(crate) fn refused(from: OrderStatus) -> Self {
        let message = match from {
            OrderStatus::Cancelled => "This order is already cancelled",
            _ => "This order has already been shipped: return it once it has arrived",
        };
        Self::with_errors(InputError::new(
            UserErrorCode::OrderNotCancellable,
            message,
            &["id"],
        ))
    }
}

/// Cancels the customer's order, or returns the status that prevents it. An order with a parcel counts as shipped.
pub(crate) async fn cancel(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    id: Uuid,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> ApiResult<Result<order::Model, OrderStatus>> {
    let mut row = order::lock(transaction, id)
        .await?
        .ok_or_else(|| ApiError::not_found("There is no order with this id"))?;
    if row.customer_id != customer {
        return Err(ApiError::forbidden("You can only cancel your own orders"));
    }
    if row.status == OrderStatus::Confirmed
        && !order_parcel::of_order(transaction, id).await?.is_empty()
    {
        // The warehouse is handing it over.
        return Ok(Err(OrderStatus::Shipped));
    }
    let transition = Transition {
        to: OrderStatus::Cancelled,
        actor: Actor::Customer,
        reason,
        at: now,
    };
    match transitions::advance(transaction, &mut row, &transition, now).await {
        Ok(()) => {}
        Err(TransitionError::Illegal(refused)) => return Ok(Err(refused.from)),
        Err(TransitionError::Database(error)) => return Err(error.into()),
    }
    payment::request_release(transaction, id, now).await?;
    Ok(Ok(row))
}
