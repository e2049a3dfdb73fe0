//! Changes that are valid by themselves, and what is wrong with others.

use chrono::TimeDelta;

use super::*;

fn change(edit: impl FnOnce(&mut PriceChangeInput)) -> Result<PriceChange, Vec<String>> {
    let mut input = PriceChangeInput {
        product_id: ID::from("prd_1"),
        base_usd: Some("19.99".parse().unwrap()),
        compare_at_usd: MaybeUndefined::Undefined,
        adjustments: MaybeUndefined::Undefined,
        reason: "autumn prices".to_owned(),
        if_version: None,
        effective_at: None,
        replace_scheduled: false,
    };
    edit(&mut input);
    let checked = input.check(Time::UNIX_EPOCH);
    checked.map_err(|problems| {
        let told =
            |problem: Problem| format!("{} {}", problem.code.as_str(), problem.path.join("."));
        problems.into_iter().map(told).collect()
    })
}

fn sale() -> PriceAdjustmentInput {
    PriceAdjustmentInput {
        kind: "sale".to_owned(),
        percent: Some("-15".parse().unwrap()),
        amount_usd: None,
        valid_from: None,
        valid_to: None,
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    Some(text.parse().unwrap())
}

fn hour(hours: i64) -> Option<DateTime> {
    Some(DateTime(Time::UNIX_EPOCH + TimeDelta::hours(hours)))
}

#[test]
fn absent_keeps_and_null_removes() {
    let kept = change(|_| {}).unwrap();
    assert_eq!(kept.base_usd_minor, Some(1_999));
    assert_eq!((kept.compare_at, kept.adjustments), (CompareAt::Keep, None));
    let removed = change(|input| {
        input.base_usd = None;
        input.compare_at_usd = MaybeUndefined::Null;
        input.adjustments = MaybeUndefined::Null;
    })
    .unwrap();
    assert_eq!(removed.base_usd_minor, None);
    assert_eq!(removed.compare_at, CompareAt::Remove);
    assert_eq!(removed.adjustments, Some(Vec::new()));
}

#[test]
fn everything_that_is_wrong_is_named() {
    type Edit = fn(&mut PriceChangeInput);
    let cases: [(Edit, &str); 9] = [
        (
            |input| input.base_usd = decimal("19.995"),
            "INVALID_PRICE baseUsd",
        ),
        (|input| input.base_usd = None, "INVALID_PRICE baseUsd"),
        (
            |input| input.base_usd = decimal("-0.01"),
            "INVALID_PRICE baseUsd",
        ),
        (
            |input| input.base_usd = decimal("10000000000.01"),
            "INVALID_PRICE baseUsd",
        ),
        (
            |input| input.compare_at_usd = MaybeUndefined::Value(Decimal::MAX),
            "INVALID_PRICE compareAtUsd",
        ),
        (
            |input| input.reason = " ".to_owned(),
            "INVALID_REASON reason",
        ),
        (
            |input| input.reason = "a\0b".to_owned(),
            "INVALID_REASON reason",
        ),
        (
            |input| input.effective_at = hour(0),
            "INVALID_PERIOD effectiveAt",
        ),
        (
            |input| input.adjustments = MaybeUndefined::Value(vec![sale(); 21]),
            "INVALID_ADJUSTMENT adjustments",
        ),
    ];
    for (edit, expected) in cases {
        assert_eq!(change(edit).unwrap_err(), [expected]);
    }
    type EditSale = fn(&mut PriceAdjustmentInput);
    let cases: [(EditSale, &str); 8] = [
        (
            |sale| sale.kind = "A sale".to_owned(),
            "INVALID_ADJUSTMENT adjustments.1.kind",
        ),
        (
            |sale| sale.percent = None,
            "INVALID_ADJUSTMENT adjustments.1.percent",
        ),
        (
            |sale| sale.amount_usd = decimal("-1"),
            "INVALID_ADJUSTMENT adjustments.1.percent",
        ),
        (
            |sale| sale.percent = decimal("-1000.1"),
            "INVALID_ADJUSTMENT adjustments.1.percent",
        ),
        (
            |sale| sale.percent = decimal("-0.1234567"),
            "INVALID_ADJUSTMENT adjustments.1.percent",
        ),
        (
            |sale| (sale.percent, sale.amount_usd) = (None, decimal("0.001")),
            "INVALID_ADJUSTMENT adjustments.1.amountUsd",
        ),
        (
            |sale| sale.valid_to = hour(0),
            "INVALID_PERIOD adjustments.1.validTo",
        ),
        (
            |sale| (sale.valid_from, sale.valid_to) = (hour(2), hour(2)),
            "INVALID_PERIOD adjustments.1.validTo",
        ),
    ];
    for (edit, expected) in cases {
        let mut wrong = sale();
        edit(&mut wrong);
        let adjustments = MaybeUndefined::Value(vec![sale(), wrong]);
        assert_eq!(
            change(|input| input.adjustments = adjustments).unwrap_err(),
            [expected]
        );
    }
    let both = change(|input| {
        input.base_usd = decimal("-1");
        input.reason = String::new();
    });
    assert_eq!(both.unwrap_err().len(), 2);
}
