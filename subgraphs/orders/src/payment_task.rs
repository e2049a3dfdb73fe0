//! What is still to be done about an order's payment: a durable task, from the change that causes it until the provider
//! has said its last word.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use entities::orders::order_payment;
use platform::clock::Clock;
use platform::database::Database;
use platform::providers::stripe::Stripe;
use platform::tasks::{self, Retry, Step, Task, TaskError};
use resolvers::id::IdKind;
use sea_orm::{ConnectionTrait, DbErr};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::payment::SettleError;
use crate::payment_processor::PaymentProcessor;
use crate::rules::settlement::PaymentState;

/// What settling needs, in whatever process.
#[derive(Clone, Debug)]
pub(crate) struct Settlement {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) stripe: Stripe,
}

/// The payment of an order is taken, or given back.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettlePayment {
    pub(crate) order_id: Uuid,
}

impl SettlePayment {
    /// Has the payment looked at by `due_at`, in the transaction of the change that makes it necessary.
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
        // The customer waits for an outage that may be over.
        longest_in_outage: Duration::from_secs(10),
        // Some ten minutes, or one of an outage.
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
            attempt,
        };
        processor.advance(self.order_id).await?;
        // What follows was enqueued with the change that it follows from; but not while nothing has changed.
        let payment = order_payment::of_order(state.database.read(), self.order_id).await?;
        match payment {
            Some(payment) if payment.state == PaymentState::Requested => {
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
