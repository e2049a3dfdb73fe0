//! `returnCancel`: cancels a return until the carrier has the package.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use entities::returns::{customer_return, order_lock};
use platform::database::DatabaseTransaction;
use platform::tasks::enqueue;
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiError, ApiResult};
use uuid::Uuid;

use crate::customer_return::Return;
use crate::refund_approval;
use crate::refund_supplement;
use crate::rules::status::ReturnStatus;
use crate::transitions::{self, Actor, Transition, TransitionError};
use crate::void_task::VoidLabel;

/// The outcome of `returnCancel`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnCancelPayload {
    /// The cancelled return; null if there are errors.
    #[graphql(name = "return")]
    pub cancelled: Option<Return>,
    /// Why the return was not cancelled; empty if it was.
    pub user_errors: Vec<InputError>,
}

impl ReturnCancelPayload {
    pub(crate) fn of(row: customer_return::Model) -> ApiResult<Self> {
        Ok(Self {
            cancelled: Some(row.try_into()?),
            user_errors: Vec::new(),
        })
    }

    pub(crate) fn refused(from: ReturnStatus) -> Self {
        let message = match from {
            ReturnStatus::Cancelled => "This return is already cancelled",
            ReturnStatus::ManualReview => {
                "Your refund is being issued: this return can no longer be cancelled"
            }
            _ => "The carrier has your package: this return can no longer be cancelled",
        };
        Self {
            cancelled: None,
            user_errors: vec![InputError::new(
                UserErrorCode::ReturnNotCancellable,
                message,
                &["id"],
            )],
        }
    }
}

/// Cancels the customer's return, or returns the status that prevents it.
pub(crate) async fn cancel(
    transaction: &DatabaseTransaction,
    customer: Uuid,
    id: Uuid,
    now: DateTime<Utc>,
) -> ApiResult<Result<customer_return::Model, ReturnStatus>> {
    let row = customer_return::lock(transaction, id)
        .await?
        .ok_or_else(|| ApiError::not_found("There is no return with this id"))?;
    if row.customer_id != customer {
        return Err(ApiError::forbidden("You can only cancel your own returns"));
    }
    if refund_approval::of(transaction, &row)
        .await?
        .awaits_refund(&row)
    {
        return Ok(Err(row.status));
    }
    // Its units become free: a concurrent return of the same order must see all of that or nothing.
    order_lock::acquire(transaction, row.order_id, now).await?;
    let actor = Actor::Customer(customer);
    match transitions::advance(transaction, row, &Transition::Cancelled, actor, now).await {
        Ok(row) => {
            if row.label_shipment_id.is_some() {
                enqueue(transaction, &VoidLabel { return_id: id }, now, now).await?;
            }
            refund_supplement::enqueue_if_owed(transaction, &row, now).await?;
            Ok(Ok(row))
        }
        Err(TransitionError::Illegal(refused)) => Ok(Err(refused.from)),
        Err(error) => Err(error.into()),
    }
}
