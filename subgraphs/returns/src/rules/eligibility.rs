//! Return eligibility: evaluates each rule separately and reports all failures.

use std::borrow::Cow;

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

/// How long after delivery a return is accepted, to the second and inclusive.
pub const RETURN_WINDOW: Duration = Duration::hours(30 * 24);

/// The message when self-service returns are switched off.
pub const SELF_SERVICE_OFF: &str =
    "Returns are currently handled by our support team: please contact us";

/// The minimum (exclusive) order total, in whole US dollars.
const TOTAL_MUST_EXCEED: u32 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IneligibilityCode {
    PastReturnWindow,
    ExcludedCategory,
    OrderTotalTooLow,
    AlreadyReturned,
    QuantityExceedsPurchased,
    NotDelivered,
    /// Returns are currently only possible through support.
    SelfServiceUnavailable,
}

/// Why goods can never be returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Restriction {
    /// Engraving, monogram.
    Personalized,
    /// Batteries, chemicals.
    Hazardous,
    /// Gift cards, downloads.
    Digital,
    /// A restriction unknown to this version; excluded as well.
    Other,
}

impl Restriction {
    /// Parses the orders domain's name.
    pub fn from_name(name: &str) -> Self {
        match name {
            "PERSONALIZED" => Self::Personalized,
            "HAZARDOUS" => Self::Hazardous,
            "DIGITAL" => Self::Digital,
            _ => Self::Other,
        }
    }
}

/// Order data for the rules.
#[derive(Clone, Copy, Debug)]
pub struct OrderFacts {
    /// `None` until delivery.
    pub delivered_at: Option<DateTime<Utc>>,
    pub total_usd: Decimal,
}

/// Item data for the rules, and the number of units to return.
#[derive(Clone, Copy, Debug)]
pub struct ItemFacts {
    /// The order item.
    pub id: Uuid,
    pub restriction: Option<Restriction>,
    /// Units bought.
    pub purchased: i64,
    /// Units in returns that are not cancelled.
    pub returned: i64,
    pub requested: i64,
}

impl ItemFacts {
    /// Units that are not part of any return yet.
    pub fn left(&self) -> i64 {
        (self.purchased - self.returned).max(0)
    }
}

/// A failed rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ineligible {
    /// Self-service returns are switched off.
    SelfServiceOff,
    NotDelivered,
    PastReturnWindow {
        delivered_at: DateTime<Utc>,
        deadline: DateTime<Utc>,
    },
    OrderTotalTooLow,
    ExcludedCategory {
        item: Uuid,
        restriction: Restriction,
    },
    AlreadyReturned {
        item: Uuid,
    },
    QuantityExceedsPurchased {
        item: Uuid,
        left: i64,
    },
}

impl Ineligible {
    pub const fn code(&self) -> IneligibilityCode {
        match self {
            Self::SelfServiceOff => IneligibilityCode::SelfServiceUnavailable,
            Self::NotDelivered => IneligibilityCode::NotDelivered,
            Self::PastReturnWindow { .. } => IneligibilityCode::PastReturnWindow,
            Self::OrderTotalTooLow => IneligibilityCode::OrderTotalTooLow,
            Self::ExcludedCategory { .. } => IneligibilityCode::ExcludedCategory,
            Self::AlreadyReturned { .. } => IneligibilityCode::AlreadyReturned,
            Self::QuantityExceedsPurchased { .. } => IneligibilityCode::QuantityExceedsPurchased,
        }
    }

    /// The order item it concerns; `None` if it concerns the whole order.
    pub const fn item(&self) -> Option<Uuid> {
        match self {
            Self::SelfServiceOff
            | Self::NotDelivered
            | Self::PastReturnWindow { .. }
            | Self::OrderTotalTooLow => None,
            Self::ExcludedCategory { item, .. }
            | Self::AlreadyReturned { item }
            | Self::QuantityExceedsPurchased { item, .. } => Some(*item),
        }
    }

    /// The message for the customer.
    pub fn message(&self) -> Cow<'static, str> {
        match self {
            Self::SelfServiceOff => SELF_SERVICE_OFF.into(),
            Self::NotDelivered => {
                "This order has not been delivered yet. It can be returned once it has arrived."
                    .into()
            }
            Self::PastReturnWindow { .. } => {
                "Return window expired. Orders must be returned within 30 days of delivery.".into()
            }
            Self::OrderTotalTooLow => format!(
                "Order total too low. Only orders over ${TOTAL_MUST_EXCEED}.00 can be returned."
            )
            .into(),
            Self::ExcludedCategory { restriction, .. } => match restriction {
                Restriction::Personalized => "Personalized items cannot be returned.".into(),
                Restriction::Hazardous => "Hazardous materials cannot be returned.".into(),
                Restriction::Digital => "Digital products cannot be returned.".into(),
                Restriction::Other => "Items of this kind cannot be returned.".into(),
            },
            Self::AlreadyReturned { .. } => "This item has already been returned.".into(),
            Self::QuantityExceedsPurchased { left, .. } => {
                let units = if *left == 1 { "unit" } else { "units" };
                format!("Quantity exceeds what was purchased. {left} {units} can be returned.")
                    .into()
            }
        }
    }
}

/// The last moment at which a return is accepted after delivery at that time.
pub fn deadline(delivered_at: DateTime<Utc>) -> DateTime<Utc> {
    delivered_at + RETURN_WINDOW
}

/// Every failed rule: first those on the order, then item by item. Empty means eligible.
pub fn check(order: &OrderFacts, items: &[ItemFacts], now: DateTime<Utc>) -> Vec<Ineligible> {
    let mut failures = Vec::new();
    match order.delivered_at {
        None => failures.push(Ineligible::NotDelivered),
        Some(delivered_at) => {
            let deadline = deadline(delivered_at);
            if now.timestamp() > deadline.timestamp() {
                failures.push(Ineligible::PastReturnWindow {
                    delivered_at,
                    deadline,
                });
            }
        }
    }
    if order.total_usd <= Decimal::from(TOTAL_MUST_EXCEED) {
        failures.push(Ineligible::OrderTotalTooLow);
    }
    for item in items {
        check_item(item, &mut failures);
    }
    failures
}

fn check_item(item: &ItemFacts, failures: &mut Vec<Ineligible>) {
    if let Some(restriction) = item.restriction {
        failures.push(Ineligible::ExcludedCategory {
            item: item.id,
            restriction,
        });
    }
    let left = item.left();
    if left == 0 {
        failures.push(Ineligible::AlreadyReturned { item: item.id });
    }
    // If no units are left, this is reported as already returned instead.
    if item.requested > item.purchased || (left > 0 && item.requested > left) {
        failures.push(Ineligible::QuantityExceedsPurchased {
            item: item.id,
            left,
        });
    }
}

#[cfg(test)]
mod tests;
