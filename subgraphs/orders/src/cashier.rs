//! The calls to the payment provider: what is wanted for an order is taken or given back there, and
//! doing it again is safe.

use chrono::TimeDelta;
use entities::orders::{order, order_payment, payment_method};
use platform::clock::Clock;
use platform::database::Database;
use platform::stripe::{
    NewPayment, PaymentIntent, PaymentStatus, Refund, RefundStatus, Stripe, StripeError,
};
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::payment::{SettleError, Word, give_back, learn, learn_refund, standing, told};
use crate::rules::settlement::{Charge, PaymentState, Told};

/// How long the customer may take to confirm a payment at their bank.
const ABANDONED: TimeDelta = TimeDelta::hours(1);
/// The longest wait before another attempt.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(10);
/// The longest wait before another attempt while the provider does not answer. The circuit breaker
/// protects it, and the customer waits for an outage that may be over.
const LONGEST_WAIT_IN_OUTAGE: TimeDelta = TimeDelta::seconds(10);
/// Failed attempts in a row that people should know of: some ten minutes, or one of an outage.
const WORRYING: i32 = 8;
/// Failed attempts after which another idempotency key is used for a new payment. The provider
/// answers a key with the same failure for a day, and a payment that nobody confirms takes nothing.
const ATTEMPTS_OF_A_KEY: i32 = 4;

/// The provider, on behalf of the orders in this database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cashier<'a> {
    pub database: &'a Database,
    pub clock: &'a Clock,
    pub stripe: &'a Stripe,
}

impl Cashier<'_> {
    /// Brings an order's payment as far as it goes now. Done twice, it has its effect once.
    pub(crate) async fn settle(&self, order: Uuid) -> Result<(), SettleError> {
        let db = self.database.read();
        let mut orders = order::by_ids(db, &[order]).await?;
        let payment = order_payment::of_order(db, order).await?;
        let Some((order, payment)) = orders.remove(&order).zip(payment) else {
            return Ok(());
        };
        match standing(&order, &payment)?.1 {
            PaymentState::Wanted => self.take(&order, &payment).await,
            PaymentState::Waiting => self.look(&order).await,
            PaymentState::Unwanted => self.release(&order, &payment).await,
            PaymentState::Taken | PaymentState::Released | PaymentState::Stuck => Ok(()),
        }
    }

    async fn take(
        &self,
        order: &order::Model,
        payment: &order_payment::Model,
    ) -> Result<(), SettleError> {
        let intent = match &order.payment_intent_id {
            Some(id) => self.stripe.payment(id).await?,
            None => match self.create(order, payment).await {
                Ok(intent) => {
                    if !self.adopt(order.id, &intent.id).await? {
                        return Ok(());
                    }
                    intent
                }
                Err(SettleError::Stripe(
                    StripeError::Declined { code }
                    | StripeError::Refused {
                        code,
                        in_doubt: false,
                    },
                )) => return self.declined(order.id, None, code).await,
                Err(error) => return Err(error),
            },
        };
        if told(intent.status) != Told::Unconfirmed {
            return self.tell(order.id, &Word::of(&intent)).await;
        }
        let key = key(order.id, "confirm", payment.attempts);
        match self.stripe.confirm(&intent.id, None, &key).await {
            Ok(confirmed) => self.tell(order.id, &Word::of(&confirmed)).await,
            Err(StripeError::Declined { code }) => {
                self.declined(order.id, Some(intent.id), code).await
            }
            // Not in a state for it any more, or its payment method cannot be used.
            Err(StripeError::Refused { code, .. }) => {
                let intent = self.stripe.payment(&intent.id).await?;
                if told(intent.status) == Told::Unconfirmed {
                    return self.declined(order.id, Some(intent.id), code).await;
                }
                self.tell(order.id, &Word::of(&intent)).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn create(
        &self,
        order: &order::Model,
        payment: &order_payment::Model,
    ) -> Result<PaymentIntent, SettleError> {
        let id = order.payment_method_id;
        let methods = payment_method::by_ids(self.database.read(), &[id]).await?;
        let method = methods.get(&id).ok_or(SettleError::Unknown(order.id))?;
        let new = NewPayment {
            amount: order.local_currency_amount,
            currency: &order.local_currency_code,
            payment_method: &method.token,
            order: &IdKind::Order.format(order.id),
        };
        let key = key(order.id, "create", payment.attempts / ATTEMPTS_OF_A_KEY);
        Ok(self.stripe.create(&new, &key).await?)
    }

    /// Stores the name of the payment, and says whether it is still wanted.
    async fn adopt(&self, id: Uuid, intent: &str) -> Result<bool, SettleError> {
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        let order = order::lock(&transaction, id).await?;
        let payment = order_payment::of_order(&transaction, id).await?;
        let Some((mut order, payment)) = order.zip(payment) else {
            return Ok(false);
        };
        // Whoever settles the same payment at the same time has the same one.
        if order.payment_intent_id.is_none() {
            order.payment_intent_id = Some(intent.to_owned());
            order.updated_at = now;
            order::update(&transaction, order.clone()).await?;
        }
        let is_ours = order.payment_intent_id.as_deref() == Some(intent);
        let (_, state) = standing(&order, &payment)?;
        if matches!(state, PaymentState::Unwanted | PaymentState::Released) {
            // Cancelled meanwhile: what was created is not left lying there.
            give_back(&transaction, id, now).await?;
        }
        transaction.commit().await?;
        Ok(is_ours && state == PaymentState::Wanted)
    }

    /// Looks whether the customer has confirmed the payment at their bank, and gives up after a while.
    async fn look(&self, order: &order::Model) -> Result<(), SettleError> {
        let Some(id) = &order.payment_intent_id else {
            return Err(SettleError::Unknown(order.id));
        };
        let intent = self.stripe.payment(id).await?;
        let overdue = self.clock.now() - order.placed_at > ABANDONED;
        if told(intent.status) == Told::Waiting && overdue {
            let key = key(order.id, "abandon", 0);
            let intent = self.stripe.cancel(id, &key).await?;
            return self.tell(order.id, &Word::of(&intent)).await;
        }
        self.tell(order.id, &Word::of(&intent)).await
    }

    /// Sees to it that nothing is taken, or gives back what was.
    async fn release(
        &self,
        order: &order::Model,
        payment: &order_payment::Model,
    ) -> Result<(), SettleError> {
        let Some(id) = &order.payment_intent_id else {
            // It was never created, or nobody knows it: nobody can confirm it.
            return self
                .tell(
                    order.id,
                    &Word {
                        told: Told::Void,
                        intent: None,
                        decline_code: None,
                        received: None,
                    },
                )
                .await;
        };
        let intent = self.stripe.payment(id).await?;
        match intent.status {
            PaymentStatus::Succeeded => self.refund(order, payment, &intent).await,
            PaymentStatus::Canceled => self.tell(order.id, &Word::of(&intent)).await,
            _ => {
                let key = key(order.id, "cancel", payment.attempts);
                match self.stripe.cancel(id, &key).await {
                    Ok(intent) => self.tell(order.id, &Word::of(&intent)).await,
                    // It was taken, or cancelled, in this moment.
                    Err(StripeError::Refused { .. }) => Err(SettleError::OnItsWay(order.id)),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// Gives all of it back. The provider never gives back more than was taken, so doing this twice
    /// is refused there.
    async fn refund(
        &self,
        order: &order::Model,
        payment: &order_payment::Model,
        intent: &PaymentIntent,
    ) -> Result<(), SettleError> {
        let reference = IdKind::Order.format(order.id);
        let taken = Charge {
            amount: intent.amount_received,
            currency: intent.currency.clone(),
        };
        let key = key(order.id, "refund", payment.attempts);
        let made = self
            .stripe
            .refund(&intent.id, taken.amount, &reference, &key)
            .await;
        let refund = match made {
            Ok(refund) => refund,
            Err(StripeError::Refused { code, .. }) => match self.given_back(intent).await? {
                // By an earlier attempt whose answer was lost, or by somebody else.
                Some(refund) if has_failed(&refund) || refund.amount >= taken.amount => refund,
                // The rest of it.
                Some(part) => {
                    let rest = taken.amount - part.amount;
                    let key = format!("{key}-rest-{rest}");
                    let refund = self.stripe.refund(&intent.id, rest, &reference, &key);
                    let refund = refund.await?;
                    Refund {
                        amount: refund.amount + part.amount,
                        ..refund
                    }
                }
                None => {
                    return Err(SettleError::Stripe(StripeError::Refused {
                        code,
                        in_doubt: false,
                    }));
                }
            },
            Err(error) => return Err(error.into()),
        };
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        let mut is_settled = true;
        if let Some(order) = order::lock(&transaction, order.id).await? {
            is_settled = learn_refund(&transaction, &order, &refund, &taken, now).await?;
        }
        transaction.commit().await?;
        if is_settled {
            Ok(())
        } else {
            Err(SettleError::OnItsWay(order.id))
        }
    }

    /// All that was given back of a payment, as if it were one refund, or one that failed; `None`:
    /// none was made.
    async fn given_back(&self, intent: &PaymentIntent) -> Result<Option<Refund>, StripeError> {
        let refunds = self.stripe.refunds(&intent.id).await?;
        let (failed, given): (Vec<_>, Vec<_>) = refunds.into_iter().partition(has_failed);
        let given = given.into_iter().reduce(|sum, refund| Refund {
            amount: sum.amount + refund.amount,
            ..sum
        });
        Ok(given.or_else(|| failed.into_iter().next()))
    }

    async fn declined(
        &self,
        order: Uuid,
        intent: Option<String>,
        code: String,
    ) -> Result<(), SettleError> {
        let word = Word {
            told: Told::Declined,
            intent,
            decline_code: Some(code),
            received: None,
        };
        self.tell(order, &word).await
    }

    async fn tell(&self, id: Uuid, word: &Word) -> Result<(), SettleError> {
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        if let Some(order) = order::lock(&transaction, id).await? {
            learn(&transaction, order, word, now).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Leaves an order's payment for later: the more often it failed, the later.
    pub(crate) async fn postpone(&self, id: Uuid, error: &SettleError) -> Result<(), DbErr> {
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        if order::lock(&transaction, id).await?.is_none() {
            return Ok(());
        }
        let Some(mut payment) = order_payment::of_order(&transaction, id).await? else {
            return Ok(());
        };
        if payment.next_attempt_at.is_none() {
            return Ok(());
        }
        let longest = if error.is_outage() {
            LONGEST_WAIT_IN_OUTAGE
        } else {
            LONGEST_WAIT
        };
        let wait = wait_after(payment.attempts).min(longest);
        payment.attempts = payment.attempts.saturating_add(1);
        payment.next_attempt_at = Some(now + wait);
        payment.updated_at = now;
        let order_id = IdKind::Order.format(id);
        let attempt = payment.attempts;
        if attempt >= WORRYING {
            tracing::error!(order_id, attempt, %error, "payment not settled");
        } else {
            tracing::warn!(order_id, attempt, %error, "payment not settled yet");
        }
        order_payment::update(&transaction, payment).await?;
        transaction.commit().await
    }
}

fn has_failed(refund: &Refund) -> bool {
    matches!(refund.status, RefundStatus::Failed | RefundStatus::Canceled)
}

/// Five seconds, doubled after each attempt.
fn wait_after(attempts: i32) -> TimeDelta {
    let doublings = attempts.clamp(0, 10).unsigned_abs();
    TimeDelta::seconds(5 << doublings).min(LONGEST_WAIT)
}

/// The idempotency key of an operation for an order.
fn key(order: Uuid, operation: &str, number: i32) -> String {
    format!("{}-{operation}-{number}", IdKind::Order.format(order))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_later_and_later_and_never_stop() {
        let waits: Vec<_> = [0, 1, 2, 6, 7, 100, i32::MAX]
            .into_iter()
            .map(|attempts| wait_after(attempts).num_seconds())
            .collect();
        assert_eq!(waits, [5, 10, 20, 320, 600, 600, 600]);
    }
}
