//! The task that issues a refund by support. The refund is recorded before the payment provider is called, looked up
//! before the call is repeated, and made under one idempotency key: so it is issued exactly once.

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use entities::orders::order;
use entities::orders::order_refund::{self, OrderRefundState};
use platform::providers::stripe::{Refund, RefundStatus, StripeError};
use platform::tasks::{Retry, Step, Task, TaskError};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::order_review::{self, ReviewReason};
use crate::payment::SettleError;
use crate::payment_task::Settlement;
use crate::transitions;

/// How soon a refund that the provider has not settled is asked about again.
const POLL_INTERVAL: TimeDelta = TimeDelta::minutes(1);

/// Issues a refund that support requested.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssueOrderRefund {
    pub(crate) refund_id: Uuid,
    pub(crate) order_id: Uuid,
}

/// The refund's reference at the provider.
pub(crate) fn reference(order: Uuid, refund: Uuid) -> String {
    format!("{}-{refund}", IdKind::Order.format(order))
}

#[async_trait]
impl Task for IssueOrderRefund {
    const KIND: &'static str = "order_refund";
    const RETRY: Retry = Retry {
        first: Duration::from_secs(2),
        ..Retry::DEFAULT
    };
    type State = Settlement;

    fn key(&self) -> Uuid {
        self.refund_id
    }

    fn subject(&self) -> String {
        IdKind::Order.format(self.order_id)
    }

    async fn run(&self, state: &Settlement, _: u32) -> Result<Step, TaskError> {
        Ok(self.issue(state).await?)
    }
}

impl IssueOrderRefund {
    async fn issue(&self, state: &Settlement) -> Result<Step, SettleError> {
        let db = state.database.read();
        let refund = order_refund::by_id(db, self.refund_id).await?;
        let Some(refund) = refund.filter(|refund| refund.state == OrderRefundState::Requested)
        else {
            return Ok(Step::Done);
        };
        let mut orders = order::by_ids(db, &[self.order_id]).await?;
        let order = orders.remove(&self.order_id);
        let payment = order
            .as_ref()
            .and_then(|order| order.payment_intent_id.as_deref());
        let payment = payment.ok_or(SettleError::UnknownValue(self.order_id))?;

        let reference = reference(self.order_id, self.refund_id);
        let is_own = |made: &Refund| made.metadata.get("reference") == Some(&reference);
        let known = state.stripe.refunds(payment).await?;
        let made = match known.into_iter().find(is_own) {
            Some(made) => made,
            None => {
                let key = format!("refund-{reference}");
                let stripe = &state.stripe;
                match stripe
                    .refund(payment, refund.amount, &reference, &key)
                    .await
                {
                    Ok(made) => made,
                    Err(
                        StripeError::Declined { code }
                        | StripeError::Refused {
                            code,
                            in_doubt: false,
                        },
                    ) => return self.settle(state, refund, Err(code)).await,
                    Err(error) => return Err(error.into()),
                }
            }
        };
        match made.status {
            RefundStatus::Succeeded => self.settle(state, refund, Ok(made.id)).await,
            RefundStatus::Failed | RefundStatus::Canceled => {
                let reason = made.failure_reason.unwrap_or_else(|| "failed".to_owned());
                self.settle(state, refund, Err(reason)).await
            }
            RefundStatus::Pending | RefundStatus::RequiresAction | RefundStatus::Other => {
                Ok(Step::RetryAt(state.clock.now() + POLL_INTERVAL))
            }
        }
    }

    /// Records the provider's refund, or why it refused.
    async fn settle(
        &self,
        state: &Settlement,
        mut refund: order_refund::Model,
        outcome: Result<String, String>,
    ) -> Result<Step, SettleError> {
        let now = state.clock.now();
        let transaction = state.database.begin().await?;
        let Some(order) = order::lock(&transaction, self.order_id).await? else {
            return Ok(Step::Done);
        };
        refund.settled_at = Some(now);
        match outcome {
            Ok(id) => {
                refund.state = OrderRefundState::Issued;
                refund.provider_id = Some(id);
            }
            Err(failure) => {
                refund.state = OrderRefundState::Refused;
                refund.failure = Some(failure);
            }
        }
        if order_refund::settle(&transaction, &refund).await? {
            if refund.state == OrderRefundState::Issued {
                let currency = CurrencyCode::from_code(&order.local_currency_code)
                    .ok_or(SettleError::UnknownValue(order.id))?;
                let amount = Money::new(refund.amount, currency);
                transitions::refunded(&transaction, &order, amount, now).await?;
            } else {
                let order_id = IdKind::Order.format(order.id);
                let failure = refund.failure.as_deref();
                tracing::error!(order_id, failure, "refund by support refused");
                let reason = ReviewReason::RefundRefused;
                order_review::open(&transaction, order.id, reason, now).await?;
            }
            let outcome = refund.state.as_str();
            metrics::counter!("vantage_orders_refunds_total", "outcome" => outcome).increment(1);
        }
        transaction.commit().await?;
        Ok(Step::Done)
    }
}
