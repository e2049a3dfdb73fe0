//! Cases and properties of eligibility.

use proptest::prelude::*;

use super::*;

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Delivered at noon on 9 September 2025, so the deadline is noon on 9 October.
fn order() -> OrderFacts {
    OrderFacts {
        delivered_at: Some(time("2025-09-09T12:00:00Z")),
        total_usd: Decimal::from(100),
    }
}

fn item() -> ItemFacts {
    ItemFacts {
        id: Uuid::from_u128(1),
        restriction: None,
        purchased: 3,
        returned: 0,
        requested: 1,
    }
}

fn codes(order: &OrderFacts, items: &[ItemFacts], now: &str) -> Vec<IneligibilityCode> {
    check(order, items, time(now))
        .iter()
        .map(Ineligible::code)
        .collect()
}

const IN_TIME: &str = "2025-09-20T00:00:00Z";

#[test]
fn the_window_ends_thirty_days_after_delivery_with_its_last_second_inside() {
    use IneligibilityCode::PastReturnWindow;
    let cases: [(&str, &[_]); 5] = [
        ("2025-09-09T12:00:00Z", &[]),
        ("2025-10-09T11:59:59Z", &[]),
        ("2025-10-09T12:00:00Z", &[]),
        ("2025-10-09T12:00:00.999Z", &[]),
        ("2025-10-09T12:00:01Z", &[PastReturnWindow]),
    ];
    for (now, expected) in cases {
        assert_eq!(codes(&order(), &[item()], now), expected, "{now}");
    }
}

#[test]
fn the_window_is_told_with_delivery_and_deadline() {
    let delivered_at = time("2025-08-25T00:00:00Z");
    let order = OrderFacts {
        delivered_at: Some(delivered_at),
        ..order()
    };
    let failures = check(&order, &[item()], time("2025-10-09T10:22:00Z"));
    assert_eq!(
        failures,
        [Ineligible::PastReturnWindow {
            delivered_at,
            deadline: time("2025-09-24T00:00:00Z"),
        }]
    );
    assert_eq!(
        failures[0].message(),
        "Return window expired. Orders must be returned within 30 days of delivery."
    );
}

#[test]
fn an_order_must_exceed_ten_dollars_and_be_delivered() {
    use IneligibilityCode::{NotDelivered, OrderTotalTooLow};
    let total = |cents| OrderFacts {
        total_usd: Decimal::new(cents, 2),
        ..order()
    };
    assert_eq!(codes(&total(1_000), &[item()], IN_TIME), [OrderTotalTooLow]);
    assert_eq!(codes(&total(1_001), &[item()], IN_TIME), []);
    let under_way = OrderFacts {
        delivered_at: None,
        ..order()
    };
    assert_eq!(codes(&under_way, &[item()], IN_TIME), [NotDelivered]);
}

#[test]
fn units_are_counted_over_all_returns() {
    use IneligibilityCode::{AlreadyReturned, QuantityExceedsPurchased};
    // purchased, returned, wanted
    let cases: [(i64, i64, i64, &[_]); 8] = [
        (1, 0, 1, &[]),
        (3, 2, 1, &[]),
        (3, 0, 3, &[]),
        (3, 0, 4, &[QuantityExceedsPurchased]),
        (3, 2, 2, &[QuantityExceedsPurchased]),
        (1, 1, 1, &[AlreadyReturned]),
        (3, 3, 2, &[AlreadyReturned]),
        (3, 3, 4, &[AlreadyReturned, QuantityExceedsPurchased]),
    ];
    for (purchased, returned, requested, expected) in cases {
        let item = ItemFacts {
            purchased,
            returned,
            requested,
            ..item()
        };
        assert_eq!(
            codes(&order(), &[item], IN_TIME),
            expected,
            "{purchased} {returned} {requested}"
        );
    }
}

#[test]
fn excluded_goods_are_named_by_kind() {
    let cases = [
        ("PERSONALIZED", "Personalized items cannot be returned."),
        ("HAZARDOUS", "Hazardous materials cannot be returned."),
        ("DIGITAL", "Digital products cannot be returned."),
        ("FROZEN", "Items of this kind cannot be returned."),
    ];
    for (name, message) in cases {
        let item = ItemFacts {
            restriction: Some(Restriction::from_name(name)),
            ..item()
        };
        let failures = check(&order(), &[item], time(IN_TIME));
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].code(), IneligibilityCode::ExcludedCategory);
        assert_eq!(failures[0].message(), message);
    }
}

#[test]
fn all_failures_are_told_together_the_orders_once_and_each_items_with_its_id() {
    use IneligibilityCode::*;
    let order = OrderFacts {
        total_usd: Decimal::ONE,
        ..order()
    };
    let digital = ItemFacts {
        restriction: Some(Restriction::Digital),
        requested: 4,
        ..item()
    };
    let returned = ItemFacts {
        id: Uuid::from_u128(2),
        returned: 3,
        ..item()
    };
    let failures = check(&order, &[digital, returned], time("2026-01-01T00:00:00Z"));
    let told: Vec<_> = failures
        .iter()
        .map(|failure| (failure.code(), failure.item().map(|item| item.as_u128())))
        .collect();
    assert_eq!(
        told,
        [
            (PastReturnWindow, None),
            (OrderTotalTooLow, None),
            (ExcludedCategory, Some(1)),
            (QuantityExceedsPurchased, Some(1)),
            (AlreadyReturned, Some(2)),
        ]
    );
}

proptest! {
    #[test]
    fn what_is_eligible_never_returns_more_than_was_bought(
        purchased in 1_i64..100, returned in 0_i64..100, requested in 1_i64..200,
    ) {
        let item = ItemFacts { purchased, returned, requested, ..item() };
        let eligible = check(&order(), &[item], time(IN_TIME)).is_empty();
        prop_assert_eq!(eligible, returned + requested <= purchased);
    }

    #[test]
    fn a_return_is_in_time_exactly_up_to_the_deadlines_second(
        delivered in 0_i64..4_000_000_000, seconds_after_deadline in -10_000_000_i64..10_000_000,
    ) {
        let delivered_at = DateTime::from_timestamp(delivered, 0).unwrap();
        let order = OrderFacts { delivered_at: Some(delivered_at), ..order() };
        let now = deadline(delivered_at) + Duration::seconds(seconds_after_deadline);
        prop_assert_eq!(check(&order, &[item()], now).is_empty(), seconds_after_deadline <= 0);
    }
}
