//! `returnLabelGenerate` on each database: one label for each return, bought once.

use std::time::Duration;

use chrono::TimeDelta;
use futures::future::join_all;
use platform::clock::Clock;
use platform::tables::{idempotency_key, task};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use resolvers::id::IdKind;
use resolvers::testing::{code, execute};
use returns::rules::status::ReturnStatus;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::{Desk, desks, desks_at, public};
use crate::fixture::{
    CUSTOMER, STRANGER, StoredReturn, fixtures, monitor, monitor_order, now, stored,
};
use crate::providers::{Fault, tracking};

const LABEL: &str = "mutation($id: ID!, $key: String!) {
  returnLabelGenerate(id: $id, idempotencyKey: $key) {
    return {
      status nextStep fallbackDeadline timeline { event }
      label { url carrier trackingNumber estimatedCost { amount currency } returnAddress expiresAt }
    }
    labelStatus
    userErrors { code field }
  }
}";

const CANCEL: &str = "mutation($id: ID!) {
  returnCancel(id: $id, idempotencyKey: \"c\") { return { status label { url } } userErrors { code } }
}";

const CREATE: &str = "POST /v2/shipments";
const BUY: &str = "POST /v2/shipments/*/buy";
const VOID: &str = "POST /v2/shipments/*/refund";

/// A newly created return.
pub(crate) fn made(number: u128) -> StoredReturn {
    let mut made = stored(700 + number, CUSTOMER, monitor_order().id, monitor().id, 1);
    let row = &mut made.row;
    row.status = ReturnStatus::Initiated;
    row.shipping_refunded = false;
    for text in [
        &mut row.label_shipment_id,
        &mut row.label_object,
        &mut row.label_url,
        &mut row.label_carrier,
        &mut row.tracking_number,
        &mut row.label_cost_currency,
        &mut row.label_return_address,
    ] {
        *text = None;
    }
    row.label_cost = None;
    row.label_generated_at = None;
    row.label_expires_at = None;
    made.events.truncate(1);
    made.events[0].event = "return_initiated".to_owned();
    made.events[0].occurred_at = row.created_at;
    made
}

fn id(number: u128) -> Uuid {
    made(number).row.id
}

/// Requests a label once.
async fn want(desk: &Desk, number: u128, key: &str) -> Value {
    let variables = json!({ "id": public(id(number)), "key": key });
    desk.fixture.ask(LABEL, variables).await
}

/// Requests a label until it is no longer pending.
async fn label(desk: &Desk, number: u128, key: &str) -> Value {
    loop {
        let answer = want(desk, number, key).await;
        if payload(&answer)["labelStatus"] != "PENDING" {
            return answer;
        }
    }
}

fn payload(answer: &Value) -> &Value {
    &answer["data"]["returnLabelGenerate"]
}

#[tokio::test]
async fn a_label_is_bought_once_kept_and_handed_out_for_fourteen_days() {
    let clock = Clock::manual(now());
    for desk in desks_at(&[monitor_order()], &clock).await {
        desk.fixture.store(vec![made(1)]).await;
        let answer = label(&desk, 1, "k").await;
        let labelled = &payload(&answer)["return"];
        assert_eq!(
            labelled["nextStep"], "Print label and drop off package at any USPS location",
            "{answer:#}"
        );
        assert_eq!(labelled["status"], "LABEL_GENERATED");
        assert_eq!(
            labelled["timeline"],
            json!([{"event": "return_initiated"}, {"event": "label_generated"}])
        );
        let mut shown = labelled["label"].clone();
        let url = shown["url"].take();
        let expires_at = desk.row(id(1)).await.label_expires_at.unwrap();
        assert_eq!(
            expires_at - desk.fixture.state.clock.now(),
            TimeDelta::days(14)
        );
        assert_eq!(shown["expiresAt"].take().as_str().map(str::len), Some(24));
        assert_eq!(
            shown,
            json!({
                "url": null, "expiresAt": null, "carrier": "USPS", "trackingNumber": tracking(1),
                "estimatedCost": {"amount": "7.61", "currency": "USD"},
                "returnAddress": "Vantage Commerce Returns Center, 500 Warehouse Drive, Louisville KY 40218",
            })
        );
        let url = url.as_str().unwrap();
        let folder = "http://shop.test/objects/vantage-return-labels/";
        assert!(url.starts_with(folder), "{url}");
        let (status, file) = desk.follow(url).await;
        assert_eq!(
            (status.as_u16(), &file[..]),
            (200, &b"%PDF-1.4 a label"[..])
        );

        for key in ["k", "another"] {
            assert_eq!(
                payload(&label(&desk, 1, key).await),
                payload(&answer),
                "{key}"
            );
        }
        assert_eq!(desk.providers.shipments(), [(public(id(1)), true, false)]);
        assert_eq!(desk.count("return.label_generated").await, 1);
        desk.stop().await;
    }
}

#[tokio::test]
async fn the_same_key_from_64_callers_at_once_buys_one_label() {
    for desk in desks(&[monitor_order()]).await {
        desk.fixture.store(vec![made(1)]).await;
        let answers = join_all((0..64).map(|_| label(&desk, 1, "k"))).await;
        for answer in &answers {
            assert_eq!(answer, &answers[0]);
            assert_eq!(payload(answer)["return"]["status"], "LABEL_GENERATED");
        }
        assert_eq!(desk.providers.calls(CREATE), 1);
        assert_eq!(desk.providers.calls(BUY), 1);
        desk.stop().await;
    }
}

#[tokio::test]
async fn labels_that_take_long_are_answered_as_pending_and_arrive_by_query() {
    const LABELS: u128 = 12;
    for desk in desks(&[monitor_order()]).await {
        let returns = (1..=LABELS).map(made);
        desk.fixture.store(returns.collect()).await;
        desk.providers.hold_shipments(true);
        let key = |number: u128| number.to_string();
        let wanted = (1..=LABELS).map(async |number| want(&desk, number, &key(number)).await);
        let answers = join_all(wanted).await;
        for answer in &answers {
            assert_eq!(answer["errors"], Value::Null, "{answer}");
            let payload = payload(answer);
            assert_eq!(payload["labelStatus"], "PENDING");
            assert_eq!(payload["userErrors"], json!([]));
            assert_eq!(payload["return"]["status"], "INITIATED");
            assert_eq!(payload["return"]["label"], Value::Null);
        }
        desk.providers.hold_shipments(false);
        // No further request is made and no worker runs: the first requests continue.
        for number in 1..=LABELS {
            let arrived = desk.until_status(id(number), ReturnStatus::LabelGenerated);
            arrived.await;
        }
        let query = "query($id: ID!) { return(id: $id) { label { carrier } } }";
        let variables = json!({ "id": public(id(1)) });
        let read = desk.fixture.ask(query, variables).await;
        assert_eq!(read["data"]["return"]["label"]["carrier"], "USPS");
        let again = want(&desk, 1, &key(1)).await;
        assert_eq!(payload(&again)["labelStatus"], "READY");
        desk.stop().await;
    }
}

#[tokio::test]
async fn what_fails_at_the_provider_goes_on_where_it_was_and_buys_once() {
    let all = [Fault::After(502), Fault::Cut, Fault::After(504)];
    for (operation, faults, fails_first) in [
        (CREATE, &[Fault::Before(503)][..], false),
        (CREATE, &[Fault::Before(500); 3], true),
        (BUY, &[Fault::Before(429), Fault::After(502)], false),
        (BUY, &all, true),
        (BUY, &[Fault::Cut], false),
    ] {
        for mut desk in desks(&[monitor_order()]).await {
            desk.fixture.store(vec![made(1)]).await;
            desk.providers.fail(operation, faults);
            if fails_first {
                let answer = want(&desk, 1, "k").await;
                assert_eq!(payload(&answer)["labelStatus"], "PENDING", "{answer}");
                assert_eq!(payload(&answer)["return"]["status"], "INITIATED");
                // It continues without the customer.
                desk.work();
            } else {
                label(&desk, 1, "k").await;
            }
            desk.until_status(id(1), ReturnStatus::LabelGenerated).await;
            let again = label(&desk, 1, "k").await;
            assert_eq!(
                payload(&again)["return"]["label"]["trackingNumber"]
                    .as_str()
                    .map(str::len),
                Some(22)
            );
            let shipments = desk.providers.shipments();
            let bought = shipments.iter().filter(|(_, bought, _)| *bought);
            assert_eq!(bought.count(), 1, "{operation} {faults:?}");
            desk.stop().await;
        }
    }
}

#[tokio::test]
async fn a_label_that_could_not_be_stored_arrives_by_itself_however_often_it_was_asked_for() {
    let clock = Clock::manual(now());
    for mut desk in desks_at(&[monitor_order()], &clock).await {
        desk.fixture.store(vec![made(1)]).await;
        // A file where the folder belongs.
        let folder = desk.fixture.files.path().join("vantage-return-labels");
        std::fs::write(&folder, "").unwrap();
        let mut schedule = None;
        for key in ["a", "b", "c", "d", "e"] {
            let answer = want(&desk, 1, key).await;
            assert_eq!(payload(&answer)["labelStatus"], "PENDING", "{answer}");
            let db = desk.fixture.scratch.database.read();
            let task = task::find(db, "label", id(1)).await.unwrap().unwrap();
            assert_eq!(task.attempts, 1);
            let due_at = *schedule.get_or_insert(task.due_at);
            assert_eq!(task.due_at, due_at, "{}", desk.fixture.scratch.name);
        }
        std::fs::remove_file(&folder).unwrap();
        clock.advance(TimeDelta::seconds(1));
        desk.work();
        desk.until_status(id(1), ReturnStatus::LabelGenerated).await;
        assert_eq!(desk.providers.calls(BUY), 1);
        desk.stop().await;
    }
}

#[tokio::test]
async fn work_on_labels_that_is_cut_off_anywhere_buys_each_once() {
    // EasyPost limits calls per minute, and a request's client waits for that.
    const RETURNS: u128 = 8;
    for mut desk in desks(&[monitor_order()]).await {
        let mut random = ChaCha8Rng::seed_from_u64(11);
        desk.fixture.store((1..=RETURNS).map(made).collect()).await;
        for number in 1..=RETURNS {
            let wait = Duration::from_micros(random.random_range(0..20_000));
            // Customers who disconnect, and jobs that are interrupted.
            let asked =
                tokio::time::timeout(wait, label(&desk, number, &format!("k{number}"))).await;
            desk.work();
            tokio::time::sleep(wait / 2).await;
            desk.cut().await;
            if let Ok(answer) = asked {
                assert!(answer.get("errors").is_none(), "{answer:#}");
            }
        }
        desk.work();
        for number in 1..=RETURNS {
            // Requests interrupted before they were recorded are repeated.
            label(&desk, number, &format!("again{number}")).await;
            desk.until_status(id(number), ReturnStatus::LabelGenerated)
                .await;
        }
        let shipments = desk.providers.shipments();
        let mut bought: Vec<_> = shipments
            .iter()
            .filter(|(_, bought, _)| *bought)
            .map(|(reference, ..)| reference.clone())
            .collect();
        bought.sort();
        let mut expected: Vec<_> = (1..=RETURNS).map(|number| public(id(number))).collect();
        expected.sort();
        assert_eq!(bought, expected, "{}", desk.fixture.scratch.name);
        assert_eq!(desk.count("return.label_generated").await as u128, RETURNS);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_label_without_a_plausible_rate_is_not_bought_and_a_person_looks() {
    for (cents, reason) in [
        (99, "label_rate"),
        (5_001, "label_rate"),
        (761, "label_refused"),
    ] {
        for desk in desks(&[monitor_order()]).await {
            desk.fixture.store(vec![made(1)]).await;
            desk.providers.set_rates(cents);
            if reason == "label_refused" {
                desk.fixture.orders.lose_addresses();
            }
            let answer = label(&desk, 1, "k").await;
            let reviewed = &payload(&answer)["return"];
            assert_eq!(reviewed["status"], "MANUAL_REVIEW", "{answer:#}");
            assert_eq!(reviewed["label"], Value::Null);
            assert_eq!(desk.providers.calls(BUY), 0);
            let published = desk.published().await;
            assert_eq!(published[0].0, "return.manual_review");
            assert_eq!(published[0].1["reason"], reason);
            desk.stop().await;
        }
    }
}

#[tokio::test]
async fn the_label_of_a_cancelled_return_is_given_back_and_its_file_forgotten() {
    for mut desk in desks(&[monitor_order()]).await {
        desk.fixture.store(vec![made(1)]).await;
        let answer = label(&desk, 1, "k").await;
        let url = payload(&answer)["return"]["label"]["url"].as_str().unwrap();
        // More often than the client retries by itself.
        desk.providers.fail(VOID, &[Fault::Before(503); 4]);
        let cancelled = desk
            .fixture
            .ask(CANCEL, json!({ "id": public(id(1)) }))
            .await;
        assert_eq!(
            cancelled["data"]["returnCancel"],
            json!({"return": {"status": "CANCELLED", "label": null}, "userErrors": []})
        );
        desk.work();
        desk.until(id(1), |row| row.label_voided_at.is_some()).await;
        assert_eq!(desk.providers.shipments(), [(public(id(1)), true, true)]);
        assert_eq!(desk.follow(url).await.0, 404);

        for key in ["later", "k"] {
            let after = label(&desk, 1, key).await;
            assert_eq!(
                payload(&after),
                &json!({"return": null, "labelStatus": null, "userErrors": [{"code": "RETURN_CANCELLED", "field": ["id"]}]})
            );
        }
        // The key of the refused request is free again; those of the label and the cancellation are not.
        assert_eq!(desk.fixture.count::<idempotency_key::Entity>().await, 2);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_label_that_the_provider_does_not_know_is_reported_to_support_and_not_looked_up_again() {
    for mut desk in desks(&[monitor_order()]).await {
        desk.fixture.store(vec![made(1)]).await;
        label(&desk, 1, "k").await;
        desk.providers.forget_shipments();
        let input = json!({ "id": public(id(1)) });
        desk.fixture.ask(CANCEL, input).await;
        desk.work();
        desk.until(id(1), |row| row.label_voided_at.is_some()).await;
        assert_eq!(desk.providers.calls(VOID), 0);
        let published = desk.published().await;
        let alert = published
            .iter()
            .find(|(name, _)| name == "return.support_alert");
        assert_eq!(alert.unwrap().1["reason"], "label_unknown");
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_link_that_has_expired_is_made_anew_while_the_label_is_needed() {
    let clock = Clock::manual(now());
    for desk in desks_at(&[monitor_order()], &clock).await {
        desk.fixture.store(vec![made(1)]).await;
        let answer = label(&desk, 1, "k").await;
        let url = payload(&answer)["return"]["label"]["url"].clone();
        clock.advance(TimeDelta::days(14) - TimeDelta::seconds(1));
        assert_eq!(desk.follow(url.as_str().unwrap()).await.0, 200);
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(desk.follow(url.as_str().unwrap()).await.0, 403);
        let renewed = label(&desk, 1, "k").await;
        let fresh = payload(&renewed)["return"]["label"]["url"]
            .as_str()
            .unwrap();
        assert_ne!(fresh, url);
        assert_eq!(desk.follow(fresh).await.0, 200);
        assert_eq!(desk.providers.calls(BUY), 1);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_label_is_for_its_customer_and_needs_a_provider() {
    for fixture in fixtures(&[monitor_order()]).await {
        fixture.store(vec![made(1)]).await;
        let variables = |id| json!({ "id": IdKind::Return.format(id), "key": "k" });
        let visitor = execute(&fixture.subgraph, None, LABEL, variables(id(1))).await;
        assert_eq!(code(&visitor), "UNAUTHENTICATED");
        let stranger = execute(&fixture.subgraph, Some(STRANGER), LABEL, variables(id(1))).await;
        assert_eq!(code(&stranger), "FORBIDDEN");
        let missing = fixture.ask(LABEL, variables(Uuid::from_u128(1))).await;
        assert_eq!(code(&missing), "NOT_FOUND");
        let nobody = fixture.ask(LABEL, variables(id(1))).await;
        assert_eq!(code(&nobody), "SUBGRAPH_UNAVAILABLE");
        fixture.scratch.drop().await;
    }
}
