//! Product prices: adjusted, converted, and historical.

use chrono::Duration;
use entities::insert_many;
use entities::pricing::price_change;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{PRICES, fixtures, rate, representation};

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
                  },
                  "fallback": null
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
                    "type": "SALE",
                    "usd": {
                      "amount": "-5.00"
                    }
                  },
                  {
                    "kind": "demand",
                    "type": "DEMAND",
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
                current_usd_minor: None,
                reason: None,
                actor: None,
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
        assert_eq!(counts, [2, 1], "prices, and at first rates");
        fixture.scratch.drop().await;
    }
}
