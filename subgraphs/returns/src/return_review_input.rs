//! The input of `returnReviewDecide`.

use async_graphql::{Enum, ID, InputObject};
use entities::returns::return_decision;
use resolvers::money::{CurrencyCode, Money};
use resolvers::money_input::MoneyInput;
use resolvers::support::{error, note};
use resolvers::user_error::{InputError, UserErrorCode};
use serde::Serialize;

/// The longest name of a carrier, in characters.
const LONGEST_CARRIER: usize = 40;

/// What support can decide about a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[graphql(remote = "return_decision::ReviewDecision")]
pub(crate) enum ReviewDecision {
    /// Get a label, in place of the present one if there is one.
    RetryLabel,
    /// Ask the provider again to void a label that is not needed.
    RetryVoid,
    /// Refund to the payment method, without waiting for the package.
    Refund,
    /// Refund as store credit, without waiting for the package.
    RefundToStoreCredit,
    /// End the return without a refund, or accept that a label's price is lost. What was refunded already stays.
    Reject,
    /// Leave it in the queue, with the note.
    Wait,
}

/// A decision about a return that waits for one.
#[derive(Clone, Debug, Serialize, InputObject)]
pub(crate) struct ReturnReviewInput {
    /// The return's id, `ret_…`.
    pub return_id: ID,
    /// What to do; `review { allowedDecisions }` lists what is possible.
    pub decision: ReviewDecision,
    /// Why, in at most 2,000 characters. Only support sees it.
    pub note: String,
    /// How much to refund in all, instead of the quote; at most what was captured and not refunded yet. Only with REFUND and
    /// REFUND_TO_STORE_CREDIT.
    pub refund_amount: Option<MoneyInput>,
    /// The carrier of the new label, such as "UPS"; by default the cheapest. Only with RETRY_LABEL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// Whether the new label may cost any price. Only with RETRY_LABEL.
    #[graphql(default)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub accept_any_rate: bool,
}

/// The input once it is checked.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub decision: return_decision::ReviewDecision,
    pub note: String,
    pub amount: Option<Money>,
    pub carrier: Option<String>,
    pub accepts_any_rate: bool,
}

impl Decision {
    /// Checks everything that does not depend on the return.
    pub(crate) fn parse(input: &ReturnReviewInput) -> Result<Self, Vec<InputError>> {
        let mut errors = Vec::new();
        let note = note(&input.note).unwrap_or_else(|error| {
            errors.push(error);
            ""
        });
        let is_refund = matches!(
            input.decision,
            ReviewDecision::Refund | ReviewDecision::RefundToStoreCredit
        );
        let amount = input.refund_amount.and_then(|amount| {
            let money = amount.money().filter(|money| money.minor > 0);
            if money.is_none() || !is_refund {
                let message = match is_refund {
                    true => "The amount must be positive, with the decimals of its currency",
                    false => "An amount is only possible with a refund",
                };
                let code = UserErrorCode::InvalidAmount;
                errors.push(error(code, message, "refundAmount"));
            }
            money
        });
        let carrier = input.carrier.as_deref().map(str::trim);
        let is_label = input.decision == ReviewDecision::RetryLabel;
        if let Some(carrier) = carrier
            && (!is_label || carrier.is_empty() || carrier.chars().count() > LONGEST_CARRIER)
        {
            let message = "Name a carrier only for a new label, such as UPS";
            let code = UserErrorCode::InvalidText;
            errors.push(error(code, message, "carrier"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            decision: input.decision.into(),
            note: note.to_owned(),
            amount,
            carrier: carrier.map(str::to_owned),
            accepts_any_rate: is_label && input.accept_any_rate,
        })
    }

    /// The decided amount in minor units of this currency; an error if it is in another.
    pub(crate) fn amount_in(&self, currency: CurrencyCode) -> Result<Option<i64>, InputError> {
        match self.amount {
            Some(amount) if amount.currency != currency => {
                let message = format!("The refund is in {}", currency.as_str());
                Err(error(UserErrorCode::InvalidAmount, message, "refundAmount"))
            }
            amount => Ok(amount.map(|amount| amount.minor)),
        }
    }
}
