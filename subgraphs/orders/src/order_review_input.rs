//! The inputs of `orderReviewDecide` and `orderRefund`.

use async_graphql::{Enum, ID, InputObject};
use entities::orders::order_decision;
use resolvers::money_input::MoneyInput;
use serde::Serialize;

/// What support can do about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Enum)]
#[graphql(remote = "order_decision::OrderDecision")]
pub(crate) enum OrderDecision {
    /// Ask the payment provider again, or make a refused refund of a cancelled order again.
    RetryPayment,
    /// Cancel the order, and return the payment. Not possible once a parcel is registered: refund it instead.
    Cancel,
    /// Nothing more is needed: it was settled, such as by a refund or another parcel. Nothing more is charged.
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
