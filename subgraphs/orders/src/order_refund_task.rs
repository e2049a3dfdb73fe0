//! The task that issues a refund by support. The refund is recorded before the payment provider is called, looked up
//! before the call is repeated, and made under one idempotency key: so it is issued exactly once. Afterwards it is looked at
//! until no bank sends it back any more.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use entities::orders::order;
use entities::orders::order_refund::{self, OrderRefundState};
use platform::database::DatabaseTransaction;
use platform::providers::stripe::{Refund, RefundStatus, StripeError, refund_schedule};
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

/// The order and the refund that a reference names; `None` if it is not of a refund by support.
pub(crate) fn named_by(reference: &str) -> Option<(Uuid, Uuid)> {
    let (order, refund) = reference.split_once('-')?;
    Some((IdKind::Order.parse(order)?, refund.parse().ok()?))
}

/// What became of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Issued { provider_id: String },
    Refused { failure: String },
}

impl Outcome {
    /// `None` while the provider has not settled it.
    fn of(refund: &Refund) -> Option<Self> {
        match refund.status {
            RefundStatus::Succeeded => Some(Self::Issued {
                provider_id: refund.id.clone(),
            }),
            RefundStatus::Failed | RefundStatus::Canceled => {
                let failure = refund.failure_reason.as_deref().unwrap_or("failed");
                Some(Self::Refused {
                    failure: failure.to_owned(),
                })
            }
            RefundStatus::Pending | RefundStatus::RequiresAction | RefundStatus::Other => None,
        }
    }
}

/// Applies the provider's state of a refund of an order that this transaction has locked. A bank may send back a refund
/// weeks after it was issued, and what was refused stays so: states may arrive repeatedly and in any order.
pub(crate) async fn apply(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    refund_id: Uuid,
    made: &Refund,
    now: DateTime<Utc>,
) -> Result<(), SettleError> {
    match Outcome::of(made) {
        Some(outcome) => record(transaction, order, refund_id, outcome, now).await,
        None => Ok(()),
    }
}

async fn record(
    transaction: &DatabaseTransaction,
    order: &order::Model,
    refund_id: Uuid,
    outcome: Outcome,
    now: DateTime<Utc>,
) -> Result<(), SettleError> {
    let refund = order_refund::by_id(transaction, refund_id).await?;
    let Some(mut refund) = refund.filter(|refund| refund.order_id == order.id) else {
        return Ok(());
    };
    refund.settled_at = Some(now);
    match outcome {
        Outcome::Issued { provider_id } => {
            refund.state = OrderRefundState::Issued;
            refund.provider_id = Some(provider_id);
        }
        Outcome::Refused { failure } => {
            refund.state = OrderRefundState::Refused;
            refund.failure = Some(failure);
        }
    }
    if !order_refund::settle(transaction, &refund).await? {
        return Ok(());
    }
    let currency = CurrencyCode::from_code(&order.local_currency_code)
        .ok_or(SettleError::UnknownValue(order.id))?;
    let amount = Money::new(refund.amount, currency);
    if refund.state == OrderRefundState::Issued {
        transitions::refunded(transaction, order, amount, now).await?;
    } else {
        let order_id = IdKind::Order.format(order.id);
        let failure = refund.failure.as_deref();
        tracing::error!(order_id, failure, "refund by support refused");
        transitions::refund_refused(transaction, order, amount, now).await?;
        let reason = ReviewReason::RefundRefused;
        order_review::open(transaction, order.id, reason, now).await?;
    }
    let outcome = refund.state.as_str();
    metrics::counter!("vantage_orders_refunds_total", "outcome" => outcome).increment(1);
    Ok(())
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
        let refund = refund.filter(|refund| refund.state != OrderRefundState::Refused);
        let Some(refund) = refund else {
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
            // Made, and no longer among the newest ones.
            None if refund.state == OrderRefundState::Issued => {
                return Ok(next_check(&refund, state.clock.now()));
            }
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
                    ) => return self.settle(state, Outcome::Refused { failure: code }).await,
                    Err(error) => return Err(error.into()),
                }
            }
        };
        match Outcome::of(&made) {
            Some(outcome) => self.settle(state, outcome).await,
            None if refund.state == OrderRefundState::Issued => {
                Ok(next_check(&refund, state.clock.now()))
            }
            None => Ok(Step::RetryAt(state.clock.now() + POLL_INTERVAL)),
        }
    }

    /// Records what became of the refund, and says when to look at it again.
    async fn settle(&self, state: &Settlement, outcome: Outcome) -> Result<Step, SettleError> {
        let now = state.clock.now();
        let transaction = state.database.begin().await?;
        let Some(order) = order::lock(&transaction, self.order_id).await? else {
            return Ok(Step::Done);
        };
        record(&transaction, &order, self.refund_id, outcome, now).await?;
        let refund = order_refund::by_id(&transaction, self.refund_id).await?;
        transaction.commit().await?;
        Ok(refund.map_or(Step::Done, |refund| next_check(&refund, now)))
    }
}

/// When to look at a settled refund again: the bank may send back one that was issued.
fn next_check(refund: &order_refund::Model, now: DateTime<Utc>) -> Step {
    let issued_at = refund
        .settled_at
        .filter(|_| refund.state == OrderRefundState::Issued);
    issued_at
        .and_then(|issued_at| refund_schedule::next_check_at(issued_at, now))
        .map_or(Step::Done, Step::RetryAt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_its_order_and_its_refund() {
        let (order, refund) = (Uuid::now_v7(), Uuid::now_v7());
        assert_eq!(named_by(&reference(order, refund)), Some((order, refund)));
        let order = IdKind::Order.format(order);
        let of_return = IdKind::Return.format(refund);
        for other in [
            String::new(),
            "-".to_owned(),
            order.clone(),
            format!("{order}-1"),
            of_return.clone(),
            format!("{of_return}-{refund}"),
        ] {
            assert_eq!(named_by(&other), None, "{other}");
        }
    }
}
