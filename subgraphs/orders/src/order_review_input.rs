//! The inputs of `orderReviewDecide` and `orderRefund`.

use async_graphql::{Enum, ID, InputObject};
use entities::orders::order_decision;
use resolvers::money_input::MoneyInput;
use resolvers::user_error::{InputError, UserErrorCode};
use serde::Serialize;

use crate::rules::review::LONGEST_NOTE;

/// What support can do about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[graphql(remote = "order_decision::OrderDecision")]
pub(crate) enum OrderDecision {
    /// Ask the payment provider again.
    RetryPayment,
    /// Cancel the order, and return the payment.
    Cancel,
    /// Nothing more is needed: it was settled, such as by a refund or another parcel.
    Resolve,
    /// Leave it in the queue, with the note.
    Wait,
    /// An amount was refunded, with `orderRefund`.
    Refund,
}

/// A decision about an order that waits for one.
#[derive(Clone, Debug, Serialize, InputObject)]
pub(crate) struct OrderReviewInput {
    /// The order's id, `ord_…`.
    pub order_id: ID,
    /// What to do; `review { allowedDecisions }` lists what is possible.
    pub decision: OrderDecision,
    /// Why, in at most 2,000 characters. Only support sees it.
    pub note: String,
}

/// A refund of an order's payment by support.
#[derive(Clone, Debug, Serialize, InputObject)]
pub(crate) struct OrderRefundInput {
    /// The order's id, `ord_…`.
    pub order_id: ID,
    /// How much, in the currency of the payment; by default all that was captured and not refunded yet.
    pub amount: Option<MoneyInput>,
    /// Why, in at most 2,000 characters. Only support sees it.
    pub note: String,
}

/// The note without surrounding spaces, or why it cannot be used.
pub(crate) fn note(note: &str) -> Result<&str, InputError> {
    let note = note.trim();
    if note.is_empty() || note.chars().count() > LONGEST_NOTE {
        let message = format!("The note must have from 1 to {LONGEST_NOTE} characters");
        return Err(error(UserErrorCode::InvalidText, message, "note"));
    }
    Ok(note)
}

/// An error about a field of the input.
pub(crate) fn error(code: UserErrorCode, message: impl Into<String>, field: &str) -> InputError {
    InputError::new(code, message, &["input", field])
}
