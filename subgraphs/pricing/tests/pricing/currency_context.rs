//! How a visitor's currency is chosen.

use async_graphql::{Request, Variables};
use platform::caller::{Caller, Locale};
use resolvers::testing::code;
use serde_json::json;

use crate::fixture::{fixtures, rate, representation};

#[tokio::test]
async fn the_currency_context_says_where_it_came_from() {
    for fixture in fixtures().await {
        let answer = fixture
            .ask(
                r#"{
                    none: currencyContext { currency country detectedFrom }
                    billing: currencyContext(billingCountry: "gb") { currency country detectedFrom }
                    shipping: currencyContext(shippingCountry: "JP", billingCountry: "GB") { currency country detectedFrom }
                    explicit: currencyContext(currency: BRL, shippingCountry: "JP") { currency country detectedFrom }
                    currencies { code name symbol decimalPlaces }
                }"#,
                json!({}),
            )
            .await;
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(answer, @r#"
            {
              "data": {
                "none": {
                  "currency": "USD",
                  "country": null,
                  "detectedFrom": "DEFAULT"
                },
                "billing": {
                  "currency": "GBP",
                  "country": "GB",
                  "detectedFrom": "BILLING_ADDRESS"
                },
                "shipping": {
                  "currency": "JPY",
                  "country": "JP",
                  "detectedFrom": "SHIPPING_ADDRESS"
                },
                "explicit": {
                  "currency": "BRL",
                  "country": "JP",
                  "detectedFrom": "EXPLICIT"
                },
                "currencies": [
                  {
                    "code": "USD",
                    "name": "US Dollar",
                    "symbol": "$",
                    "decimalPlaces": 2
                  },
                  {
                    "code": "EUR",
                    "name": "Euro",
                    "symbol": "€",
                    "decimalPlaces": 2
                  },
                  {
                    "code": "GBP",
                    "name": "British Pound",
                    "symbol": "£",
                    "decimalPlaces": 2
                  },
                  {
                    "code": "CAD",
                    "name": "Canadian Dollar",
                    "symbol": "C$",
                    "decimalPlaces": 2
                  },
                  {
                    "code": "AUD",
                    "name": "Australian Dollar",
                    "symbol": "A$",
                    "decimalPlaces": 2
                  },
                  {
                    "code": "JPY",
                    "name": "Japanese Yen",
                    "symbol": "¥",
                    "decimalPlaces": 0
                  },
                  {
                    "code": "MXN",
                    "name": "Mexican Peso",
                    "symbol": "MX$",
                    "decimalPlaces": 2
                  },
                  {
                    "code": "BRL",
                    "name": "Brazilian Real",
                    "symbol": "R$",
                    "decimalPlaces": 2
                  }
                ]
              }
            }
            "#);
        }
        let answer = fixture
            .ask(
                r#"{ currencyContext(shippingCountry: "Germany") { currency } }"#,
                json!({}),
            )
            .await;
        assert_eq!(code(&answer), "BAD_USER_INPUT");
        fixture.scratch.drop().await;
    }
}

/// A visitor whose request has these headers.
fn visitor(currency: Option<&str>, country: Option<&str>, languages: Option<&str>) -> Caller {
    let text = |text: Option<&str>| text.map(str::to_owned);
    Caller {
        locale: Locale {
            languages: text(languages),
            country: text(country),
            currency: text(currency),
        },
        ..Caller::default()
    }
}

#[tokio::test]
async fn the_headers_of_a_request_choose_the_currency_of_all_its_prices() {
    const DOCUMENT: &str = r#"query($products: [_Any!]!) {
        currencyContext(shippingCountry: "GB") { currency country detectedFrom fallback }
        _entities(representations: $products) { ... on Product {
            price { current { amount { currency } fallback } currencyContext { detectedFrom } }
        } }
    }"#;
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        let rates = ["EUR", "GBP", "BRL"].map(|currency| rate(currency, "2", now));
        fixture.rates(rates.to_vec()).await;
        let products = fixture.products(&[(1_000, None); 3]).await;
        let products: Vec<_> = products.into_iter().map(representation).collect();
        // Header, country → the context with its country and source, and the prices' currency and fallback.
        let cases = [
            (Some("eur"), None, ["EUR", "GB", "REQUEST", ""], ["EUR", ""]),
            (
                Some("BRL"),
                Some("de"),
                ["BRL", "DE", "REQUEST", ""],
                ["BRL", ""],
            ),
            (None, Some("DE"), ["EUR", "DE", "REQUEST", ""], ["EUR", ""]),
            (
                None,
                None,
                ["GBP", "GB", "SHIPPING_ADDRESS", ""],
                ["USD", ""],
            ),
            (
                Some("JPY"),
                None,
                ["JPY", "GB", "REQUEST", ""],
                ["USD", "NO_RATE"],
            ),
            (
                Some("CHF"),
                Some("CH"),
                ["USD", "CH", "REQUEST", "UNSUPPORTED_CURRENCY"],
                ["USD", "UNSUPPORTED_CURRENCY"],
            ),
        ];
        for (currency, country, context, price) in cases {
            let variables = Variables::from_json(json!({ "products": products }));
            let request = Request::new(DOCUMENT).variables(variables);
            let response = fixture
                .subgraph
                .execute(request, visitor(currency, country, None))
                .await;
            assert_eq!(response.errors, []);
            let data = response.data.into_json().unwrap();
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            let names = ["currency", "country", "detectedFrom", "fallback"];
            assert_eq!(
                names.map(|name| text(&data["currencyContext"][name])),
                context
            );
            for entity in data["_entities"].as_array().unwrap() {
                let current = &entity["price"]["current"];
                let seen = [&current["amount"]["currency"], &current["fallback"]].map(text);
                assert_eq!(seen, price, "{currency:?} {country:?}");
            }
        }
        for (currency, country, name) in [
            (Some("euros"), None, "x-vantage-currency"),
            (None, Some("Germany"), "x-vantage-country"),
        ] {
            let request = Request::new("{ currencyContext { currency } }");
            let caller = visitor(currency, country, None);
            let answer = fixture.subgraph.execute(request, caller).await;
            let answer = serde_json::to_value(answer).unwrap();
            assert_eq!(code(&answer), "BAD_USER_INPUT");
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains(name), "{message}");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn amounts_are_written_in_the_language_of_the_request() {
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        fixture.rates(vec![rate("EUR", "0.9", now)]).await;
        let document = "{ convert(amountUsd: \"1371.67\", to: EUR) { amount { formatted } usd { formatted } } }";
        for (languages, euros, dollars) in [
            (None, "€1,234.50", "$1,371.67"),
            (Some("de-DE,en;q=0.5"), "1.234,50\u{a0}€", "1.371,67\u{a0}$"),
        ] {
            let caller = visitor(None, None, languages);
            let response = fixture
                .subgraph
                .execute(Request::new(document), caller)
                .await;
            let data = response.data.into_json().unwrap();
            assert_eq!(data["convert"]["amount"]["formatted"], euros);
            assert_eq!(data["convert"]["usd"]["formatted"], dollars);
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_callers_address_is_no_error_without_a_database_for_it() {
    for fixture in fixtures().await {
        let caller = Caller {
            ip: Some("203.0.113.9".parse().unwrap()),
            ..Caller::default()
        };
        let request = Request::new("{ currencyContext { currency detectedFrom } }");
        let response = fixture.subgraph.execute(request, caller).await;
        assert_eq!(
            response.data.into_json().unwrap(),
            json!({ "currencyContext": { "currency": "USD", "detectedFrom": "DEFAULT" } })
        );
        fixture.scratch.drop().await;
    }
}
