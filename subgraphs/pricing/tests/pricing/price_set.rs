//! Prices that are set: at once, later and for a time, with what others are told of it.

use async_graphql::{Request, Variables};
use chrono::Duration;
use platform::bus::InProcessBus;
use platform::caller::Caller;
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use resolvers::testing::code;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fixture::{Fixture, fixtures, representation};

const SET: &str = "mutation($input: PriceSetInput!, $key: String!) {
    priceSet(input: $input, idempotencyKey: $key) {
        products { price(currency: USD) { current { usd { amount } } version } }
        scheduled { effectiveAt reason }
        userErrors { code field message }
    }
}";

const PRICE: &str =
    "query($product: _Any!) { _entities(representations: [$product]) { ... on Product {
    price(currency: USD) {
        current { usd { amount } } base { usd { amount } } compareAt { usd { amount } }
        adjustments { kind percent usd { amount } } atFloor version
    }
    priceHistory { base { amount } current { amount } reason actor }
    scheduledPriceChanges { effectiveAt reason }
} } }";

fn merchandiser() -> Caller {
    Caller {
        scopes: ["merchandising".to_owned()].into(),
        ..Caller::customer(IdKind::Customer.format(Uuid::from_u128(7)))
    }
}

impl Fixture {
    async fn ask_as(&self, caller: Caller, document: &str, variables: Value) -> Value {
        let request = Request::new(document).variables(Variables::from_json(variables));
        serde_json::to_value(self.subgraph.execute(request, caller).await).unwrap()
    }

    pub(crate) async fn set(&self, key: &str, changes: Value) -> Value {
        let variables = json!({ "input": { "changes": changes }, "key": key });
        let mut answer = self.ask_as(merchandiser(), SET, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"]["priceSet"].take()
    }

    /// Sets without errors.
    pub(crate) async fn set_well(&self, changes: Value) -> Value {
        let set = self.set(&Uuid::now_v7().to_string(), changes).await;
        assert_eq!(set["userErrors"], json!([]), "{set}");
        set
    }

    pub(crate) async fn product(&self, product: Uuid) -> Value {
        let variables = json!({ "product": representation(product) });
        let mut answer = self.ask_as(merchandiser(), PRICE, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"]["_entities"][0].take()
    }

    pub(crate) async fn current(&self, product: Uuid) -> Value {
        self.product(product).await["price"]["current"]["usd"]["amount"].clone()
    }

    /// Advances the clock, and runs the tasks that are due then.
    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        let (bus, stop) = (Arc::new(InProcessBus::new()), CancellationToken::new());
        let database = &self.scratch.database;
        let context = WorkerContext::new(database, bus, self.clock.clone(), stop);
        pricing::workers::runner(&self.state, &context)
            .run_due()
            .await
            .unwrap();
    }

    /// What was published of this product: its sequence and its price.
    async fn published(&self, product: Uuid) -> Vec<(i64, String)> {
        let id = IdKind::Product.format(product);
        let events = self.events("pricing.events").await;
        let prices = events
            .iter()
            .flat_map(|event| event["prices"].as_array().unwrap());
        prices
            .filter(|price| price["productId"] == id.as_str())
            .map(|price| {
                let current = price["currentUsd"].as_str().unwrap().to_owned();
                (price["sequence"].as_i64().unwrap(), current)
            })
            .collect()
    }
}

fn id(product: Uuid) -> String {
    IdKind::Product.format(product)
}

#[tokio::test]
async fn a_price_is_set_with_its_adjustments_and_everybody_is_told() {
    for fixture in fixtures().await {
        let product = Uuid::now_v7();
        let changes = json!([{
            "productId": id(product),
            "baseUsd": "50.00",
            "compareAtUsd": "60",
            "adjustments": [
                { "kind": "sale", "percent": "-15" },
                { "kind": "demand", "amountUsd": "1.20" },
                { "kind": "clearance", "percent": "-90", "validFrom": "2025-10-10T12:00:00Z" },
            ],
            "reason": "autumn",
            "ifVersion": 0,
        }]);
        let set = fixture.set_well(changes).await;
        let price = &set["products"][0]["price"];
        assert_eq!(price["current"]["usd"]["amount"], "43.70");
        assert_eq!(price["version"], 1);
        let mut seen = fixture.product(product).await;
        assert_eq!(seen["price"]["compareAt"]["usd"]["amount"], "60.00");
        let actor = seen["priceHistory"][0]["actor"].take();
        assert_eq!(actor, IdKind::Customer.format(Uuid::from_u128(7)));
        let history = json!([{
            "base": { "amount": "50.00" }, "current": { "amount": "43.70" },
            "reason": "autumn", "actor": null,
        }]);
        assert_eq!(seen["priceHistory"], history);

        // What is not named stays, percentages of the base price follow it.
        let base = json!([{ "productId": id(product), "baseUsd": "100", "reason": "dearer" }]);
        fixture.set_well(base).await;
        let price = fixture.product(product).await["price"].clone();
        let expected = json!({
            "current": { "usd": { "amount": "86.20" } },
            "base": { "usd": { "amount": "100.00" } },
            "compareAt": null,
            "adjustments": [
                { "kind": "sale", "percent": "-15", "usd": { "amount": "-15.00" } },
                { "kind": "demand", "percent": null, "usd": { "amount": "1.20" } },
            ],
            "atFloor": false,
            "version": 2,
        });
        assert_eq!(price, expected, "a lower comparison price is not shown");
        let nothing = json!([{ "productId": id(product), "compareAtUsd": null, "adjustments": [], "reason": "plain" }]);
        fixture.set_well(nothing).await;
        assert_eq!(fixture.current(product).await, "100.00");
        let published = fixture.published(product).await;
        let told = [(1, "43.70"), (2, "86.20"), (3, "100.00")];
        assert_eq!(published, told.map(|(at, usd)| (at, usd.to_owned())));
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_change_with_an_error_changes_none() {
    for fixture in fixtures().await {
        let product = fixture.products(&[(2_000, None)]).await[0];
        let good = json!({ "productId": id(product), "baseUsd": "30", "reason": "x" });
        let cases = [
            (
                json!({ "productId": id(product), "baseUsd": "31", "reason": "x" }),
                "DUPLICATE_ITEM",
                "productId",
            ),
            (
                json!({ "productId": "ord_1", "baseUsd": "31", "reason": "x" }),
                "INVALID_ID",
                "productId",
            ),
            (
                json!({ "productId": id(Uuid::now_v7()), "compareAtUsd": "31", "reason": "x" }),
                "PRICE_REQUIRED",
                "baseUsd",
            ),
            (
                json!({ "productId": id(Uuid::now_v7()), "baseUsd": "1.999", "reason": "x" }),
                "INVALID_PRICE",
                "baseUsd",
            ),
            (
                json!({ "productId": id(Uuid::now_v7()), "baseUsd": "1", "reason": "x", "ifVersion": 3 }),
                "VERSION_MISMATCH",
                "ifVersion",
            ),
        ];
        for (bad, code, field) in cases {
            let set = fixture.set("key", json!([good, bad])).await;
            assert_eq!(set["products"], json!([]));
            let errors = set["userErrors"].as_array().unwrap();
            assert_eq!(errors.len(), 1, "{set}");
            assert_eq!(errors[0]["code"], code);
            assert_eq!(errors[0]["field"], json!(["input", "changes", "1", field]));
            assert_eq!(fixture.current(product).await, "20.00");
        }
        let too_many = vec![good; 1_001];
        let set = fixture.set("key", json!(too_many)).await;
        assert_eq!(set["userErrors"][0]["code"], "INVALID_ITEMS");
        assert_eq!(fixture.events("pricing.events").await, [] as [Value; 0]);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn of_two_who_saw_the_same_version_one_is_refused() {
    for fixture in fixtures().await {
        let product = fixture.products(&[(2_000, None)]).await[0];
        let change = |usd: &str| json!([{ "productId": id(product), "baseUsd": usd, "reason": "x", "ifVersion": 1 }]);
        let (one, other) = futures::join!(
            fixture.set("one", change("21")),
            fixture.set("other", change("22"))
        );
        let errors = [&one, &other].map(|set| set["userErrors"][0]["code"].clone());
        assert!(
            errors.contains(&json!("VERSION_MISMATCH")) && errors.contains(&Value::Null),
            "{errors:?}"
        );
        // A replay has the outcome of the first use, and no further effect.
        let (key, usd) = if errors[0].is_null() {
            ("one", "21")
        } else {
            ("other", "22")
        };
        assert_eq!(fixture.set(key, change(usd)).await["userErrors"], json!([]));
        let price = fixture.product(product).await["price"].clone();
        assert_eq!(price["version"], 2);
        assert_eq!(price["current"]["usd"]["amount"], format!("{usd}.00"));
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn without_the_scope_nothing_is_set_and_no_reason_shown() {
    for fixture in fixtures().await {
        let product = fixture.products(&[(2_000, None)]).await[0];
        let changes = json!([{ "productId": id(product), "baseUsd": "1", "reason": "x" }]);
        let variables = json!({ "input": { "changes": changes }, "key": "k" });
        let customer = Caller::customer(IdKind::Customer.format(Uuid::from_u128(7)));
        for (caller, refusal) in [
            (Caller::default(), "UNAUTHENTICATED"),
            (customer.clone(), "FORBIDDEN"),
        ] {
            let answer = fixture.ask_as(caller, SET, variables.clone()).await;
            assert_eq!(code(&answer), refusal);
        }
        fixture
            .set_well(json!([{ "productId": id(product), "baseUsd": "3", "reason": "secret" }]))
            .await;
        let variables = json!({ "product": representation(product) });
        let answer = fixture.ask_as(customer, PRICE, variables).await;
        assert_eq!(code(&answer), "FORBIDDEN");
        let product = &answer["data"]["_entities"][0];
        assert_eq!(product["price"]["current"]["usd"]["amount"], "3.00");
        assert_eq!(product["priceHistory"][0]["reason"], Value::Null);
        assert_eq!(product["scheduledPriceChanges"], Value::Null);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_application_with_the_scope_sets_prices_in_its_own_name() {
    for fixture in fixtures().await {
        let product = fixture.products(&[(2_000, None)]).await[0];
        let application = |client: &str, subject: Option<&str>| Caller {
            subject: subject.map(str::to_owned),
            client: Some(client.to_owned()),
            scopes: ["merchandising".to_owned()].into(),
            ..Caller::default()
        };
        let input = |price: &str| {
            let changes = json!([{ "productId": id(product), "baseUsd": price, "reason": "x" }]);
            json!({ "input": { "changes": changes }, "key": "same" })
        };
        let mut expected = Vec::new();
        // Each has keys of its own.
        for (caller, price, actor) in [
            (application("erp", None), "21", "erp"),
            (application("pim", None), "22", "pim"),
            (application("pim", Some("nightly")), "23", "nightly"),
        ] {
            for _ in 0..2 {
                let answer = fixture.ask_as(caller.clone(), SET, input(price)).await;
                assert_eq!(answer["errors"], Value::Null, "{answer}");
                assert_eq!(answer["data"]["priceSet"]["userErrors"], json!([]));
            }
            expected.insert(0, json!(actor));
        }
        let answer = fixture
            .ask_as(application("erp", None), SET, input("30"))
            .await;
        assert_eq!(code(&answer), "CONFLICT");
        let told = fixture.product(product).await;
        let history = told["priceHistory"].as_array().unwrap();
        let actors: Vec<_> = history
            .iter()
            .map(|change| change["actor"].clone())
            .collect();
        assert_eq!(actors.len(), 3, "the second time changes nothing");
        assert!(
            expected.iter().all(|actor| actors.contains(actor)),
            "{actors:?}"
        );
        assert_eq!(told["price"]["current"]["usd"]["amount"], "23.00");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_scheduled_change_takes_effect_at_its_moment() {
    for fixture in fixtures().await {
        let product = fixture.products(&[(2_000, None)]).await[0];
        let at = |minutes| fixture.clock.now() + Duration::minutes(minutes);
        let change = |minutes, usd: &str| {
            json!({
                "productId": id(product), "baseUsd": usd, "reason": format!("to {usd}"), "effectiveAt": at(minutes),
            })
        };
        let (tomorrow, soon) = (change(30, "40"), change(10, "30"));
        let set = fixture.set_well(json!([tomorrow])).await;
        assert_eq!(set["products"], json!([]));
        assert_eq!(set["scheduled"][0]["reason"], "to 40");
        fixture.set_well(json!([soon])).await;
        let scheduled = fixture.product(product).await["scheduledPriceChanges"].clone();
        assert_eq!(scheduled[0]["reason"], "to 30", "the next is first");
        fixture
            .pass(Duration::minutes(10) - Duration::milliseconds(1))
            .await;
        assert_eq!(fixture.current(product).await, "20.00");
        fixture.pass(Duration::milliseconds(1)).await;
        assert_eq!(fixture.current(product).await, "30.00");
        fixture.pass(Duration::minutes(20)).await;
        assert_eq!(fixture.current(product).await, "40.00");
        assert_eq!(
            fixture.product(product).await["priceHistory"][0]["reason"],
            "to 40"
        );
        let told = [(2, "30.00"), (3, "40.00")];
        assert_eq!(
            fixture.published(product).await,
            told.map(|(at, usd)| (at, usd.to_owned()))
        );

        // Two that were missed take effect in their order.
        fixture.set_well(json!([change(2, "50")])).await;
        fixture.set_well(json!([change(1, "60")])).await;
        fixture.pass(Duration::hours(1)).await;
        assert_eq!(fixture.current(product).await, "50.00");

        fixture.set_well(json!([change(5, "70")])).await;
        fixture.set_well(json!([{ "productId": id(product), "reason": "not now", "replaceScheduled": true }])).await;
        fixture.pass(Duration::hours(1)).await;
        assert_eq!(fixture.current(product).await, "50.00");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_beginning_and_the_end_of_an_adjustment_are_published() {
    for fixture in fixtures().await {
        let products = fixture.products(&[(2_000, None), (2_000, None)]).await;
        let (from, until) = (
            fixture.clock.now() + Duration::hours(1),
            fixture.clock.now() + Duration::hours(2),
        );
        let sale = |product| {
            json!({
                "productId": id(product), "reason": "sale",
                "adjustments": [{ "kind": "sale", "percent": "-99", "validFrom": from, "validTo": until }],
            })
        };
        fixture
            .set_well(json!([sale(products[0]), sale(products[1])]))
            .await;
        fixture.pass(Duration::minutes(59)).await;
        fixture.pass(Duration::minutes(1)).await;
        let price = fixture.product(products[0]).await["price"].clone();
        // Ten percent of the base price are the floor.
        assert_eq!(
            (&price["current"]["usd"]["amount"], &price["atFloor"]),
            (&json!("2.00"), &json!(true))
        );
        fixture.pass(Duration::hours(1)).await;
        fixture.pass(Duration::hours(1)).await;
        for product in products {
            let told = [(2, "20.00"), (3, "2.00"), (4, "20.00")];
            assert_eq!(
                fixture.published(product).await,
                told.map(|(at, usd)| (at, usd.to_owned()))
            );
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn setting_a_thousand_prices_takes_as_many_statements_as_setting_one() {
    for fixture in fixtures().await {
        let mut counts = Vec::new();
        for count in [1, 1_000] {
            let change = || {
                json!({
                    "productId": id(Uuid::now_v7()), "baseUsd": "9.99", "reason": "x",
                    "adjustments": [{ "kind": "sale", "percent": "-10", "validTo": "2026-01-01T00:00:00Z" }],
                })
            };
            let changes: Vec<Value> = std::iter::repeat_with(change).take(count).collect();
            let before = fixture.scratch.database.statements();
            fixture.set_well(json!(changes)).await;
            counts.push(fixture.scratch.database.statements() - before);
        }
        assert_eq!(counts[0], counts[1]);
        fixture.scratch.drop().await;
    }
}
