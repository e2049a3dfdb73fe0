//! The experiment: who is in which group, what they were shown, and what came of it.

use std::time::Duration;

use async_graphql::Request;
use entities::search::search_exposure::{self, Variant};
use platform::caller::Caller;
use platform::flags::{EvaluationContext, FlagFile, Flags};
use platform::supervisor::Supervisor;
use platform::tables::customer_erasure;
use resolvers::id::IdKind;
use resolvers::testing::code;
use sea_orm::EntityTrait;
use search::{PersonalizationState, State, subgraph};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::{Fixture, fixtures, public};
use crate::personal_kit::{catalog, categories, headphones, placed};

/// Half of the customers, as in development.
const HALF: &str = "flags: { search_personalization: { state: ENABLED, variants: { \"on\": true, \"off\": false }, \
                    defaultVariant: \"off\", targeting: { fractional: [[\"on\", 50], [\"off\", 50]] } } }";

/// The fixture with a flag that splits customers.
async fn split(fixture: &mut Fixture) {
    let file = fixture.index.path().join("flags.yaml");
    std::fs::write(&file, HALF).unwrap();
    let provider = FlagFile::open(&file, Duration::from_secs(60), &Supervisor::new())
        .await
        .unwrap();
    fixture.state = State {
        personalization: PersonalizationState {
            flags: Flags::of(provider, EvaluationContext::default()).await,
            ..fixture.state.personalization.clone()
        },
        ..fixture.state.clone()
    };
    fixture.subgraph = subgraph(fixture.state.clone());
}

/// A customer of each group, control first, who likes headphones.
async fn one_of_each(fixture: &Fixture) -> [Uuid; 2] {
    let (mut control, mut treatment) = (None, None);
    while control.is_none() || treatment.is_none() {
        let customer = fixture.customer_who_likes_headphones(51).await;
        let found = fixture.find(Some(customer), json!({})).await;
        match found["personalization"]["variant"].as_str().unwrap() {
            "control" => control = control.or(Some(customer)),
            _ => treatment = treatment.or(Some(customer)),
        }
    }
    [control.unwrap(), treatment.unwrap()]
}

async fn exposures(fixture: &Fixture) -> Vec<search_exposure::Model> {
    let waiting = &fixture.state.personalization.exposures;
    waiting.flush(&fixture.state.database).await.unwrap();
    let db = fixture.scratch.database.read();
    search_exposure::Entity::find().all(db).await.unwrap()
}

#[tokio::test]
async fn searches_that_are_written_while_their_customer_is_erased_are_not_theirs() {
    for mut fixture in fixtures(&catalog()).await {
        split(&mut fixture).await;
        let customers = one_of_each(&fixture).await;
        let (database, name) = (&fixture.scratch.database, fixture.scratch.name);
        let until = fixture.state.clock.now();
        let erasing = database.begin().await.unwrap();
        for customer in customers {
            customer_erasure::begin(&erasing, customer, until)
                .await
                .unwrap();
        }
        let (written, ()) = tokio::join!(exposures(&fixture), async {
            fixture.scratch.until_locked_out("customer_erasures").await;
            erasing.commit().await.unwrap();
        });
        assert!(!written.is_empty(), "{name}");
        let theirs = written
            .iter()
            .find(|one| customers.contains(&one.customer_id));
        assert_eq!(theirs, None, "{name}");
        fixture.scratch.drop().await;
    }
}

async fn support(fixture: &Fixture, scopes: &[&str]) -> Value {
    let caller = Caller {
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..Caller::customer(IdKind::Customer.format(Uuid::now_v7()))
    };
    let document = "{ searchExperiment(days: 14) {
        all { control { customers searches clickThrough { value low high } }
              treatment { customers searches clickThrough { value } addToCart { value } conversion { value } }
              clickThrough { value } }
        withPreferences { treatment { searches } }
        sampleRatio { chiSquare pValue mismatch }
        customersInBoth
        latency { controlP99Ms treatmentP99Ms budgetMs passed }
    } }";
    let response = fixture
        .subgraph
        .execute(Request::new(document), caller)
        .await;
    serde_json::to_value(response).unwrap()
}

#[tokio::test]
async fn customers_stay_in_their_group_and_control_sees_plain_results() {
    for mut fixture in fixtures(&catalog()).await {
        split(&mut fixture).await;
        let [control, treatment] = one_of_each(&fixture).await;
        fixture.state.compute_preferences().await.unwrap();
        let plain = fixture.find(None, json!({})).await;
        for _ in 0..3 {
            let found = fixture.find(Some(control), json!({})).await;
            assert_eq!(
                found["personalization"],
                json!({ "mode": "NONE", "boost": 1.0, "variant": "control", "reranked": false })
            );
            assert_eq!(found["nodes"], plain["nodes"]);
            let found = fixture.find(Some(treatment), json!({})).await;
            assert_eq!(
                found["personalization"],
                json!({ "mode": "FULL", "boost": 1.5, "variant": "treatment", "reranked": false })
            );
            assert!(
                categories(&found)[..20]
                    .iter()
                    .all(|name| name == "Headphones")
            );
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_search_is_recorded_once_in_half_an_hour_and_visitors_never_are() {
    for fixture in fixtures(&catalog()).await {
        let customer = fixture.customer_who_likes_headphones(51).await;
        fixture.state.compute_preferences().await.unwrap();
        let first = fixture.find(Some(customer), json!({ "first": 5 })).await;
        let again = fixture.find(Some(customer), json!({ "first": 5 })).await;
        assert_eq!(first["queryId"], again["queryId"]);
        let next = json!({ "first": 5, "after": first["pageInfo"]["endCursor"] });
        let next = fixture.find(Some(customer), next).await;
        assert_eq!(first["queryId"], next["queryId"]);
        fixture.find(None, json!({})).await;
        fixture
            .find(Some(customer), json!({ "personalize": false }))
            .await;
        let recorded = exposures(&fixture).await;
        assert_eq!(recorded.len(), 1);
        assert_eq!(
            (
                recorded[0].customer_id,
                recorded[0].variant,
                recorded[0].mode.as_str()
            ),
            (customer, Variant::Treatment, "full")
        );
        assert_eq!(
            recorded[0].query_id.to_string(),
            first["queryId"].as_str().unwrap()
        );
        assert!(recorded[0].latency_micros > 0);
        fixture.state.clock.advance(chrono::Duration::minutes(30));
        let later = fixture.find(Some(customer), json!({ "first": 5 })).await;
        assert_ne!(first["queryId"], later["queryId"]);
        assert_eq!(exposures(&fixture).await.len(), 2);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn clicks_carts_and_paid_orders_are_outcomes_of_the_search_that_led_to_them() {
    for fixture in fixtures(&catalog()).await {
        let customer = Uuid::now_v7();
        let found = fixture.find(Some(customer), json!({})).await;
        let query = found["queryId"].clone();
        let outcomes = async || {
            let one = exposures(&fixture).await.remove(0);
            [one.clicked_at, one.carted_at, one.converted_at].map(|at| at.is_some())
        };
        // Another customer's click does not count.
        let click = json!({ "kind": "SEARCH_CLICK", "productId": public(0), "queryId": query });
        fixture.record(Some(Uuid::now_v7()), click.clone()).await;
        assert_eq!(outcomes().await, [false, false, false]);
        fixture.record(Some(customer), click).await;
        assert_eq!(outcomes().await, [true, false, false]);
        // A cart of something else is not of this search; one of the clicked product is, also without its id.
        let cart = |number| json!({ "kind": "CART", "productId": public(number) });
        fixture.record(Some(customer), cart(2)).await;
        assert_eq!(outcomes().await, [true, false, false]);
        fixture.record(Some(customer), cart(0)).await;
        assert_eq!(outcomes().await, [true, true, false]);
        let order = Uuid::now_v7();
        let at = "2025-10-09T12:00:00Z";
        let data = placed(order, customer, &[headphones(0)], at);
        fixture.order_event("order.placed", data).await;
        assert_eq!(outcomes().await, [true, true, false], "not paid yet");
        let confirmed = json!({ "orderId": IdKind::Order.format(order) });
        fixture.order_event("order.confirmed", confirmed).await;
        assert_eq!(outcomes().await, [true, true, true]);

        // Too late.
        let other = Uuid::now_v7();
        let found = fixture.find(Some(other), json!({})).await;
        exposures(&fixture).await;
        fixture.state.clock.advance(chrono::Duration::hours(25));
        let click =
            json!({ "kind": "SEARCH_CLICK", "productId": public(0), "queryId": found["queryId"] });
        fixture.record(Some(other), click).await;
        let late = exposures(&fixture).await;
        let late = late.iter().find(|one| one.customer_id == other).unwrap();
        assert_eq!(late.clicked_at, None);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn staff_who_are_no_customers_find_what_visitors_find() {
    for fixture in fixtures(&catalog()).await {
        let document =
            "{ productSearch(query: \"\", first: 5) { nodes { title } personalization { mode } } }";
        let agent = Caller::customer("support-agent");
        let answer = fixture
            .subgraph
            .execute(Request::new(document), agent)
            .await;
        let answer = serde_json::to_value(answer).unwrap();
        assert_eq!(answer, fixture.ask(document, json!({})).await);
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn support_sees_the_figures_and_nobody_else() {
    for mut fixture in fixtures(&catalog()).await {
        split(&mut fixture).await;
        let [control, treatment] = one_of_each(&fixture).await;
        fixture.state.compute_preferences().await.unwrap();
        fixture.state.clock.advance(chrono::Duration::hours(1));
        for customer in [control, treatment] {
            let found = fixture.find(Some(customer), json!({})).await;
            let click = json!({
                "kind": "SEARCH_CLICK", "productId": public(0), "queryId": found["queryId"]
            });
            if customer == treatment {
                fixture.record(Some(customer), click).await;
            }
        }
        let refused = support(&fixture, &["merchandising"]).await;
        assert_eq!(code(&refused), "FORBIDDEN");
        let answer = support(&fixture, &["support"]).await;
        assert_eq!(answer["errors"], Value::Null, "{answer:#}");
        let report = &answer["data"]["searchExperiment"];
        let all = exposures(&fixture).await;
        let searches = |variant| all.iter().filter(|one| one.variant == variant).count();
        for (group, variant) in [
            ("control", Variant::Control),
            ("treatment", Variant::Treatment),
        ] {
            assert_eq!(report["all"][group]["searches"], searches(variant));
        }
        assert_eq!(report["all"]["control"]["clickThrough"]["value"], 0.0);
        let rate = report["all"]["treatment"]["clickThrough"]["value"]
            .as_f64()
            .unwrap();
        assert!((rate - 1.0 / searches(Variant::Treatment) as f64).abs() < 1e-9);
        assert_eq!(report["all"]["clickThrough"]["value"], rate);
        // The searches from before there were preferences are not among these.
        assert_eq!(report["withPreferences"]["treatment"]["searches"], 1);
        assert_eq!(report["sampleRatio"]["mismatch"], false);
        assert_eq!(report["customersInBoth"], 0);
        assert_eq!(report["latency"]["budgetMs"], 20.0);
        assert!(report["latency"]["treatmentP99Ms"].as_f64().unwrap() > 0.0);
        fixture.scratch.drop().await;
    }
}
