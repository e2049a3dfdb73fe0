//! Amounts: an order's parts add up to its total, and no more is captured or refunded than was paid.

use entities::orders::order_decision::OrderDecision;
use entities::orders::order_payment::{self, PaymentState};
use entities::orders::order_refund::{self, OrderRefundState};
use entities::orders::order_review::ReviewReason;
use entities::orders::{order, order_decision, order_review};
use platform::invariants::Violation;
use rust_decimal::Decimal;

use super::order::OrderData;
use crate::events;
use crate::rules::status::OrderStatus;

/// An order's parts do not add up to its total.
pub(super) const AMOUNTS: &str = "order_amounts";
/// A payment does not fit its order.
pub(super) const PAYMENT: &str = "order_payment";
/// More was refunded than was captured.
pub(super) const REFUNDS: &str = "order_refunds";

pub(super) fn check(order: &OrderData) -> Vec<Violation> {
    let mut found = parts(order);
    found.extend(payment(order));
    found.extend(refunds(order));
    found
}

fn parts(order: &OrderData) -> Vec<Violation> {
    let (row, id) = (&order.row, order.id.as_str());
    let mut found = Vec::new();
    let mut compare = |what: &str, expected: i64, stored: i64| {
        if expected != stored {
            let expected = format!("{what} {expected}");
            found.push(Violation::new(AMOUNTS, id, expected, stored));
        }
    };
    let lines = order.items.iter();
    let prices = lines.map(|item| i64::from(item.quantity) * item.unit_price_amount);
    compare(
        "a subtotal of its lines of",
        prices.sum(),
        row.subtotal_amount,
    );
    let taxes = order.items.iter().map(|item| item.tax_amount);
    compare("a tax of its lines of", taxes.sum(), row.tax_amount);
    let total = row.subtotal_amount + row.shipping_amount + row.tax_amount;
    compare("a total of its parts of", total, row.local_currency_amount);
    if !(0..=row.local_currency_amount).contains(&row.store_credit_amount) {
        let expected = format!("store credit of 0 to {}", row.local_currency_amount);
        found.push(Violation::new(
            AMOUNTS,
            id,
            expected,
            row.store_credit_amount,
        ));
    }
    let rate = row.exchange_rate.parse::<Decimal>();
    if !rate.is_ok_and(|rate| rate > Decimal::ZERO) {
        let expected = "a positive exchange rate";
        found.push(Violation::new(AMOUNTS, id, expected, &row.exchange_rate));
    }
    if order.items.is_empty() {
        found.push(Violation::new(AMOUNTS, id, "at least one line", "none"));
    }
    found
}

/// The states that the payment of an order may have.
fn possible(order: &OrderData) -> Vec<PaymentState> {
    let status = order.row.status;
    let decided =
        |decision: OrderDecision| order.decisions.iter().any(|made| made.decision == decision);
    let mut states = usual(status).to_vec();
    if status == OrderStatus::Delivered && decided(OrderDecision::RetryPayment) {
        states.push(PaymentState::AwaitingCustomer);
    }
    let goes_on = matches!(
        status,
        OrderStatus::Confirmed | OrderStatus::Shipped | OrderStatus::Delivered
    );
    if goes_on && decided(OrderDecision::Resolve) {
        states.push(PaymentState::Released);
    }
    states
}

/// The states that the payment of an order in this status may have, whatever support decides.
const fn usual(status: OrderStatus) -> &'static [PaymentState] {
    use PaymentState::{
        Authorized, AwaitingCustomer, CaptureRequested, Captured, NeedsReview, ReleaseRequested,
        Released, Requested,
    };
    match status {
        OrderStatus::Pending => &[Requested, AwaitingCustomer, NeedsReview],
        // Support may ask the payment provider again.
        OrderStatus::Confirmed => &[
            Authorized,
            CaptureRequested,
            Captured,
            AwaitingCustomer,
            NeedsReview,
        ],
        // The carrier may report a parcel before the payment is confirmed.
        OrderStatus::Shipped => &[
            Requested,
            AwaitingCustomer,
            Authorized,
            CaptureRequested,
            Captured,
            NeedsReview,
        ],
        OrderStatus::Delivered => &[Authorized, CaptureRequested, Captured, NeedsReview],
        OrderStatus::Cancelled => &[ReleaseRequested, Released, NeedsReview],
    }
}

fn payment(order: &OrderData) -> Vec<Violation> {
    let (row, id) = (&order.row, order.id.as_str());
    let Some(payment) = &order.payment else {
        // Orders from elsewhere, such as those of the demo shop, have none.
        let is_charged = order
            .published
            .types
            .iter()
            .any(|kind| kind == events::PLACED)
            && row.charged_amount() > 0;
        let missing = || {
            let expected = format!("a payment of {}", row.charged_amount());
            Violation::new(PAYMENT, id, expected, "none")
        };
        return is_charged.then(missing).into_iter().collect();
    };
    let mut found = Vec::new();
    let mut wrong = |expected: String, stored: String| {
        found.push(Violation::new(PAYMENT, id, expected, stored));
    };
    let (state, status) = (payment.state.as_str(), row.status.as_str());
    let possible = possible(order);
    if !possible.contains(&payment.state) {
        let states: Vec<_> = possible.iter().map(|state| state.as_str()).collect();
        let expected = format!(
            "the payment of a {status} order to be {}",
            states.join(" or ")
        );
        wrong(expected, state.to_owned());
    }
    let is_held = matches!(
        payment.state,
        PaymentState::Authorized | PaymentState::CaptureRequested | PaymentState::Captured
    );
    if is_held && row.payment_intent_id.is_none() && row.charged_amount() > 0 {
        let expected = format!("a payment that is {state} to have an id");
        wrong(expected, "none".to_owned());
    }
    let is_accepted = order.was_mismatched()
        || order
            .decisions
            .iter()
            .any(|made| made.decision == OrderDecision::Resolve);
    let captured = payment.captured_amount.filter(|_| !is_accepted);
    if let Some(captured) = captured
        && payment.state == PaymentState::Captured
        && captured < row.charged_amount()
    {
        let expected = format!(
            "{} captured, as of a payment that is {state}",
            row.charged_amount()
        );
        wrong(expected, captured.to_string());
    }
    for (what, amount) in [
        ("captured", payment.captured_amount),
        ("to be captured", payment.capture_target),
    ] {
        let amount = amount.unwrap_or(0);
        if !(0..=row.charged_amount()).contains(&amount) && !order.was_mismatched() {
            let expected = format!("0 to {} {what}", row.charged_amount());
            wrong(expected, amount.to_string());
        }
    }
    found
}

/// Whether the payment provider charged another amount than the order's, which a person settles or has settled.
pub(super) fn was_mismatched(
    review: Option<&order_review::Model>,
    decisions: &[order_decision::Model],
) -> bool {
    let decided = decisions.iter().filter_map(|decision| decision.reason);
    let mut reasons = review
        .map(|review| review.reason)
        .into_iter()
        .chain(decided);
    reasons.any(|reason| reason == ReviewReason::PaymentMismatch)
}

/// How much was captured of the order's payment, at most. The payment provider may have captured what is not recorded yet.
pub(super) fn captured(row: &order::Model, payment: Option<&order_payment::Model>) -> i64 {
    let Some(payment) = payment else {
        // From before payments were recorded.
        return match row.status {
            OrderStatus::Pending => 0,
            _ => row.charged_amount(),
        };
    };
    match (payment.captured_amount, payment.state) {
        (captured, PaymentState::CaptureRequested) => {
            let target = payment.capture_target.unwrap_or(row.charged_amount());
            captured.unwrap_or(0).max(target)
        }
        (Some(captured), _) => captured,
        (None, PaymentState::Authorized) => 0,
        // Charged at once, or still to be.
        (None, _) => row.charged_amount(),
    }
}

fn refunds(order: &OrderData) -> Vec<Violation> {
    let mut found: Vec<_> = refunded_at_most(order).into_iter().collect();
    for refund in &order.refunds {
        if refund.state == OrderRefundState::Issued && refund.provider_id.is_none() {
            let expected = format!("the issued refund {} to have the provider's id", refund.id);
            found.push(Violation::new(REFUNDS, &order.id, expected, "none"));
        }
    }
    found
}

fn refunded_at_most(order: &OrderData) -> Option<Violation> {
    let refunded = order_refund::total(&order.refunds);
    let captured = captured(&order.row, order.payment.as_ref());
    let is_within = refunded <= captured || order.was_mismatched();
    (!is_within).then(|| {
        let expected = format!("at most {captured} refunded, as was captured");
        Violation::new(REFUNDS, &order.id, expected, refunded)
    })
}
