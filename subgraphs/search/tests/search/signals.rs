//! Signals: who may record them, where purchases come from, and how they are forgotten.

use std::sync::Arc;

use chrono::Duration;
use entities::search::signal::{self, SignalKind};
use entities::search::{customer_preference, search_exposure};
use futures::FutureExt;
use platform::bus::InProcessBus;
use platform::workers::WorkerContext;
use resolvers::export::Export;
use resolvers::id::IdKind;
use resolvers::testing::{code, execute};
use sea_orm::EntityTrait;
use search::privacy;
use search::workers::{jobs, sweep_once};
use search::{PersonalizationConfig, PersonalizationState, State, subgraph};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::kit::{Fixture, Item, fixtures, public, strings};
use crate::personal_kit::{catalog, headphones, monitor, placed};

const OPT_OUT: &str = "mutation($optOut: Boolean!) {
    personalizationOptOutSet(optOut: $optOut) {
        personalization { optedOut signals mode }
        userErrors { code }
    }
}";

async fn signals(fixture: &Fixture) -> Vec<signal::Model> {
    let mut signals = signal::Entity::find()
        .all(fixture.scratch.database.read())
        .await
        .unwrap();
    signals.sort_by_key(|signal| signal.id);
    signals
}

/// `Customer.personalization`, as this caller sees it.
async fn personalization(fixture: &Fixture, caller: Option<Uuid>, customer: Uuid) -> Value {
    let document = "query($r: [_Any!]!) {
        _entities(representations: $r) { ... on Customer { personalization { optedOut signals mode } } }
    }";
    let customer = IdKind::Customer.format(customer);
    let representation = json!({ "r": [{ "__typename": "Customer", "id": customer }] });
    fixture.ask_as(caller, document, representation).await
}

#[tokio::test]
async fn purchases_come_from_orders_alone_and_are_withdrawn_with_them() {
    for fixture in fixtures(&catalog()).await {
        let (customer, order) = (Uuid::now_v7(), Uuid::now_v7());
        let bought = json!({ "kind": "PURCHASE", "productId": public(0) });
        let payload = fixture.record(Some(customer), bought).await;
        assert_eq!(payload["recorded"], false);
        assert_eq!(
            strings(&payload["userErrors"], "code"),
            ["PURCHASE_NOT_ACCEPTED"]
        );
        assert_eq!(signals(&fixture).await, []);

        let at = "2025-10-09T11:59:00Z";
        let products = [headphones(0), monitor(0)];
        let data = placed(order, customer, &products, at);
        fixture.order_event("order.placed", data.clone()).await;
        let found: Vec<_> = signals(&fixture)
            .await
            .into_iter()
            .map(|row| (row.customer_id, row.kind, row.product_id, row.order_id))
            .collect();
        let purchase = |product| (Some(customer), SignalKind::Purchase, product, Some(order));
        assert_eq!(found, products.map(purchase));

        let cancelled = json!({ "orderId": IdKind::Order.format(order) });
        fixture.order_event("order.cancelled", cancelled).await;
        assert_eq!(signals(&fixture).await, []);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_click_names_its_search() {
    for fixture in fixtures(&[Item::PLAIN.row(0)]).await {
        let click = json!({ "kind": "SEARCH_CLICK", "productId": public(0) });
        let payload = fixture.record(None, click).await;
        assert_eq!(payload["recorded"], false);
        assert_eq!(
            strings(&payload["userErrors"], "code"),
            ["INVALID_QUERY_ID"]
        );
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_caller_who_records_too_many_events_has_to_wait() {
    for fixture in fixtures(&[Item::PLAIN.row(0)]).await {
        let clock = &fixture.state.clock;
        let limited = subgraph(State {
            personalization: PersonalizationState {
                config: PersonalizationConfig {
                    events_per_minute: 3,
                    ..PersonalizationConfig::default()
                },
                ..PersonalizationState::in_process(clock.clone())
            },
            ..fixture.state.clone()
        });
        let record = async |customer: Uuid| {
            let document = "mutation($id: ID!) {
                searchEventRecord(input: { kind: VIEW, productId: $id }) { recorded }
            }";
            let variables = json!({ "id": public(0) });
            execute(&limited, Some(customer), document, variables).await
        };
        let (busy, other) = (Uuid::now_v7(), Uuid::now_v7());
        for _ in 0..3 {
            let answer = record(busy).await;
            assert_eq!(answer["data"]["searchEventRecord"]["recorded"], true);
        }
        assert_eq!(code(&record(busy).await), "RATE_LIMITED");
        assert_eq!(code(&record(other).await), "no error");
        clock.advance(Duration::seconds(21));
        assert_eq!(code(&record(busy).await), "no error");
        assert_eq!(signals(&fixture).await.len(), 5);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn opting_out_forgets_everything_at_once() {
    for fixture in fixtures(&catalog()).await {
        let customer = fixture.customer_who_likes_headphones(60).await;
        let other = fixture.customer_who_likes_headphones(51).await;
        fixture.state.compute_preferences().await.unwrap();
        let found = fixture.find(Some(customer), json!({})).await;
        assert_eq!(found["personalization"]["mode"], "FULL");
        let known = json!({ "optedOut": false, "signals": 60, "mode": "FULL" });
        let answer = personalization(&fixture, Some(customer), customer).await;
        assert_eq!(answer["data"]["_entities"][0]["personalization"], known);
        for stranger in [None, Some(other)] {
            let answer = personalization(&fixture, stranger, customer).await;
            assert_eq!(
                answer["data"]["_entities"][0]["personalization"],
                Value::Null
            );
            assert!(["FORBIDDEN", "UNAUTHENTICATED"].contains(&code(&answer)));
        }

        let answer = fixture
            .ask_as(None, OPT_OUT, json!({ "optOut": true }))
            .await;
        assert_eq!(code(&answer), "UNAUTHENTICATED");
        let set = async |opt_out: bool| {
            let variables = json!({ "optOut": opt_out });
            let answer = fixture.ask_as(Some(customer), OPT_OUT, variables).await;
            assert_eq!(answer["errors"], Value::Null, "{answer:#}");
            answer["data"]["personalizationOptOutSet"].clone()
        };
        let opted_out = json!({
            "personalization": { "optedOut": true, "signals": 0, "mode": "NONE" },
            "userErrors": [],
        });
        assert_eq!(set(true).await, opted_out);
        assert_eq!(set(true).await, opted_out, "again");
        let left = signals(&fixture).await;
        assert!(left.iter().all(|signal| signal.customer_id == Some(other)));
        let row = customer_preference::Entity::find_by_id(customer)
            .one(fixture.scratch.database.read())
            .await;
        let row = row.unwrap().unwrap();
        assert_eq!((row.vector, row.earlier_vector), (None, None));
        let exposures = search_exposure::Entity::find()
            .all(fixture.scratch.database.read())
            .await
            .unwrap();
        assert!(!exposures.is_empty());
        assert!(exposures.iter().all(|one| one.customer_id != customer));
        let found = fixture.find(Some(customer), json!({})).await;
        assert_eq!(
            found["personalization"],
            json!({ "mode": "NONE", "boost": 1.0, "variant": "control", "reranked": false })
        );

        // What they do from now on is nobody's.
        let view = json!({ "kind": "VIEW", "productId": public(0) });
        assert_eq!(
            fixture.record(Some(customer), view.clone()).await["recorded"],
            true
        );
        let data = placed(
            Uuid::now_v7(),
            customer,
            &[headphones(0)],
            "2025-10-09T11:00:00Z",
        );
        fixture.order_event("order.placed", data).await;
        let mine = signals(&fixture).await;
        assert_eq!(mine.len(), 53);
        assert_eq!(
            mine.iter().filter(|one| one.customer_id.is_none()).count(),
            2
        );
        fixture.state.compute_preferences().await.unwrap();

        let back = json!({ "optedOut": false, "signals": 0, "mode": "NONE" });
        assert_eq!(set(false).await["personalization"], back);
        assert_eq!(fixture.record(Some(customer), view).await["recorded"], true);
        let back = json!({ "optedOut": false, "signals": 1, "mode": "NONE" });
        assert_eq!(set(false).await["personalization"], back);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_deleted_customer_is_forgotten() {
    for fixture in fixtures(&catalog()).await {
        let customer = fixture.customer_who_likes_headphones(60).await;
        fixture.state.compute_preferences().await.unwrap();
        let data = json!({ "customerId": IdKind::Customer.format(customer) });
        fixture.order_event("customer.deleted", data).await;
        assert_eq!(signals(&fixture).await, []);
        let db = fixture.scratch.database.read();
        let rows = customer_preference::Entity::find().all(db).await.unwrap();
        assert!(
            rows.iter()
                .all(|row| row.vector.is_none() && !row.opted_out)
        );
        sweep_once(
            &fixture.scratch.database,
            fixture.state.clock.now() + Duration::hours(25),
        )
        .await
        .unwrap();
        let rows = customer_preference::Entity::find().all(db).await.unwrap();
        assert_eq!(rows, [], "not even the id is left");

        let again = fixture.customer_who_likes_headphones(60).await;
        fixture.state.forget_customer(again).await.unwrap();
        assert_eq!(signals(&fixture).await, []);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_deletion_forgets_what_was_done_before_it_however_late_either_is_known() {
    for fixture in fixtures(&catalog()).await {
        let name = fixture.scratch.name;
        // A day ago.
        let customer = fixture.customer_who_likes_headphones(3).await;
        let now = fixture.state.clock.now();
        let id = IdKind::Customer.format(customer);
        let deleted = async |at: chrono::DateTime<chrono::Utc>| {
            let data = json!({ "customerId": id, "timestamp": at });
            fixture.order_event("customer.deleted", data).await;
        };
        deleted(now - Duration::days(2)).await;
        assert_eq!(signals(&fixture).await.len(), 3, "{name}");
        let exposure = search_exposure::Model {
            query_id: Uuid::now_v7(),
            customer_id: customer,
            variant: search_exposure::Variant::Control,
            mode: customer_preference::PreferenceMode::None,
            latency_micros: 1,
            exposed_at: now - Duration::hours(13),
            clicked_at: None,
            carted_at: None,
            converted_at: None,
        };
        let db = fixture.scratch.database.write();
        search_exposure::record(db, vec![exposure]).await.unwrap();
        let database = fixture.scratch.database.read_only().await.unwrap().unwrap();
        let export = async || {
            let transaction = database.begin().await.unwrap();
            let mut output = Vec::new();
            let mut document = Export::begin(&mut output, &Map::new()).unwrap();
            document.begin_domain("search").unwrap();
            privacy::export(&transaction, customer, &mut document)
                .await
                .unwrap();
            document.end_domain().unwrap();
            document.end().unwrap();
            transaction.end().await;
            let document: Value = serde_json::from_slice(&output).unwrap();
            let rows = |table: &str| document["domains"]["search"][table].clone();
            (rows("signals"), rows("searches"))
        };
        let (kinds, searches) = export().await;
        assert_eq!(kinds.as_array().unwrap().len(), 3, "{name}");
        assert_eq!(searches[0]["variant"], "control", "{name}");

        // Another one, and its repetition.
        for _ in 0..2 {
            deleted(now - Duration::hours(12)).await;
            assert_eq!(signals(&fixture).await, [], "{name}");
            assert_eq!(export().await, (Value::Null, Value::Null), "{name}");
        }
        // An order from before arrives after it, and one is placed since.
        for (hours, is_theirs) in [(13, false), (11, true)] {
            let at = (now - Duration::hours(hours)).to_rfc3339();
            let data = placed(Uuid::now_v7(), customer, &[headphones(0)], &at);
            fixture.order_event("order.placed", data).await;
            let last = signals(&fixture).await.pop().unwrap();
            assert_eq!(last.customer_id.is_some(), is_theirs, "{name}: {hours}");
        }
        database.close().await;
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn signals_are_kept_for_ninety_days() {
    for fixture in fixtures(&catalog()).await {
        // They are a day old.
        fixture.customer_who_likes_headphones(3).await;
        let sweep = async |days: i64| {
            let now = fixture.state.clock.now() + Duration::days(days);
            sweep_once(&fixture.scratch.database, now).await.unwrap();
            signals(&fixture).await.len()
        };
        assert_eq!(sweep(89).await, 3);
        assert_eq!(sweep(90).await, 0);
        fixture.scratch.drop().await;
    }
}

/// A process with a cache of its own over the fixture's database, and its background work.
fn another_process(fixture: &Fixture, stop: &CancellationToken) -> State {
    let state = State {
        personalization: PersonalizationState::in_process(fixture.state.clock.clone()),
        ..fixture.state.clone()
    };
    let context = WorkerContext::new(
        &state.database,
        Arc::new(InProcessBus::new()),
        state.clock.clone(),
        stop.clone(),
    );
    for mut job in jobs(&state, &context) {
        // Not those that compute: another process does.
        if job.name == "search.preference_changes" {
            tokio::spawn(job.run().boxed());
        }
    }
    state
}

#[tokio::test]
async fn what_one_process_computes_another_one_soon_sees() {
    for fixture in fixtures(&catalog()).await {
        let stop = CancellationToken::new();
        let other = subgraph(another_process(&fixture, &stop));
        let customer = fixture.customer_who_likes_headphones(60).await;
        let mode = async || {
            let document = "{ productSearch(query: \"wireless\") { personalization { mode } } }";
            let answer = execute(&other, Some(customer), document, json!({})).await;
            let mode = &answer["data"]["productSearch"]["personalization"]["mode"];
            mode.as_str().unwrap().to_owned()
        };
        let until = async |expected: &str| {
            let started = std::time::Instant::now();
            while mode().await != expected {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            started.elapsed()
        };
        assert_eq!(mode().await, "NONE", "cached");
        fixture.state.compute_preferences().await.unwrap();
        let limit = std::time::Duration::from_secs(60);
        tokio::time::timeout(limit, until("FULL")).await.unwrap();
        fixture.state.clock.advance(Duration::seconds(1));
        let opt_out = json!({ "optOut": true });
        fixture.ask_as(Some(customer), OPT_OUT, opt_out).await;
        tokio::time::timeout(limit, until("NONE")).await.unwrap();
        stop.cancel();
        fixture.scratch.drop().await;
    }
}
