//! Exchange rates by age, and what cannot be converted.

use async_graphql::Request;
use chrono::Duration;
use platform::caller::Caller;
use resolvers::id::IdKind;
use resolvers::testing::code;
use serde_json::{Value, json};

use crate::fixture::{fixtures, rate};

#[tokio::test]
async fn a_rate_is_used_by_its_age() {
    for fixture in fixtures().await {
        fixture
            .rates(vec![rate("EUR", "0.9200", fixture.clock.now())])
            .await;
        let document = "{ exchangeRate(to: EUR) { rate effectiveRate bufferPercent freshness } \
                          convert(amountUsd: \"100\", to: EUR) { amount { amount } } }";
        let mut seen = Vec::new();
        for minutes in [0, 15, 45, 1] {
            fixture.clock.advance(Duration::minutes(minutes));
            let answer = fixture.ask(document, json!({})).await;
            assert_eq!(answer["errors"], Value::Null, "{answer}");
            let rate = &answer["data"]["exchangeRate"];
            seen.push(format!(
                "{} {} {} {}",
                rate["freshness"],
                rate["effectiveRate"],
                rate["bufferPercent"],
                answer["data"]["convert"]["amount"]["amount"],
            ));
        }
        assert_eq!(
            seen,
            [
                r#""FRESH" "0.9200" "0" "92.00""#,
                r#""STALE" "0.9200" "0" "92.00""#,
                r#""STALE" "0.9200" "0" "92.00""#,
                r#""VERY_STALE" "0.910800" "1" "91.08""#,
            ]
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_depends_on_a_rate_is_cacheable_until_its_freshness_changes() {
    for fixture in fixtures().await {
        let product = fixture.products(&[(1_000, None)]).await[0];
        let documents = [
            "{ exchangeRate(to: EUR) { freshness } }".to_owned(),
            "{ convert(amountUsd: \"100\", to: EUR) { amount { amount } } }".to_owned(),
            format!(
                "{{ _entities(representations: [{{ __typename: \"Product\", id: \"{}\" }}]) {{
                    ... on Product {{ price(currency: EUR) {{ current {{ amount {{ amount }} }} }} }} }} }}",
                IdKind::Product.format(product)
            ),
        ];
        fixture
            .rates(vec![rate("EUR", "0.9200", fixture.clock.now())])
            .await;
        // It is fresh for 15 minutes, and stale until 60.
        for (seconds, expected) in [
            (0, "max-age=60"),
            (15 * 60 - 10, "max-age=10"),
            (9, "max-age=1"),
            (1, "max-age=60"),
            (45 * 60 - 20, "max-age=20"),
            (20, "no-cache"),
            (1, "max-age=60"),
        ] {
            fixture.clock.advance(Duration::seconds(seconds));
            for document in &documents {
                let request = Request::new(document.as_str());
                let response = fixture.subgraph.execute(request, Caller::default()).await;
                assert_eq!(response.errors, [], "{document}");
                let policy = response.cache_control.value();
                assert_eq!(policy.as_deref(), Some(expected), "{document}");
            }
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_newer_rate_replaces_the_last_known_one() {
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        fixture.rates(vec![rate("GBP", "0.79", now)]).await;
        fixture
            .rates(vec![rate("GBP", "0.80", now), rate("JPY", "149.5", now)])
            .await;
        let document = "{ gbp: exchangeRate(to: GBP) { base to rate source asOf fetchedAt } \
                          jpy: convert(amountUsd: \"19.99\", to: JPY) { amount { amount formatted } usd { amount } } }";
        let answer = fixture.ask(document, json!({})).await;
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(answer, @r#"
            {
              "data": {
                "gbp": {
                  "base": "USD",
                  "to": "GBP",
                  "rate": "0.80",
                  "source": "openexchangerates",
                  "asOf": "2025-10-09T11:57:00.000Z",
                  "fetchedAt": "2025-10-09T12:00:00.000Z"
                },
                "jpy": {
                  "amount": {
                    "amount": "2988",
                    "formatted": "¥2,988"
                  },
                  "usd": {
                    "amount": "19.99"
                  }
                }
              }
            }
            "#);
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn without_any_rate_prices_are_in_dollars_and_a_rate_is_not_found() {
    for fixture in fixtures().await {
        let product = fixture.products(&[(2_999, None)]).await[0];
        let price = &fixture.prices(&[product], json!("EUR")).await[0]["price"];
        assert_eq!(price["current"]["amount"]["formatted"], "$29.99");
        assert_eq!(price["current"]["exchangeRate"], Value::Null);
        assert_eq!(price["current"]["fallback"], "NO_RATE");
        let answer = fixture
            .ask("{ exchangeRate(to: EUR) { rate } }", json!({}))
            .await;
        assert_eq!(code(&answer), "NOT_FOUND");
        assert_eq!(
            answer["errors"][0]["message"],
            "No exchange rate from USD to EUR is known yet: prices are shown in USD"
        );
        let document = "{ convert(amountUsd: \"1\", to: EUR) { amount { formatted } exchangeRate { rate } fallback } }";
        let answer = fixture.ask(document, json!({})).await;
        assert_eq!(
            answer["data"]["convert"],
            json!({ "amount": { "formatted": "$1.00" }, "exchangeRate": null, "fallback": "NO_RATE" })
        );
        let answer = fixture
            .ask(
                "{ exchangeRate(to: USD) { rate freshness } \
                   convert(amountUsd: \"29.999\", to: USD) { amount { amount } exchangeRate { rate } fallback } }",
                json!({}),
            )
            .await;
        assert_eq!(
            answer["data"],
            json!({
                "exchangeRate": { "rate": "1", "freshness": "FRESH" },
                "convert": { "amount": { "amount": "29.99" }, "exchangeRate": null, "fallback": null },
            })
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_amount_that_is_no_decimal_or_would_be_rounded_is_refused_wherever_it_is_written() {
    for fixture in fixtures().await {
        let long = format!("0.{}1", "0".repeat(5_000));
        for (amount, reason) in [("1_000", "one decimal point"), (&long, "at most 28 digits")] {
            let variable = "query($amount: Decimal!) { convert(amountUsd: $amount, to: USD) { amount { amount } } }";
            let literal = format!(
                r#"{{ convert(amountUsd: "{amount}", to: USD) {{ amount {{ amount }} }} }}"#
            );
            for (document, variables) in [
                (variable, json!({ "amount": amount })),
                (&literal, json!({})),
            ] {
                let answer = fixture.ask(document, variables).await;
                let message = answer["errors"][0]["message"].as_str().unwrap();
                assert!(message.contains(reason), "{message}");
            }
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_amount_that_cannot_be_converted_is_refused() {
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        fixture.rates(vec![rate("JPY", "149.5", now)]).await;
        for amount in [
            "-0.01",
            "92233720368547758.08",
            "79228162514264337593543950335",
        ] {
            let document = "query($amount: Decimal!) { convert(amountUsd: $amount, to: JPY) { amount { amount } } }";
            let answer = fixture.ask(document, json!({ "amount": amount })).await;
            assert_eq!(code(&answer), "BAD_USER_INPUT", "{amount}");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_rate_that_cannot_be_read_is_no_error_of_the_others() {
    const BOTH: &str = "{ euros: exchangeRate(to: EUR) { rate } yen: convert(amountUsd: \"1\", to: JPY) { amount { amount } } }";
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        for unreadable in ["much", "0", "-0.9"] {
            let rates = vec![rate("EUR", unreadable, now), rate("JPY", "150.5", now)];
            fixture.rates(rates).await;
            let answer = fixture
                .ask(
                    "{ convert(amountUsd: \"1\", to: JPY) { amount { amount } } }",
                    json!({}),
                )
                .await;
            assert_eq!(answer["data"]["convert"]["amount"]["amount"], "150");
            let answer = fixture.ask(BOTH, json!({})).await;
            let errors = answer["errors"].as_array().unwrap();
            assert_eq!(errors.len(), 1, "{answer}");
            assert_eq!(errors[0]["path"], json!(["euros"]));
            assert_eq!(errors[0]["extensions"]["code"], "INTERNAL");
            fixture.clock.advance(Duration::seconds(2));
        }
        fixture.scratch.drop().await;
    }
}
