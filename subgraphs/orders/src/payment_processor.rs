//! The calls to the payment provider that charge or refund an order as requested. Repeating them is safe.

use chrono::TimeDelta;
use entities::orders::{order, order_payment, payment_method};
use platform::clock::Clock;
use platform::database::Database;
use platform::providers::stripe::{
    CaptureMethod, NewPayment, PaymentIntent, PaymentStatus, Refund, RefundStatus, Stripe,
    StripeError,
};
use resolvers::id::IdKind;
use uuid::Uuid;

use crate::payment::{
    ProviderUpdate, SettleError, apply, apply_refund, provider_status, request_release,
};
use crate::rules::capture;
use crate::rules::settlement::{Charge, PaymentState, ProviderStatus};

/// How long the customer may take to confirm the payment with their bank.
const CONFIRMATION_TIMEOUT: TimeDelta = TimeDelta::hours(1);
/// Failed attempts after which a new payment gets another idempotency key. The provider repeats a key's failure for a
/// day, and an unconfirmed payment charges nothing.
const ATTEMPTS_PER_KEY: u32 = 4;

/// Calls the provider for the orders in this database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PaymentProcessor<'a> {
    pub database: &'a Database,
    pub clock: &'a Clock,
    pub stripe: &'a Stripe,
    /// How new payments are captured.
    pub capture_method: CaptureMethod,
    /// Failures before this attempt.
    pub attempt: u32,
}

impl PaymentProcessor<'_> {
    /// Advances an order's payment as far as possible. Repeating it has no further effect.
    pub(crate) async fn advance(&self, order: Uuid) -> Result<(), SettleError> {
        let db = self.database.read();
        let mut orders = order::by_ids(db, &[order]).await?;
        let payment = order_payment::of_order(db, order).await?;
        let Some((order, payment)) = orders.remove(&order).zip(payment) else {
            return Ok(());
        };
        match payment.state {
            PaymentState::Requested => self.charge(&order).await,
            PaymentState::AwaitingCustomer => self.poll(&order).await,
            PaymentState::ReleaseRequested => self.release(&order, &payment).await,
            PaymentState::CaptureRequested => self.capture(&order, &payment).await,
            PaymentState::Authorized => self.read_again(&order).await,
            PaymentState::Captured | PaymentState::Released | PaymentState::NeedsReview => Ok(()),
        }
    }

    async fn charge(&self, order: &order::Model) -> Result<(), SettleError> {
        let intent = match &order.payment_intent_id {
            Some(id) => self.stripe.payment(id).await?,
            None => match self.create_intent(order).await {
                Ok(intent) => {
                    if !self.attach_intent(order.id, &intent.id).await? {
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
        if provider_status(&intent) != ProviderStatus::RequiresConfirmation {
            return self.apply(order.id, &ProviderUpdate::of(&intent)).await;
        }
        let key = key(order.id, "confirm", self.attempt);
        match self.stripe.confirm(&intent.id, None, &key).await {
            Ok(confirmed) => self.apply(order.id, &ProviderUpdate::of(&confirmed)).await,
            Err(StripeError::Declined { code }) => {
                self.declined(order.id, Some(intent.id), code).await
            }
            // No longer in the right state, or its payment method cannot be used.
            Err(StripeError::Refused { code, .. }) => {
                let intent = self.stripe.payment(&intent.id).await?;
                if provider_status(&intent) == ProviderStatus::RequiresConfirmation {
                    return self.declined(order.id, Some(intent.id), code).await;
                }
                self.apply(order.id, &ProviderUpdate::of(&intent)).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn create_intent(&self, order: &order::Model) -> Result<PaymentIntent, SettleError> {
        let id = order.payment_method_id;
        let methods = payment_method::by_ids(self.database.read(), &[id]).await?;
        let method = methods
            .get(&id)
            .ok_or(SettleError::UnknownValue(order.id))?;
        let new = NewPayment {
            amount: order.charged_amount(),
            currency: &order.local_currency_code,
            payment_method: &method.token,
            order: &IdKind::Order.format(order.id),
            capture: self.capture_method,
        };
        let key = key(order.id, "create", self.attempt / ATTEMPTS_PER_KEY);
        Ok(self.stripe.create(&new, &key).await?)
    }

    /// Stores the payment's id, and returns whether it is still requested.
    async fn attach_intent(&self, id: Uuid, intent: &str) -> Result<bool, SettleError> {
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        let order = order::lock(&transaction, id).await?;
        let payment = order_payment::of_order(&transaction, id).await?;
        let Some((mut order, payment)) = order.zip(payment) else {
            return Ok(false);
        };
        // A concurrent attempt gets the same payment.
        if order.payment_intent_id.is_none() {
            order.payment_intent_id = Some(intent.to_owned());
            order.updated_at = now;
            order::update(&transaction, order.clone()).await?;
        }
        let is_ours = order.payment_intent_id.as_deref() == Some(intent);
        let state = payment.state;
        if matches!(
            state,
            PaymentState::ReleaseRequested | PaymentState::Released
        ) {
            // Cancelled in the meantime: the created payment must be cancelled too.
            request_release(&transaction, id, now).await?;
        }
        transaction.commit().await?;
        Ok(is_ours && state == PaymentState::Requested)
    }

    /// Checks whether the customer has confirmed the payment with their bank, and gives up after a while.
    async fn poll(&self, order: &order::Model) -> Result<(), SettleError> {
        let Some(id) = &order.payment_intent_id else {
            return Err(SettleError::UnknownValue(order.id));
        };
        let intent = self.stripe.payment(id).await?;
        let overdue = self.clock.now() - order.placed_at > CONFIRMATION_TIMEOUT;
        if provider_status(&intent) == ProviderStatus::Processing && overdue {
            let key = key(order.id, "abandon", 0);
            let intent = self.stripe.cancel(id, &key).await?;
            return self.apply(order.id, &ProviderUpdate::of(&intent)).await;
        }
        self.apply(order.id, &ProviderUpdate::of(&intent)).await
    }

    /// Captures what was sent and is not captured yet. Repeating this is safe: what was captured is read first, and the
    /// same part has the same key.
    async fn capture(
        &self,
        order: &order::Model,
        payment: &order_payment::Model,
    ) -> Result<(), SettleError> {
        let Some(id) = &order.payment_intent_id else {
            return Err(SettleError::UnknownValue(order.id));
        };
        let intent = self.stripe.payment(id).await?;
        let part = capture::next_part(
            intent.amount,
            intent.amount_received,
            payment.capture_target.unwrap_or(intent.amount),
            intent.is_multicapture_available(),
        );
        let part = part.filter(|_| intent.status == PaymentStatus::RequiresCapture);
        let Some(part) = part else {
            return self.apply(order.id, &ProviderUpdate::of(&intent)).await;
        };
        let operation = format!("capture-{}-{}", intent.amount_received, part.amount);
        let key = key(order.id, &operation, self.attempt / ATTEMPTS_PER_KEY);
        match self
            .stripe
            .capture(id, part.amount, part.is_last, &key)
            .await
        {
            Ok(intent) => self.apply(order.id, &ProviderUpdate::of(&intent)).await,
            // Captured by an earlier attempt, expired, or refused by the bank.
            Err(StripeError::Refused { code, .. } | StripeError::Declined { code }) => {
                let intent = self.stripe.payment(id).await?;
                if intent.status != PaymentStatus::RequiresCapture {
                    return self.apply(order.id, &ProviderUpdate::of(&intent)).await;
                }
                Err(SettleError::Stripe(StripeError::Refused {
                    code,
                    in_doubt: false,
                }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Applies the provider's state of an authorization, which ends by itself.
    async fn read_again(&self, order: &order::Model) -> Result<(), SettleError> {
        let Some(id) = &order.payment_intent_id else {
            return Err(SettleError::UnknownValue(order.id));
        };
        let intent = self.stripe.payment(id).await?;
        self.apply(order.id, &ProviderUpdate::of(&intent)).await
    }

    /// Ensures that nothing is charged, or refunds what was.
    async fn release(
        &self,
        order: &order::Model,
        payment: &order_payment::Model,
    ) -> Result<(), SettleError> {
        let Some(id) = &order.payment_intent_id else {
            // It was never created, or its id is unknown: nobody can confirm it.
            return self
                .apply(
                    order.id,
                    &ProviderUpdate::without_amount(ProviderStatus::Canceled, None),
                )
                .await;
        };
        let intent = self.stripe.payment(id).await?;
        match intent.status {
            PaymentStatus::Succeeded => self.refund(order, payment, &intent).await,
            PaymentStatus::Canceled => self.apply(order.id, &ProviderUpdate::of(&intent)).await,
            _ => {
                let key = key(order.id, "cancel", self.attempt);
                match self.stripe.cancel(id, &key).await {
                    Ok(intent) => self.apply(order.id, &ProviderUpdate::of(&intent)).await,
                    // It has just been charged or cancelled.
                    Err(StripeError::Refused { .. }) => Err(SettleError::InProgress(order.id)),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// Refunds the whole payment. Repeating this is safe: the provider never refunds more than was charged.
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
        // The provider would repeat its answer about a refund that has failed since.
        let operation = match &payment.refund_id {
            Some(failed) => format!("refund-after-{failed}"),
            None => "refund".to_owned(),
        };
        let key = key(order.id, &operation, self.attempt);
        let made = self
            .stripe
            .refund(&intent.id, taken.amount, &reference, &key)
            .await;
        let refund = match made {
            Ok(refund) => refund,
            Err(StripeError::Refused { code, .. }) => match self.refunded_so_far(intent).await? {
                // Made by an earlier attempt whose answer was lost, or by somebody else.
                Some(refund) if has_failed(&refund) || refund.amount >= taken.amount => refund,
                // Refund the rest.
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
            is_settled = apply_refund(&transaction, &order, &refund, &taken, now).await?;
        }
        transaction.commit().await?;
        if is_settled {
            Ok(())
        } else {
            Err(SettleError::InProgress(order.id))
        }
    }

    /// Everything refunded of a payment, combined into one refund, or a failed one; `None` if there is none.
    async fn refunded_so_far(&self, intent: &PaymentIntent) -> Result<Option<Refund>, StripeError> {
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
        let update = ProviderUpdate {
            decline_code: Some(code),
            ..ProviderUpdate::without_amount(ProviderStatus::Declined, intent)
        };
        self.apply(order, &update).await
    }

    async fn apply(&self, id: Uuid, update: &ProviderUpdate) -> Result<(), SettleError> {
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        if let Some(order) = order::lock(&transaction, id).await? {
            apply(&transaction, order, update, now).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

fn has_failed(refund: &Refund) -> bool {
    matches!(refund.status, RefundStatus::Failed | RefundStatus::Canceled)
}

/// The idempotency key of an operation for an order.
fn key(order: Uuid, operation: &str, number: u32) -> String {
    format!("{}-{operation}-{number}", IdKind::Order.format(order))
}
