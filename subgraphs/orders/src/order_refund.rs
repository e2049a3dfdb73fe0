//! `orderRefund`: support refunds an order's payment, or a part of it, within what was captured.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object, SimpleObject};
use chrono::{DateTime as Time, Utc};
use entities::orders::order_decision::{self, OrderDecision};
use entities::orders::{order, order_payment, order_refund, order_review};
use platform::database::DatabaseTransaction;
use platform::providers::stripe::{Refund, RefundStatus, Stripe, StripeError};
use platform::tasks;
use resolvers::money::{CurrencyCode, Money};
use resolvers::money_input::MoneyInput;
use resolvers::scalars::DateTime;
use resolvers::support::error;
use resolvers::user_error::{InputError, UserErrorCode};
use resolvers::{ApiError, ApiResult, access};
use uuid::Uuid;

use crate::loaders::Loaders;
use crate::order::Order;
use crate::order_refund_task::{IssueOrderRefund, reference};
use crate::rules::settlement::PaymentState;
use crate::rules::status::OrderStatus;

/// The outcome of `orderRefund`.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct OrderRefundPayload {
    /// The order; null if there are errors.
    pub order: Option<Order>,
    /// The refund, which is issued in the background; null if there are errors.
    pub refund: Option<OrderRefund>,
    /// Why nothing was refunded; empty if it was.
    pub user_errors: Vec<InputError>,
}

impl OrderRefundPayload {
    pub(crate) fn of(row: order::Model, refund: order_refund::Model) -> ApiResult<Self> {
        let currency = crate::order_review::currency(&row)?;
        Ok(Self {
            order: Some(Order::try_from(Arc::new(row))?),
            refund: Some(OrderRefund {
                row: refund,
                currency,
            }),
            user_errors: Vec::new(),
        })
    }

    pub(crate) fn with_error(error: InputError) -> Self {
        Self {
            order: None,
            refund: None,
            user_errors: vec![error],
        }
    }
}

/// The progress of a refund by support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "order_refund::OrderRefundState")]
pub(crate) enum OrderRefundStatus {
    /// The payment provider has not confirmed it yet.
    Requested,
    /// The money is on its way to the customer.
    Issued,
    /// The payment provider or the bank refused it, perhaps after it was issued: nothing was refunded.
    Refused,
}

#[derive(Clone, Debug)]
pub(crate) struct OrderRefund {
    pub row: order_refund::Model,
    pub currency: CurrencyCode,
}

/// A refund of an order's payment by support. Refunds of returns are with the returns.
#[Object]
impl OrderRefund {
    /// How much.
    async fn amount(&self) -> Money {
        Money::new(self.row.amount, self.currency)
    }

    /// Its progress.
    async fn status(&self) -> OrderRefundStatus {
        self.row.state.into()
    }

    /// When support requested it.
    async fn requested_at(&self) -> DateTime {
        self.row.requested_at.into()
    }

    /// When it was issued or, at last, refused; null until then.
    async fn settled_at(&self) -> Option<DateTime> {
        self.row.settled_at.map(DateTime)
    }

    /// Why it was refused, in the payment provider's words. Requires the scope `support`; null without it.
    #[graphql(requires_scopes = "support")]
    async fn failure(&self, context: &Context<'_>) -> Option<ApiResult<&str>> {
        match access::scope(context, access::SUPPORT) {
            Ok(_) => self.row.failure.as_deref().map(Ok),
            Err(refused) => Some(Err(refused)),
        }
    }
}

/// What the payment provider says about a payment.
#[derive(Debug)]
pub(crate) struct Captured {
    amount: i64,
    refunds: Vec<Refund>,
}

impl Captured {
    /// Asks the payment provider; `None` if the order has no payment there.
    pub(crate) async fn of(stripe: &Stripe, row: &order::Model) -> ApiResult<Option<Self>> {
        let Some(payment) = row.payment_intent_id.as_deref() else {
            return Ok(None);
        };
        let asked = futures::try_join!(stripe.payment(payment), stripe.refunds(payment));
        match asked {
            Ok((payment, refunds)) => Ok(Some(Self {
                amount: payment.amount_received,
                refunds,
            })),
            Err(StripeError::Refused { .. }) => Ok(None),
            Err(error) => {
                tracing::warn!(%error, "payment not loaded");
                Err(ApiError::unavailable(
                    "Payments are not available at the moment",
                ))
            }
        }
    }

    /// What can still be refunded, with these refunds that the provider may not know yet.
    fn left(&self, own: &[order_refund::Model]) -> i64 {
        let is_given = |refund: &&Refund| {
            !matches!(refund.status, RefundStatus::Failed | RefundStatus::Canceled)
        };
        let given: i64 = self
            .refunds
            .iter()
            .filter(is_given)
            .map(|refund| refund.amount)
            .sum();
        let is_known = |own: &order_refund::Model| {
            let reference = reference(own.order_id, own.id);
            let mut references = self
                .refunds
                .iter()
                .map(|made| made.metadata.get("reference"));
            references.any(|known| known == Some(&reference))
        };
        let requested = order_refund::total(own.iter().filter(|own| !is_known(own)));
        (self.amount - given - requested).max(0)
    }
}

/// Who refunds how much, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefundRequest<'a> {
    pub amount: Option<MoneyInput>,
    pub note: &'a str,
    pub actor: &'a str,
    pub captured: &'a Captured,
    pub now: Time<Utc>,
}

/// Records the refund and enqueues it, or returns why it is not possible; then nothing was written.
pub(crate) async fn request(
    transaction: &DatabaseTransaction,
    id: Uuid,
    request: RefundRequest<'_>,
) -> ApiResult<Result<(order::Model, order_refund::Model), InputError>> {
    let row = order::lock(transaction, id)
        .await?
        .ok_or_else(|| ApiError::not_found("There is no order with this id"))?;
    let payment = order_payment::of_order(transaction, id).await?;
    let is_released =
        payment.is_some_and(|payment| payment.state == PaymentState::ReleaseRequested);
    if row.status == OrderStatus::Pending || is_released {
        let message = match is_released {
            true => "The whole payment is being returned already",
            false => "The payment is not settled yet: cancel the order instead",
        };
        return Ok(Err(error(
            UserErrorCode::DecisionNotPossible,
            message,
            "orderId",
        )));
    }
    let mut own = order_refund::of_orders(transaction, &[id]).await?;
    let left = request.captured.left(&own.remove(&id).unwrap_or_default());
    let currency = crate::order_review::currency(&row)?;
    let amount = match amount(request.amount, currency, left) {
        Ok(amount) => amount,
        Err(error) => return Ok(Err(error)),
    };
    let refund = order_refund::Model {
        id: Uuid::now_v7(),
        order_id: id,
        amount,
        state: order_refund::OrderRefundState::Requested,
        provider_id: None,
        failure: None,
        requested_at: request.now,
        settled_at: None,
    };
    order_refund::insert(transaction, refund.clone()).await?;
    let review = order_review::of_order(transaction, id).await?;
    let open = review.filter(|review| review.closed_at.is_none());
    let record = order_decision::Model {
        id: Uuid::now_v7(),
        order_id: id,
        reason: open.as_ref().map(|open| open.reason),
        since: open.as_ref().map(|open| open.since),
        decision: OrderDecision::Refund,
        note: request.note.to_owned(),
        actor: request.actor.to_owned(),
        decided_at: request.now,
        status_before: row.status,
        status_after: row.status,
        refund_amount: Some(amount),
    };
    order_decision::insert(transaction, record).await?;
    let task = IssueOrderRefund {
        refund_id: refund.id,
        order_id: id,
    };
    tasks::enqueue(transaction, &task, request.now, request.now).await?;
    Ok(Ok((row, refund)))
}

/// The amount in minor units, at most what is left.
fn amount(
    wanted: Option<MoneyInput>,
    currency: CurrencyCode,
    left: i64,
) -> Result<i64, InputError> {
    let invalid = |message: String| error(UserErrorCode::InvalidAmount, message, "amount");
    let amount = match wanted {
        None => left,
        Some(wanted) if wanted.currency != currency => {
            return Err(invalid(format!("The payment is in {}", currency.as_str())));
        }
        Some(wanted) => wanted
            .money()
            .map(|money| money.minor)
            .filter(|minor| *minor > 0)
            .ok_or_else(|| {
                invalid("The amount must be positive, with the decimals of its currency".to_owned())
            })?,
    };
    if amount > left || left == 0 {
        let left = Money::new(left, currency).decimal();
        let message = format!(
            "At most {left} {} is left of the payment",
            currency.as_str()
        );
        return Err(error(UserErrorCode::RefundTooHigh, message, "amount"));
    }
    Ok(amount)
}

/// The refunds of an order by support, oldest first.
pub(crate) async fn of_order(
    context: &Context<'_>,
    order: Uuid,
    currency: CurrencyCode,
) -> ApiResult<Vec<OrderRefund>> {
    let loaders = context.data_unchecked::<Loaders>();
    let rows = loaders.refunds_of_order.load_list(order).await?;
    Ok(rows
        .into_iter()
        .map(|row| OrderRefund { row, currency })
        .collect())
}
