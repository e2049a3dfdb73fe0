//! The durable task that settles an order's payment, from the change that causes it until the provider's outcome is
//! final.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::orders::order_payment;
use platform::clock::Clock;
use platform::database::Database;
use platform::providers::stripe::{CaptureMethod, Stripe};
use platform::tasks::{self, Retry, Step, Task, TaskError};
use resolvers::id::IdKind;
use sea_orm::{ConnectionTrait, DbErr};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::payment::SettleError;
use crate::payment_processor::PaymentProcessor;
use crate::rules::settlement::PaymentState;

/// The dependencies of settling, in any process.
#[derive(Clone, Debug)]
pub(crate) struct Settlement {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) stripe: Stripe,
    pub(crate) capture_method: CaptureMethod,
}

/// Charges, captures or refunds an order's payment.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettlePayment {
    pub(crate) order_id: Uuid,
}

impl SettlePayment {
    /// Enqueues a check of the payment by `due_at`, in the transaction of the change that requires it.
    pub(crate) async fn enqueue(
        transaction: &impl ConnectionTrait,
        order_id: Uuid,
        due_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        tasks::enqueue(transaction, &Self { order_id }, due_at, now).await
    }
}

#[async_trait]
impl Task for SettlePayment {
    const KIND: &'static str = "payment";
    const RETRY: Retry = Retry {
        first: Duration::from_secs(2),
        longest: Duration::from_secs(600),
        // The customer is waiting, and the outage may be over.
        longest_in_outage: Duration::from_secs(10),
        // Some ten minutes, or one minute during an outage.
        alert_after: 8,
        ..Retry::DEFAULT
    };
    type State = Settlement;

    fn key(&self) -> Uuid {
        self.order_id
    }

    fn subject(&self) -> String {
        IdKind::Order.format(self.order_id)
    }

    async fn run(&self, state: &Settlement, attempt: u32) -> Result<Step, TaskError> {
        let processor = PaymentProcessor {
            database: &state.database,
            clock: &state.clock,
            stripe: &state.stripe,
            capture_method: state.capture_method,
            attempt,
        };
        processor.advance(self.order_id).await?;
        // Follow-up work was enqueued with the change that caused it, but not if nothing has changed.
        let payment = order_payment::of_order(state.database.read(), self.order_id).await?;
        match payment {
            Some(payment)
                if matches!(
                    payment.state,
                    PaymentState::Requested | PaymentState::CaptureRequested
                ) =>
            {
                Err(SettleError::InProgress(self.order_id).into())
            }
            _ => Ok(Step::Done),
        }
    }
}

impl From<SettleError> for TaskError {
    fn from(error: SettleError) -> Self {
        match error.call() {
            Some(call) => Self::of_call(&error, call),
            None => Self::failed(&error),
        }
    }
}
