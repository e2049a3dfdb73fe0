//! How a visitor's currency is chosen.

use async_graphql::Request;
use platform::caller::Caller;
use resolvers::testing::code;
use serde_json::json;

use crate::fixture::fixtures;

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
