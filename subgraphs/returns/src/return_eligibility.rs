//! The GraphQL type `ReturnEligibility`.

use async_graphql::{Enum, ID, SimpleObject};
use chrono::{DateTime as Time, Utc};
use entities::returns::return_item::Returned;
use resolvers::id::IdKind;
use resolvers::scalars::DateTime;

use crate::order_facts::OrderItemFacts;
use crate::rules::eligibility::{self, Ineligible};

/// The rules that can prevent a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "eligibility::IneligibilityCode")]
pub(crate) enum IneligibilityCode {
    /// The order was delivered more than 30 days ago.
    PastReturnWindow,
    /// The item is personalized, hazardous or digital.
    ExcludedCategory,
    /// The order's total is 10 US dollars or less.
    OrderTotalTooLow,
    /// Every unit of the item is in a return already.
    AlreadyReturned,
    /// More units are requested than can still be returned.
    QuantityExceedsPurchased,
    /// The order has not been delivered yet.
    NotDelivered,
    /// Returns are currently only possible through support.
    SelfServiceUnavailable,
}

/// A rule that prevents a return.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct IneligibilityReason {
    /// Which rule it is.
    pub code: IneligibilityCode,
    /// An explanation in English for the customer.
    pub message: String,
    /// The order item that the rule concerns; null if it concerns the whole order.
    pub order_item_id: Option<ID>,
    /// When the order was delivered; null unless the rule is PAST_RETURN_WINDOW.
    pub delivery_date: Option<DateTime>,
    /// Until when a return was possible; null unless the rule is PAST_RETURN_WINDOW.
    pub return_deadline: Option<DateTime>,
}

impl From<&Ineligible> for IneligibilityReason {
    fn from(failure: &Ineligible) -> Self {
        let window = match failure {
            Ineligible::PastReturnWindow {
                delivered_at,
                deadline,
            } => Some((*delivered_at, *deadline)),
            _ => None,
        };
        Self {
            code: failure.code().into(),
            message: failure.message().into_owned(),
            order_item_id: failure.item().map(|item| IdKind::OrderItem.id(item)),
            delivery_date: window.map(|(delivered_at, _)| delivered_at.into()),
            return_deadline: window.map(|(_, deadline)| deadline.into()),
        }
    }
}

/// Whether units of an order item may be returned now.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnEligibility {
    /// Whether at least one unit may be returned.
    pub eligible: bool,
    /// Every rule that prevents it; empty if the item is eligible.
    pub reasons: Vec<IneligibilityReason>,
    /// Until when a return is possible, 30 days after delivery; null before delivery.
    pub return_deadline: Option<DateTime>,
    /// How many units may be returned now; 0 if the item is not eligible.
    pub returnable_quantity: i32,
}

impl ReturnEligibility {
    /// `general` is a rule that prevents any return by the caller.
    pub(crate) fn new(
        item: &OrderItemFacts,
        returned: Returned,
        general: Option<Ineligible>,
        now: Time<Utc>,
    ) -> Self {
        let unit = item.item_facts(1, returned);
        let of_item = eligibility::check(&item.order, &[unit], now);
        let failures: Vec<_> = general.into_iter().chain(of_item).collect();
        let returnable = if failures.is_empty() { unit.left() } else { 0 };
        Self {
            eligible: failures.is_empty(),
            reasons: failures.iter().map(IneligibilityReason::from).collect(),
            return_deadline: item
                .order
                .delivered_at
                .map(|delivered_at| eligibility::deadline(delivered_at).into()),
            returnable_quantity: i32::try_from(returnable).unwrap_or(i32::MAX),
        }
    }
}
