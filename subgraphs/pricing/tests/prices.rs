//! Currencies, rates and product prices by query, over every database.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use async_graphql::Request;
use chrono::{DateTime, Duration, TimeZone, Utc};
use entities::insert_many;
use entities::pricing::{exchange_rate, price_adjustment, price_change, product_price};
use platform::caller::Caller;
use platform::clock::Clock;
use platform::testing::{Scratch, scratch_databases};
use pricing::{Migrator, State, subgraph};
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use resolvers::testing::{code, execute};
use serde_json::{Value, json};
use uuid::Uuid;

const PRICES: &str = r#"query($products: [_Any!]!, $currency: CurrencyCode) {
    _entities(representations: $products) {
        ... on Product {
            id
            price(currency: $currency) {
                current { amount { formatted } usd { amount } exchangeRate { to freshness effectiveRate } }
                base { amount { amount } }
                compareAt { amount { amount } }
                adjustments { kind usd { amount } }
            }
        }
    }
}"#;

struct Fixture {
    scratch: Scratch,
    subgraph: Subgraph,
    clock: Clock,
}

/// The subgraph over each database, migrated and empty, at a fixed time.
async fn fixtures() -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for scratch in scratch_databases().await {
        migrations::migrate::<Migrator>(&scratch.database.connect_for_migrations().await.unwrap())
            .await
            .unwrap();
        let clock = Clock::manual(Utc.with_ymd_and_hms(2025, 10, 9, 12, 0, 0).unwrap());
        let subgraph = subgraph(State::new(scratch.database.clone(), clock.clone()));
        fixtures.push(Fixture {
            scratch,
            subgraph,
            clock,
        });
    }
    fixtures
}

fn rate(currency: &str, rate: &str, fetched_at: DateTime<Utc>) -> exchange_rate::Model {
    exchange_rate::Model {
        currency: currency.to_owned(),
        rate: rate.to_owned(),
        source: "openexchangerates".to_owned(),
        as_of: fetched_at - Duration::minutes(3),
        fetched_at,
    }
}

fn representation(product: Uuid) -> Value {
    json!({ "__typename": "Product", "id": IdKind::Product.format(product) })
}

impl Fixture {
    async fn rates(&self, rows: Vec<exchange_rate::Model>) {
        exchange_rate::put_rates(self.scratch.database.write(), rows)
            .await
            .unwrap();
    }

    /// Stores products with these base prices and compare-at prices, in cents.
    async fn products(&self, prices: &[(i64, Option<i64>)]) -> Vec<Uuid> {
        let rows: Vec<_> = prices
            .iter()
            .map(
                |&(base_usd_minor, compare_at_usd_minor)| product_price::Model {
                    product_id: Uuid::now_v7(),
                    base_usd_minor,
                    compare_at_usd_minor,
                    updated_at: self.clock.now(),
                },
            )
            .collect();
        let ids = rows.iter().map(|row| row.product_id).collect();
        insert_many::<product_price::Entity>(self.scratch.database.write(), rows)
            .await
            .unwrap();
        ids
    }

    /// An adjustment from some hours ago until some hours from now.
    async fn adjust(&self, product: Uuid, kind: &str, usd_minor: i64, hours: (i64, Option<i64>)) {
        let row = price_adjustment::Model {
            id: Uuid::now_v7(),
            product_id: product,
            kind: kind.to_owned(),
            usd_minor,
            active_from: self.clock.now() + Duration::hours(hours.0),
            active_until: hours
                .1
                .map(|until| self.clock.now() + Duration::hours(until)),
        };
        insert_many::<price_adjustment::Entity>(self.scratch.database.write(), vec![row])
            .await
            .unwrap();
    }

    async fn ask(&self, document: &str, variables: Value) -> Value {
        execute(&self.subgraph, None, document, variables).await
    }

    async fn prices(&self, products: &[Uuid], currency: Value) -> Value {
        let products: Vec<_> = products.iter().copied().map(representation).collect();
        let variables = json!({ "products": products, "currency": currency });
        let answer = self.ask(PRICES, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"]["_entities"].clone()
    }
}

#[tokio::test]
async fn a_price_is_adjusted_in_dollars_and_then_converted_rounding_down() {
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        fixture.rates(vec![rate("EUR", "0.9205", now)]).await;
        let product = fixture.products(&[(3_500, Some(3_999))]).await[0];
        fixture.adjust(product, "sale", -500, (-2, Some(2))).await;
        fixture.adjust(product, "demand", 200, (-1, None)).await;
        fixture.adjust(product, "over", -900, (-2, Some(0))).await;
        fixture.adjust(product, "later", -900, (1, None)).await;
        let mut price = fixture.prices(&[product], json!("EUR")).await[0].clone();
        price["id"].take();
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(price, @r#"
            {
              "id": null,
              "price": {
                "current": {
                  "amount": {
                    "formatted": "€29.45"
                  },
                  "usd": {
                    "amount": "32.00"
                  },
                  "exchangeRate": {
                    "to": "EUR",
                    "freshness": "FRESH",
                    "effectiveRate": "0.9205"
                  }
                },
                "base": {
                  "amount": {
                    "amount": "32.21"
                  }
                },
                "compareAt": {
                  "amount": {
                    "amount": "36.81"
                  }
                },
                "adjustments": [
                  {
                    "kind": "sale",
                    "usd": {
                      "amount": "-5.00"
                    }
                  },
                  {
                    "kind": "demand",
                    "usd": {
                      "amount": "2.00"
                    }
                  }
                ]
              }
            }
            "#);
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn without_an_argument_a_visitor_from_nowhere_sees_dollars() {
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        fixture.rates(vec![rate("EUR", "0.92", now)]).await;
        let product = fixture.products(&[(123_450, None)]).await[0];
        let price = &fixture.prices(&[product], Value::Null).await[0]["price"];
        assert_eq!(price["current"]["amount"]["formatted"], "$1,234.50");
        assert_eq!(price["current"]["exchangeRate"], Value::Null);
        assert_eq!(price["compareAt"], Value::Null);
        fixture.scratch.drop().await;
    }
}

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
        for document in [
            "{ exchangeRate(to: EUR) { rate } }",
            "{ convert(amountUsd: \"1\", to: EUR) { amount { amount } } }",
        ] {
            let answer = fixture.ask(document, json!({})).await;
            assert_eq!(code(&answer), "NOT_FOUND");
            assert_eq!(
                answer["errors"][0]["message"],
                "No exchange rate from USD to EUR is known yet: prices are shown in USD"
            );
        }
        let answer = fixture
            .ask(
                "{ exchangeRate(to: USD) { rate freshness } \
                   convert(amountUsd: \"29.999\", to: USD) { amount { amount } exchangeRate { rate } } }",
                json!({}),
            )
            .await;
        assert_eq!(
            answer["data"],
            json!({
                "exchangeRate": { "rate": "1", "freshness": "FRESH" },
                "convert": { "amount": { "amount": "29.99" }, "exchangeRate": null },
            })
        );
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
async fn the_currency_context_tells_where_it_came_from() {
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
async fn the_history_of_a_price_is_ninety_days_newest_first() {
    for fixture in fixtures().await {
        let product = fixture.products(&[(2_000, None)]).await[0];
        let now = fixture.clock.now();
        let rows = [(1_000, 91), (1_500, 90), (2_000, 1)]
            .map(|(base_usd_minor, days)| price_change::Model {
                id: Uuid::now_v7(),
                product_id: product,
                base_usd_minor,
                compare_at_usd_minor: None,
                changed_at: now - Duration::days(days),
            })
            .to_vec();
        insert_many::<price_change::Entity>(fixture.scratch.database.write(), rows)
            .await
            .unwrap();
        let answer = fixture
            .ask(
                "query($product: _Any!) { _entities(representations: [$product]) { \
                    ... on Product { priceHistory { changedAt base { amount } } } } }",
                json!({ "product": representation(product) }),
            )
            .await;
        assert_eq!(
            answer["data"]["_entities"][0]["priceHistory"],
            json!([
                { "changedAt": "2025-10-08T12:00:00.000Z", "base": { "amount": "20.00" } },
                { "changedAt": "2025-07-11T12:00:00.000Z", "base": { "amount": "15.00" } },
            ])
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn unknown_products_have_no_price_and_malformed_ids_no_entity() {
    for fixture in fixtures().await {
        let known = fixture.products(&[(100, None)]).await[0];
        let variables = json!({ "products": [
            representation(Uuid::now_v7()),
            { "__typename": "Product", "id": "prd_nonsense" },
            representation(known),
        ] });
        let answer = fixture.ask(PRICES, variables).await;
        let entities = &answer["data"]["_entities"];
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        assert_eq!(entities[0]["price"], Value::Null);
        assert_eq!(entities[1], Value::Null);
        assert_eq!(entities[2]["price"]["current"]["usd"]["amount"], "1.00");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_number_of_statements_does_not_depend_on_the_number_of_products() {
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        fixture.rates(vec![rate("EUR", "0.92", now)]).await;
        // More rows than one INSERT can bind.
        let products = fixture.products(&vec![(1_999, None); 9_000]).await;
        let mut counts = Vec::new();
        for count in [1, 100] {
            let before = fixture.scratch.database.statements();
            let prices = fixture.prices(&products[..count], json!("EUR")).await;
            assert_eq!(prices.as_array().unwrap().len(), count);
            counts.push(fixture.scratch.database.statements() - before);
        }
        assert_eq!(counts, [3, 3], "prices, adjustments, rates");
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

const QUOTE: &str = "query($products: [ID!]!, $currency: CurrencyCode, $country: String) {
    checkoutQuote(products: $products, charges: [\"5.99\"], currency: $currency, shippingCountry: $country) {
        currency exchangeRate { effectiveRate }
        prices { amount { amount currency } usd { amount } }
        charges { amount { amount currency } usd { amount } }
    }
}";

impl Fixture {
    async fn quote(&self, products: &[Uuid], currency: Value, country: Value) -> Value {
        let products: Vec<_> = products.iter().map(|id| IdKind::Product.id(*id)).collect();
        let variables = json!({ "products": products, "currency": currency, "country": country });
        let mut answer = self.ask(QUOTE, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"]["checkoutQuote"].take()
    }
}

#[tokio::test]
async fn a_checkout_is_quoted_in_one_currency_by_one_rate() {
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        fixture.rates(vec![rate("EUR", "0.9205", now)]).await;
        let product = fixture.products(&[(3_500, None)]).await[0];
        fixture.adjust(product, "sale", -500, (-2, None)).await;
        let products = [product, Uuid::now_v7(), product];
        let amount = |amount: &str, currency: &str, usd: &str| json!({ "amount": { "amount": amount, "currency": currency }, "usd": { "amount": usd } });
        let in_euros = json!({
            "currency": "EUR",
            "exchangeRate": { "effectiveRate": "0.9205" },
            "prices": [amount("27.61", "EUR", "30.00"), null, amount("27.61", "EUR", "30.00")],
            "charges": [amount("5.51", "EUR", "5.99")],
        });
        let explicit = fixture.quote(&products, json!("EUR"), json!("JP")).await;
        assert_eq!(explicit, in_euros, "{}", fixture.scratch.name);
        let by_country = fixture.quote(&products, Value::Null, json!("DE")).await;
        assert_eq!(by_country, in_euros);

        // Of yen no rate was ever fetched.
        for currency in ["JPY", "USD"] {
            let quote = fixture
                .quote(&[product], json!(currency), Value::Null)
                .await;
            let in_dollars = json!({
                "currency": "USD",
                "exchangeRate": { "effectiveRate": "1" },
                "prices": [amount("30.00", "USD", "30.00")],
                "charges": [amount("5.99", "USD", "5.99")],
            });
            assert_eq!(quote, in_dollars, "{currency}");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_checkout_takes_as_many_statements_for_one_product_as_for_a_hundred() {
    for fixture in fixtures().await {
        let now = fixture.clock.now();
        fixture.rates(vec![rate("EUR", "0.9205", now)]).await;
        let products = fixture.products(&[(1_000, None); 100]).await;
        let before = fixture.scratch.database.statements();
        fixture
            .quote(&products[..1], json!("EUR"), Value::Null)
            .await;
        let one = fixture.scratch.database.statements() - before;
        fixture.quote(&products, json!("EUR"), Value::Null).await;
        let hundred = fixture.scratch.database.statements() - before - one;
        assert_eq!((one, hundred), (3, 3), "{}", fixture.scratch.name);
        fixture.scratch.drop().await;
    }
}
