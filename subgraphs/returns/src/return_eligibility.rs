//! The GraphQL type `ReturnEligibility`.

use async_graphql::{Enum, ID, SimpleObject};
use chrono::{DateTime as Time, Utc};
use entities::returns::return_item::Returned;
use resolvers::id::IdKind;
use resolvers::scalars::DateTime;

use crate::order_facts::OrderItemFacts;
use crate::rules::eligibility::{self, Ineligible};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "eligibility::IneligibilityCode")]
pub(crate) enum IneligibilityCode {
    PastReturnWindow,
    ExcludedCategory,
    OrderTotalTooLow,
    AlreadyReturned,
    QuantityExceedsPurchased,
    NotDelivered,
    /// Returns are currently only possible through support.
    SelfServiceUnavailable,
}

/// A rule that prevents a return.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct IneligibilityReason {
    pub code: IneligibilityCode,
    /// Human-readable.
    pub message: String,
    /// The item it concerns; null if it concerns the whole order.
    pub order_item_id: Option<ID>,
    /// Only for PAST_RETURN_WINDOW.
    pub delivery_date: Option<DateTime>,
    /// Only for PAST_RETURN_WINDOW.
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

/// Whether a unit of an order item may be returned now.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct ReturnEligibility {
    pub eligible: bool,
    /// Every failed rule.
    pub reasons: Vec<IneligibilityReason>,
    /// The last moment at which a return is accepted; null before delivery.
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
