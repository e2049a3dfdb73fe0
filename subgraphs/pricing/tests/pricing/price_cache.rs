//! Prices that were read before are used as long as they are those in the database.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::Duration;
use pricing::{State, subgraph};
use resolvers::id::IdKind;
use resolvers::testing::execute;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{Fixture, fixtures, representation};

const CURRENT: &str = "query($of: [_Any!]!) { _entities(representations: $of) {
    ... on Product { price(currency: USD) { current { amount { amount } } version } }
} }";

impl Fixture {
    /// What is shown where adjustments are not listed.
    async fn shown(&self, products: &[Uuid]) -> Vec<Value> {
        let of: Vec<_> = products.iter().copied().map(representation).collect();
        let mut answer = self.ask(CURRENT, json!({ "of": of })).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        let prices = answer["data"]["_entities"].as_array_mut().unwrap();
        let amount = |product: &mut Value| product["price"]["current"]["amount"]["amount"].take();
        prices.iter_mut().map(amount).collect()
    }
}

fn set(product: Uuid, dollars: i64) -> Value {
    json!([{
        "productId": IdKind::Product.format(product),
        "baseUsd": dollars.to_string(),
        "reason": "new",
    }])
}

#[tokio::test]
async fn prices_are_read_again_when_one_has_changed_in_any_process() {
    for mut fixture in fixtures().await {
        let products = fixture.products(&[(2_000, None), (3_000, None)]).await;
        assert_eq!(fixture.shown(&products).await, ["20.00", "30.00"]);
        fixture.rename_table("product_prices", "gone").await;
        let before = fixture.scratch.database.statements();
        assert_eq!(fixture.shown(&products).await, ["20.00", "30.00"]);
        assert_eq!(fixture.shown(&products[1..]).await, ["30.00"]);
        assert_eq!(fixture.scratch.database.statements() - before, 2);
        fixture.rename_table("gone", "product_prices").await;

        let other = State::new(fixture.scratch.database.clone(), fixture.clock.clone());
        let here = std::mem::replace(&mut fixture.subgraph, subgraph(other));
        assert_eq!(fixture.shown(&products).await, ["20.00", "30.00"]);
        fixture.set_well(set(products[0], 21)).await;
        assert_eq!(fixture.shown(&products).await, ["21.00", "30.00"]);
        fixture.subgraph = here;
        assert_eq!(fixture.shown(&products).await, ["21.00", "30.00"]);
        assert_eq!(fixture.shown(&products).await, ["21.00", "30.00"]);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_adjustment_begins_and_ends_at_its_moment_whether_published_or_not() {
    for fixture in fixtures().await {
        let products = fixture.products(&[(2_000, None), (3_000, None)]).await;
        let sale = json!([{
            "productId": IdKind::Product.format(products[0]), "reason": "sale",
            "adjustments": [{
                "kind": "sale", "percent": "-50",
                "validFrom": fixture.clock.now() + Duration::hours(1),
                "validTo": fixture.clock.now() + Duration::hours(2),
            }],
        }]);
        fixture.set_well(sale).await;
        let second = Duration::seconds(1);
        for (advance, price) in [
            (Duration::zero(), "20.00"),
            (Duration::hours(1) - second, "20.00"),
            (second, "10.00"),
            (Duration::hours(1) - second, "10.00"),
            (second, "20.00"),
            (-second, "10.00"),
            (-Duration::hours(1), "20.00"),
            (Duration::hours(2), "20.00"),
        ] {
            fixture.clock.advance(advance);
            for _ in 0..2 {
                assert_eq!(fixture.shown(&products).await, [price, "30.00"]);
            }
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn nobody_sees_a_price_from_before_one_that_was_acknowledged() {
    const CHANGES: i64 = 60;
    for fixture in fixtures().await {
        let product = fixture.products(&[(100, None)]).await[0];
        let acknowledged = AtomicI64::new(1);
        let change = async {
            for dollars in 2..=CHANGES {
                fixture.set_well(set(product, dollars)).await;
                acknowledged.store(dollars, Ordering::SeqCst);
            }
        };
        let read = || async {
            while acknowledged.load(Ordering::SeqCst) < CHANGES {
                let least = acknowledged.load(Ordering::SeqCst);
                let shown = fixture.shown(&[product]).await[0].take();
                let shown = shown.as_str().unwrap().trim_end_matches(".00");
                assert!(shown.parse::<i64>().unwrap() >= least, "{shown} < {least}");
            }
        };
        tokio::join!(change, read(), read(), read(), read());
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_product_without_a_price_gets_its_first_one_at_once() {
    for fixture in fixtures().await {
        let known = fixture.products(&[(2_000, None)]).await[0];
        let product = Uuid::now_v7();
        for _ in 0..2 {
            let variables = json!({ "of": [representation(known), representation(product)] });
            let answer = execute(&fixture.subgraph, None, CURRENT, variables).await;
            assert_eq!(
                answer["data"]["_entities"][1],
                json!({ "price": null }),
                "{answer}"
            );
        }
        fixture.set_well(set(product, 5)).await;
        assert_eq!(fixture.shown(&[known, product]).await, ["20.00", "5.00"]);
        fixture.scratch.drop().await;
    }
}
