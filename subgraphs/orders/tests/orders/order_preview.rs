//! `orderPreview` and `expectedTotal`: what is previewed is charged, or nothing is.

use resolvers::testing::{code, execute};
use serde_json::{Value, json};

use crate::checkout::input;
use crate::fake_stripe::{NEEDS_ACTION, WORKS};
use crate::fake_subgraphs::{GONE, IN_STOCK, LAST_UNIT, product};
use crate::fixture::{Shop, shops};

const PREVIEW: &str = "query($input: OrderPreviewInput!) { orderPreview(input: $input) {
    lines { product { id } quantity unitPrice { amount } lineTotal { amount } tax { amount } displayTotal { amount } availableQuantity }
    subtotal { amount } shipping { amount } tax { amount } total { amount currency } totalUsd { amount }
    exchangeRate { rate freshness asOf } currency detectedFrom currencyFallback taxDisplay isComplete
    shippingOptions { code name price { amount } minBusinessDays maxBusinessDays earliestDelivery latestDelivery }
    shippingOption shortages { product { id } wanted availableQuantity } userErrors { code field }
} }";

const PLACE: &str = "mutation($input: OrderPlaceInput!, $key: String!) {
    orderPlace(input: $input, idempotencyKey: $key) {
        order { id shippingOption shipping { amount } total { amount currency } }
        preview { total { amount currency } shippingOption }
        shortages { availableQuantity } userErrors { code field message }
    }
}";

impl Shop {
    async fn preview(&self, input: &Value) -> Value {
        let mut input = input.clone();
        input.as_object_mut().unwrap().remove("paymentMethodToken");
        input.as_object_mut().unwrap().remove("expectedTotal");
        let mut data = self.ada_asks(PREVIEW, json!({ "input": input })).await;
        data["orderPreview"].take()
    }

    async fn place_previewed(&self, input: &Value, key: &str) -> Value {
        let variables = json!({ "input": input, "key": key });
        let mut data = self.ada_asks(PLACE, variables).await;
        data["orderPlace"].take()
    }
}

#[tokio::test]
async fn a_preview_says_everything_about_the_order_and_writes_nothing() {
    for shop in shops().await {
        let mut input = input(WORKS);
        input["items"] = json!([
            { "productId": product(1), "quantity": 1 },
            { "productId": product(4), "quantity": 1 },
        ]);
        let before = shop.scratch.database.statements();
        let preview = shop.preview(&input).await;
        assert_eq!(shop.scratch.database.statements() - before, 1, "the stock");
        let line = |number, unit: &str, tax: &str, shown: &str| {
            json!({
                "product": { "id": product(number) }, "quantity": 1, "unitPrice": { "amount": unit },
                "lineTotal": { "amount": unit }, "tax": { "amount": tax }, "displayTotal": { "amount": shown },
                "availableQuantity": IN_STOCK,
            })
        };
        let option = |code: &str, name: &str, price: &str, days: [i32; 2], dates: [&str; 2]| {
            let at = |day: &str| format!("2025-10-{day}T12:00:00.000Z");
            json!({
                "code": code, "name": name, "price": { "amount": price },
                "minBusinessDays": days[0], "maxBusinessDays": days[1],
                "earliestDelivery": at(dates[0]), "latestDelivery": at(dates[1]),
            })
        };
        let expected = json!({
            "lines": [line(1, "27.61", "5.24", "32.85"), line(4, "11.50", "2.18", "13.68")],
            "subtotal": { "amount": "39.11" }, "shipping": { "amount": "5.51" }, "tax": { "amount": "7.42" },
            "total": { "amount": "52.04", "currency": "EUR" }, "totalUsd": { "amount": "56.56" },
            "exchangeRate": { "rate": "0.9205", "freshness": "FRESH", "asOf": "2025-10-09T14:30:00.000Z" },
            "currency": "EUR", "detectedFrom": "SHIPPING_ADDRESS", "currencyFallback": null,
            "taxDisplay": "INCLUDED", "isComplete": true,
            "shippingOptions": [
                option("standard", "Standard", "5.51", [5, 10], ["16", "23"]),
                option("express", "Express", "23.00", [2, 4], ["13", "15"]),
            ],
            "shippingOption": "standard", "shortages": [], "userErrors": [],
        });
        assert_eq!(preview, expected, "{preview:#}");
        assert_eq!(shop.orders().await, 0);
        assert_eq!(shop.stock_of(1).await, (-1, -1));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_is_previewed_is_charged_to_the_cent_or_refused_with_a_new_preview() {
    for shop in shops().await {
        let mut input = input(WORKS);
        for (option, express) in [(Value::Null, false), (json!("express"), true)] {
            input["shippingOption"] = option;
            let preview = shop.preview(&input).await;
            assert_eq!(preview["userErrors"], json!([]));
            let mut wrong = input.clone();
            for (amount, currency) in [("1.00", "EUR"), ("65.71", "USD"), ("65.70", "EUR")] {
                wrong["expectedTotal"] = json!({ "amount": amount, "currency": currency });
                let refused = shop.place_previewed(&wrong, "k").await;
                assert_eq!(refused["order"], Value::Null);
                assert_eq!(
                    refused["userErrors"][0]["code"], "TOTAL_CHANGED",
                    "{refused:#}"
                );
                let field = json!(["input", "expectedTotal"]);
                assert_eq!(refused["userErrors"][0]["field"], field);
                assert_eq!(refused["preview"]["total"], preview["total"]);
            }
            input["expectedTotal"] = preview["total"].clone();
            let key = format!("express {express}");
            let placed = shop.place_previewed(&input, &key).await;
            assert_eq!(placed["userErrors"], json!([]));
            assert_eq!(placed["preview"], Value::Null);
            assert_eq!(placed["order"]["total"], preview["total"]);
            assert_eq!(placed["order"]["shipping"], preview["shipping"]);
            let expected = if express { "express" } else { "standard" };
            assert_eq!(placed["order"]["shippingOption"], expected);
            input.as_object_mut().unwrap().remove("expectedTotal");
        }
        assert_eq!(shop.stripe.intents().len(), 2);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_preview_of_an_input_with_errors_has_what_is_known_and_all_errors() {
    for shop in shops().await {
        let mut given = input(WORKS);
        given["items"] = json!([
            { "productId": product(1), "quantity": 1 },
            { "productId": product(LAST_UNIT), "quantity": 3 },
            { "productId": product(GONE), "quantity": 1 },
            { "productId": product(2), "quantity": 0 },
        ]);
        given["shippingAddress"]["postalCode"] = json!("none");
        given["shippingOption"] = json!("pigeon");
        let preview = shop.preview(&given).await;
        let errors: Vec<_> = preview["userErrors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["code"].as_str().unwrap())
            .collect();
        let expected = [
            "INVALID_QUANTITY",
            "INVALID_ADDRESS",
            "PRODUCT_NOT_AVAILABLE",
            "OUT_OF_STOCK",
            "SHIPPING_NOT_AVAILABLE",
        ];
        assert_eq!(errors, expected, "{preview:#}");
        assert_eq!(preview["lines"].as_array().unwrap().len(), 2);
        assert_eq!(preview["shortages"][0]["availableQuantity"], 1);
        assert_eq!(preview["shippingOption"], "standard");
        assert_ne!(preview["total"]["amount"], "0.00");

        given["items"] = json!([]);
        let preview = shop.preview(&given).await;
        assert_eq!(preview["lines"], json!([]));
        assert_eq!(
            preview["total"],
            json!({ "amount": "0.00", "currency": "EUR" })
        );
        assert_eq!(preview["userErrors"][0]["code"], "INVALID_ITEMS");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn shipping_depends_on_country_and_weight_and_a_preview_without_an_address_is_incomplete() {
    for shop in shops().await {
        let options = async |country: &str, postal_code: &str, quantity: i32| {
            let mut given = input(WORKS);
            given["items"] = json!([{ "productId": product(5), "quantity": quantity }]);
            given["currency"] = json!("USD");
            given["shippingAddress"]["countryCode"] = json!(country);
            given["shippingAddress"]["postalCode"] = json!(postal_code);
            let preview = shop.preview(&given).await;
            let options = preview["shippingOptions"].as_array().unwrap().iter();
            let options = options.map(|option| {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                (text(&option["code"]), text(&option["price"]["amount"]))
            });
            (options.collect::<Vec<_>>(), preview["userErrors"].clone())
        };
        let codes = |standard: &str, express: Option<&str>| {
            let standard = [("standard".to_owned(), standard.to_owned())];
            let express = express.map(|price| ("express".to_owned(), price.to_owned()));
            standard.into_iter().chain(express).collect::<Vec<_>>()
        };
        // Products without a weight count as 500 grams.
        let cases = [
            ("DE", "04109", 10, codes("5.99", Some("49.00"))),
            ("DE", "04109", 40, codes("5.99", Some("99.00"))),
            ("DE", "04109", 41, codes("59.00", Some("99.00"))),
            ("DE", "04109", 61, codes("59.00", None)),
            ("NZ", "6011", 10, codes("12.99", Some("79.00"))),
        ];
        for (country, postal_code, quantity, expected) in cases {
            let (found, errors) = options(country, postal_code, quantity).await;
            assert_eq!(found, expected, "{quantity} to {country}");
            assert_eq!(errors, json!([]));
        }
        let (found, errors) = options("CU", "10400", 1).await;
        assert_eq!(found, []);
        let field = json!(["input", "shippingAddress", "countryCode"]);
        let expected = json!([{ "code": "SHIPPING_NOT_AVAILABLE", "field": field }]);
        assert_eq!(errors, expected);

        let mut given = input(WORKS);
        given.as_object_mut().unwrap().remove("shippingAddress");
        let preview = shop.preview(&given).await;
        assert_eq!(preview["isComplete"], false);
        assert_eq!(preview["tax"]["amount"], "0.00");
        assert_eq!(preview["userErrors"], json!([]));

        // A gift card has no parcel.
        given["items"] = json!([{ "productId": product(3), "quantity": 1 }]);
        let preview = shop.preview(&given).await;
        assert_eq!(preview["shippingOptions"], json!([]));
        assert_eq!(preview["shippingOption"], Value::Null);
        assert_eq!(preview["userErrors"], json!([]));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn countries_are_listed_with_what_their_addresses_need() {
    for shop in shops().await {
        let document =
            "{ shippingCountries { code name regionRequired postalCodeRequired taxDisplay
            regions { code name } options { code minBusinessDays } } }";
        let mut answer = execute(&shop.subgraph, None, document, json!({})).await;
        let countries = answer["data"]["shippingCountries"].take();
        let countries = countries.as_array().unwrap();
        let find = |code: &str| countries.iter().find(|country| country["code"] == code);
        assert!(countries.len() > 200);
        assert!(find("KP").is_none());
        let us = find("US").unwrap();
        assert_eq!(us["regionRequired"], true);
        assert_eq!(us["taxDisplay"], "EXCLUDED");
        let texas = json!({ "code": "TX", "name": "Texas" });
        assert!(us["regions"].as_array().unwrap().contains(&texas));
        let de = find("DE").unwrap();
        assert_eq!(
            (&de["regionRequired"], &de["taxDisplay"]),
            (&json!(false), &json!("INCLUDED"))
        );
        assert_eq!(find("HK").unwrap()["postalCodeRequired"], false);
        assert_eq!(
            de["options"][1],
            json!({ "code": "express", "minBusinessDays": 2 })
        );

        let named = async |codes: Value| {
            let document = "query($codes: [String!]) { shippingCountries(codes: $codes) { code regions { code } } }";
            execute(&shop.subgraph, None, document, json!({ "codes": codes })).await
        };
        // By name, once each, without those that nothing is sent to.
        let mut answer = named(json!(["us", "HK", "KP", "US"])).await;
        let found = answer["data"]["shippingCountries"].take();
        assert_eq!(
            (
                &found[0],
                &found[1]["code"],
                found.as_array().unwrap().len()
            ),
            (&json!({ "code": "HK", "regions": [] }), &json!("US"), 2)
        );
        assert_eq!(
            found[1]["regions"].as_array().unwrap().len(),
            us["regions"].as_array().unwrap().len()
        );
        let none = named(json!([])).await;
        assert_eq!(none["data"]["shippingCountries"], json!([]));
        let all = named(Value::Null).await;
        assert_eq!(
            all["data"]["shippingCountries"].as_array().unwrap().len(),
            countries.len()
        );
        for wrong in [json!(["DE", "UK"]), json!([""]), json!(vec!["DE"; 101])] {
            assert_eq!(code(&named(wrong).await), "BAD_USER_INPUT");
        }
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_order_is_repeated_at_current_prices_once_and_by_its_customer_alone() {
    const REORDER: &str = "mutation($id: ID!, $token: String!, $key: String!) {
        orderReorder(id: $id, paymentMethodToken: $token, idempotencyKey: $key) {
            order { id status total { amount currency } shippingAddress { city } items { quantity product { id } } }
            userErrors { code field } shortages { availableQuantity } preview { total { amount } }
        }
    }";
    for shop in shops().await {
        let mut given = input(WORKS);
        given["items"] = json!([
            { "productId": product(1), "quantity": 2 },
            { "productId": product(LAST_UNIT), "quantity": 1 },
        ]);
        let first = shop.place(&given, "first").await;
        let variables = |token: &str, key: &str| json!({ "id": first["order"]["id"], "token": token, "key": key });
        let reorder = async |token: &str, key: &str| {
            let mut data = shop.ada_asks(REORDER, variables(token, key)).await;
            data["orderReorder"].take()
        };
        let sold_out = reorder(WORKS, "k").await;
        assert_eq!(sold_out["order"], Value::Null);
        let error = json!([{ "code": "OUT_OF_STOCK", "field": ["id"] }]);
        assert_eq!(sold_out["userErrors"], error);
        assert_eq!(sold_out["shortages"], json!([{ "availableQuantity": 0 }]));
        let card = reorder("4242424242424242", "k").await;
        let error = json!([{ "code": "INVALID_PAYMENT_METHOD", "field": ["paymentMethodToken"] }]);
        assert_eq!(card["userErrors"], error);

        shop.cancel(&first["order"]["id"], "c").await;
        let second = reorder(WORKS, "k").await;
        assert_eq!(second["userErrors"], json!([]));
        assert_eq!(second["order"]["status"], "CONFIRMED");
        assert_eq!(second["order"]["total"], first["order"]["total"]);
        assert_eq!(second["order"]["shippingAddress"]["city"], "Leipzig");
        assert_eq!(second["order"]["items"].as_array().unwrap().len(), 2);
        assert_ne!(second["order"]["id"], first["order"]["id"]);
        assert_eq!(
            reorder(WORKS, "k").await["order"]["id"],
            second["order"]["id"]
        );
        assert_eq!(shop.orders().await, 2);
        assert_eq!(shop.stock_of(1).await, (IN_STOCK - 2, 0));

        let mut unpaid = input(NEEDS_ACTION);
        unpaid["items"] = json!([{ "productId": product(1), "quantity": 1 }]);
        let unpaid = shop.place(&unpaid, "unpaid").await;
        assert_eq!(unpaid["order"]["status"], "PENDING");
        let of_unpaid = json!({ "id": unpaid["order"]["id"], "token": WORKS, "key": "u" });
        let refused = shop.ada_asks(REORDER, of_unpaid).await;
        let error = json!([{ "code": "ORDER_NOT_REORDERABLE", "field": ["id"] }]);
        assert_eq!(refused["orderReorder"]["userErrors"], error);

        let others = execute(
            &shop.subgraph,
            Some(shop.bob),
            REORDER,
            variables(WORKS, "b"),
        )
        .await;
        assert_eq!(code(&others), "FORBIDDEN");
        shop.scratch.drop().await;
    }
}
