//! What is accepted of a product, and what it changes.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ID: &str = "prd_00000000000000000000000001";

fn input(fields: Value) -> ProductInput {
    let mut object = json!({ "id": ID });
    object
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    serde_json::from_value(object).unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_760_000_000, 0).unwrap()
}

fn new(fields: Value) -> product::Model {
    let change = input(fields).check().unwrap();
    change.apply(None, now()).unwrap().unwrap()
}

fn fields(problems: &[Problem]) -> Vec<&'static str> {
    problems.iter().map(|problem| problem.field).collect()
}

#[test]
fn everything_wrong_with_a_product_is_named() {
    for (wrong, named) in [
        (
            json!({ "id": "ord_00000000000000000000000001" }),
            vec!["id"],
        ),
        (json!({ "title": "  " }), vec!["title"]),
        (
            json!({ "title": "x".repeat(256), "brand": "" }),
            vec!["title", "brand"],
        ),
        (json!({ "category": "a\u{0}b" }), vec!["category"]),
        (
            json!({ "imageUrl": "javascript:alert(1)" }),
            vec!["imageUrl"],
        ),
        (
            json!({ "imageUrl": "//elsewhere.example/1.jpg" }),
            vec!["imageUrl"],
        ),
        (json!({ "imageUrl": "/a\"onload=" }), vec!["imageUrl"]),
        (json!({ "active": true, "deleted": true }), vec!["deleted"]),
        (
            json!({ "availableQuantity": -1, "reviewCount": -1 }),
            vec!["availableQuantity", "reviewCount"],
        ),
        (json!({ "rating": 5.1 }), vec!["rating"]),
        (json!({ "weightGrams": 0 }), vec!["weightGrams"]),
        (json!({ "weightGrams": -5 }), vec!["weightGrams"]),
        (json!({ "lengthMm": 10, "widthMm": 10 }), vec!["lengthMm"]),
        (
            json!({ "lengthMm": 10, "widthMm": 10, "heightMm": 0 }),
            vec!["heightMm"],
        ),
        (json!({ "hsCode": "8518" }), vec!["hsCode"]),
        (json!({ "originCountry": "XX" }), vec!["originCountry"]),
        (json!({ "basePriceUsd": "1.999" }), vec!["basePriceUsd"]),
        (json!({ "basePriceUsd": "-1" }), vec!["basePriceUsd"]),
    ] {
        assert_eq!(
            fields(&input(wrong.clone()).check().unwrap_err()),
            named,
            "{wrong}"
        );
    }
}

#[test]
fn a_new_product_needs_a_title_and_a_category() {
    let problems = input(json!({ "brand": "A" }))
        .check()
        .unwrap()
        .apply(None, now());
    assert_eq!(fields(&problems.unwrap_err()), ["title", "category"]);
    let row = new(json!({
        "title": " Lamp ", "category": "Furniture", "hsCode": "9405.21", "originCountry": "pl",
        "weightGrams": 2_400, "lengthMm": 400, "widthMm": 300, "heightMm": 250, "rating": 4.5,
        "imageUrl": "/pictures/v1/furniture/0-0.svg", "basePriceUsd": 79.90,
    }));
    assert_eq!((row.title.as_str(), row.description.as_str()), ("Lamp", ""));
    assert_eq!(row.hs_code.as_deref(), Some("940521"));
    assert_eq!(row.origin_country.as_deref(), Some("PL"));
    assert_eq!(row.price_usd_minor, 7_990);
    assert!(row.active);
}

#[test]
fn what_is_absent_stays_and_null_removes() {
    let row = new(json!({
        "title": "Lamp", "category": "Furniture", "brand": "Larkfield", "weightGrams": 5, "basePriceUsd": "9",
    }));
    let same = input(json!({})).check().unwrap().apply(Some(&row), now());
    assert_eq!(same.unwrap().unwrap(), row);
    let change = json!({ "brand": null, "weightGrams": null, "basePriceUsd": "5" });
    let changed = input(change).check().unwrap().apply(Some(&row), now());
    let changed = changed.unwrap().unwrap();
    assert_eq!((changed.brand, changed.weight_grams), (None, None));
    assert_eq!(changed.price_usd_minor, 900, "pricing owns prices");
}

#[test]
fn a_product_that_is_named_is_for_sale_unless_it_says_otherwise() {
    let row = new(json!({ "title": "Lamp", "category": "Furniture" }));
    for (fields, active) in [
        (json!({}), true),
        (json!({ "active": true }), true),
        (json!({ "active": false }), false),
        (json!({ "deleted": true }), false),
        (json!({ "deleted": false }), true),
        (json!({ "active": false, "deleted": true }), false),
    ] {
        for stored in [true, false] {
            let row = product::Model {
                active: stored,
                ..row.clone()
            };
            let change = input(fields.clone()).check().unwrap();
            let changed = change.apply(Some(&row), now()).unwrap().unwrap();
            assert_eq!(changed.active, active, "{fields}");
        }
    }
    let removal = ProductInput::removal(row.id);
    assert_eq!(removal.apply(None, now()).unwrap(), None);
}

proptest! {
    #[test]
    fn a_change_that_is_applied_twice_changes_nothing_more(
        brand in proptest::option::of("[A-Z]{1,5}"),
        grams in proptest::option::of(1..1_000_i32),
        quantity in proptest::option::of(0..100_i32),
        active in any::<bool>(),
    ) {
        let row = new(json!({ "title": "Lamp", "category": "Furniture", "brand": "B", "weightGrams": 7 }));
        let fields = json!({ "brand": brand, "weightGrams": grams, "active": active });
        let mut given = input(fields);
        given.available_quantity = quantity;
        let change = given.check().unwrap();
        let once = change.clone().apply(Some(&row), now()).unwrap().unwrap();
        let twice = change.apply(Some(&once), now()).unwrap().unwrap();
        prop_assert_eq!(&once, &twice);
        prop_assert_eq!(once.brand, brand);
        prop_assert_eq!(once.active, active);
    }
}
