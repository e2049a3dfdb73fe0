//! May these items come back? Each rule by itself, all failures together.

use std::borrow::Cow;

use chrono::{DateTime, Duration, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

/// A return is accepted this long after delivery, to the second and inclusive.
pub const RETURN_WINDOW: Duration = Duration::hours(30 * 24);

/// Why customers cannot make returns by themselves at the moment.
pub const SELF_SERVICE_OFF: &str =
    "Returns are made by our support at the moment: please contact us";

/// What an order's total must exceed, in whole US dollars.
const TOTAL_MUST_EXCEED: u32 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IneligibilityCode {
    PastReturnWindow,
    ExcludedCategory,
    OrderTotalTooLow,
    AlreadyReturned,
    QuantityExceedsPurchased,
    NotDelivered,
    /// Returns are made by support at the moment.
    SelfServiceUnavailable,
}

/// Why goods of a kind never come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Restriction {
    /// Engraving, monogram.
    Personalized,
    /// Batteries, chemicals.
    Hazardous,
    /// Gift cards, downloads.
    Digital,
    /// A restriction this version does not know; excluded all the same.
    Other,
}

impl Restriction {
    /// From the orders domain's name of it.
    pub fn from_name(name: &str) -> Self {
        match name {
            "PERSONALIZED" => Self::Personalized,
            "HAZARDOUS" => Self::Hazardous,
            "DIGITAL" => Self::Digital,
            _ => Self::Other,
        }
    }
}

/// What the rules ask of an order.
#[derive(Clone, Copy, Debug)]
pub struct OrderFacts {
    /// `None` until it is delivered.
    pub delivered_at: Option<DateTime<Utc>>,
    pub total_usd: Decimal,
}

/// What the rules ask of one item, and how many units of it are to come back.
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
    /// Units that are in no return yet.
    pub fn left(&self) -> i64 {
        (self.purchased - self.returned).max(0)
    }
}

/// A rule that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ineligible {
    /// Customers make no returns by themselves at the moment.
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

    /// The order item it is about; `None` when it is about the whole order.
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

    /// For people.
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

/// The last moment at which a return of what was delivered then is accepted.
pub fn deadline(delivered_at: DateTime<Utc>) -> DateTime<Utc> {
    delivered_at + RETURN_WINDOW
}

/// Every rule that fails: those of the order first, then item by item. Empty means eligible.
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
    // With nothing left, fewer than were bought are too many only because they came back already.
    if item.requested > item.purchased || (left > 0 && item.requested > left) {
        failures.push(Ineligible::QuantityExceedsPurchased {
            item: item.id,
            left,
        });
    }
}

#[cfg(test)]
mod tests;
