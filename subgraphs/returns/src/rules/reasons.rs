//! The eighteen return reasons.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReasonCategory {
    Quality,
    Preference,
    Logistics,
}

/// Why an item is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnReason {
    pub code: &'static str,
    pub category: ReasonCategory,
    /// Human-readable.
    pub label: &'static str,
    /// Whether it is the seller's fault, so that shipping is refunded.
    pub refunds_shipping: bool,
}

/// All reasons, by category.
pub static REASONS: [ReturnReason; 18] = {
    use ReasonCategory::{Logistics, Preference, Quality};
    [
        seller_fault("defective_on_arrival", Quality, "Defective on arrival"),
        seller_fault("damaged_in_transit", Quality, "Damaged in transit"),
        customer_choice("wrong_color", Quality, "Wrong color"),
        customer_choice("wrong_size", Quality, "Wrong size"),
        seller_fault("missing_parts", Quality, "Missing parts"),
        customer_choice("poor_quality", Quality, "Poor quality"),
        seller_fault("stopped_working", Quality, "Stopped working"),
        customer_choice("changed_mind", Preference, "Changed my mind"),
        customer_choice("better_price_found", Preference, "Found a better price"),
        customer_choice("not_as_described", Preference, "Not as described"),
        customer_choice("no_longer_needed", Preference, "No longer needed"),
        customer_choice("unwanted_gift", Preference, "Unwanted gift"),
        customer_choice("ordered_by_mistake", Preference, "Ordered by mistake"),
        customer_choice("does_not_fit_style", Preference, "Does not fit my style"),
        customer_choice("late_delivery", Logistics, "Arrived too late"),
        seller_fault("wrong_item_shipped", Logistics, "Wrong item shipped"),
        customer_choice("duplicate_order", Logistics, "Ordered twice"),
        seller_fault("incomplete_shipment", Logistics, "Incomplete shipment"),
    ]
};

const fn seller_fault(
    code: &'static str,
    category: ReasonCategory,
    label: &'static str,
) -> ReturnReason {
    ReturnReason {
        code,
        category,
        label,
        refunds_shipping: true,
    }
}

const fn customer_choice(
    code: &'static str,
    category: ReasonCategory,
    label: &'static str,
) -> ReturnReason {
    ReturnReason {
        code,
        category,
        label,
        refunds_shipping: false,
    }
}

impl ReturnReason {
    /// The reason with this code, if there is one.
    pub fn from_code(code: &str) -> Option<&'static Self> {
        REASONS.iter().find(|reason| reason.code == code)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_seven_of_quality_seven_of_preference_and_four_of_logistics_each_its_own() {
        let count = |category| {
            REASONS
                .iter()
                .filter(|reason| reason.category == category)
                .count()
        };
        assert_eq!(count(ReasonCategory::Quality), 7);
        assert_eq!(count(ReasonCategory::Preference), 7);
        assert_eq!(count(ReasonCategory::Logistics), 4);
        let codes: HashSet<_> = REASONS.iter().map(|reason| reason.code).collect();
        assert_eq!(codes.len(), 18);
    }

    #[test]
    fn shipping_comes_back_for_our_mistakes_only() {
        let seller_fault: Vec<_> = REASONS
            .iter()
            .filter(|reason| reason.refunds_shipping)
            .map(|reason| reason.code)
            .collect();
        assert_eq!(
            seller_fault,
            [
                "defective_on_arrival",
                "damaged_in_transit",
                "missing_parts",
                "stopped_working",
                "wrong_item_shipped",
                "incomplete_shipment",
            ]
        );
    }

    #[test]
    fn a_reason_is_found_by_its_exact_code() {
        assert_eq!(
            ReturnReason::from_code("wrong_size").map(|reason| reason.label),
            Some("Wrong size")
        );
        for unknown in ["", "WRONG_SIZE", "wrong size", "bored"] {
            assert_eq!(ReturnReason::from_code(unknown), None, "{unknown}");
        }
    }
}
