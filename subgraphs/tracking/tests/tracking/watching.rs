//! Who may watch, for how long, and starting where.

use std::time::Duration;

use chrono::TimeDelta;
use platform::caller::Caller;
use platform::flags::{EvaluationContext, FlagFile, Flags};
use platform::supervisor::Supervisor;
use resolvers::id::IdKind;
use serde_json::{Value, json};
use tracking::TrackingStatus::{Delivered, InTransit, OutForDelivery, Shipped};
use tracking::{GuestScope, subgraph};
use uuid::Uuid;

use crate::fixture::{Fixture, SubscriptionSource, at, fixtures, seen};

fn token(fixture: &Fixture, scope: GuestScope) -> String {
    let now = fixture.state.clock.now();
    let links = &fixture.state.guest_links;
    links.mint(scope, now, TimeDelta::hours(1)).unwrap()
}

fn by_token(fixture: &Fixture, token: &str) -> SubscriptionSource {
    let document = "subscription($token: String!) {
        updates: orderTrackingByToken(token: $token) { sequence snapshot status } }";
    let variables = json!({ "token": token });
    SubscriptionSource::ask(&fixture.subgraph, Caller::default(), document, variables)
}

fn after(fixture: &Fixture, order: Uuid, after: i32) -> SubscriptionSource {
    let caller = Caller::customer(IdKind::Customer.format(fixture.customer));
    let variables = json!({ "order": IdKind::Order.format(order), "after": after });
    let document = "subscription($order: ID!, $after: Int) {
        updates: orderTracking(orderId: $order, after: $after) { sequence snapshot status } }";
    SubscriptionSource::ask(&fixture.subgraph, caller, document, variables)
}

async fn refusal(mut watch: SubscriptionSource) -> Value {
    watch.answer().await["errors"][0]["extensions"]["code"].clone()
}

#[tokio::test]
async fn a_guests_link_opens_the_live_updates_of_its_order_alone_until_it_expires() {
    for fixture in fixtures().await {
        let (own, other) = (fixture.ship().await, fixture.ship().await);
        let link = token(&fixture, GuestScope::Order(own.order_id));
        let mut watch = by_token(&fixture, &link);
        assert_eq!(watch.update().await["snapshot"], true);
        let place = "Chicago IL";
        fixture
            .record_event(&other, &seen(Shipped, place, at(10, 0)))
            .await;
        fixture
            .record_event(&own, &seen(InTransit, place, at(10, 5)))
            .await;
        let update = watch.update().await;
        assert_eq!(update["status"], "IN_TRANSIT", "{}", fixture.scratch.name);

        let parcel = token(&fixture, GuestScope::Shipment(own.id));
        assert_eq!(refusal(by_token(&fixture, &parcel)).await, "FORBIDDEN");
        assert_eq!(
            refusal(by_token(&fixture, "forged")).await,
            "BAD_USER_INPUT"
        );
        fixture.state.clock.advance(TimeDelta::hours(1));
        fixture.state.entitlement_checks.now();
        assert_eq!(watch.last_error().await, "UNAUTHENTICATED");
        assert_eq!(refusal(by_token(&fixture, &link)).await, "UNAUTHENTICATED");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_owner_of_an_order_can_give_its_link_away_and_nobody_else_can() {
    for fixture in fixtures().await {
        let parcel = fixture.ship().await;
        let document = "query($order: ID!) { _entities(representations: [{ __typename: \"Order\", id: $order }]) { ... on Order { trackingToken } } }";
        let variables = json!({ "order": IdKind::Order.format(parcel.order_id) });
        let answer = fixture.ask(document, variables.clone()).await;
        let token = answer["data"]["_entities"][0]["trackingToken"].clone();
        let mut watch = by_token(&fixture, token.as_str().expect("a token"));
        assert_eq!(watch.update().await["snapshot"], true);

        let other = Some(Uuid::now_v7());
        let answer =
            resolvers::testing::execute(&fixture.subgraph, other, document, variables).await;
        assert_eq!(answer["data"]["_entities"][0]["trackingToken"], Value::Null);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn switched_off_live_updates_end_for_those_whom_the_rules_mean_and_are_refused_from_then_on()
{
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("flags.yaml");
    let write = |targeting: &str| {
        let text = format!(
            "flags: {{ realtime_order_tracking: {{ state: ENABLED, variants: {{ on: true, off: false }}, defaultVariant: on, targeting: {targeting} }} }}"
        );
        std::fs::write(&file, text).unwrap();
    };
    for mut fixture in fixtures().await {
        write("{}");
        let provider = FlagFile::open(&file, Duration::from_millis(10), &Supervisor::new())
            .await
            .unwrap();
        fixture.state.flags = Flags::of(provider, EvaluationContext::default()).await;
        fixture.subgraph = subgraph(fixture.state.clone());
        let dhl = fixture.ship().await;
        let mut ups = crate::fixture::parcel(Uuid::now_v7(), fixture.customer);
        ups.carrier = tracking::Carrier::Ups;
        fixture.insert(ups.clone()).await;
        let mut watches = [fixture.watch(dhl.order_id), fixture.watch(ups.order_id)];
        for watch in &mut watches {
            watch.update().await;
        }
        write("{ if: [{ ==: [{ var: carrier }, dhl] }, off] }");
        // The file is reloaded within a moment; the next check ends the subscription.
        let [mut off, mut on] = watches;
        let asking = tokio::spawn({
            let entitlement_checks = fixture.state.entitlement_checks.clone();
            async move {
                loop {
                    entitlement_checks.now();
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        });
        assert_eq!(off.last_error().await, "FEATURE_DISABLED");
        asking.abort();
        assert_eq!(refusal(fixture.watch(dhl.order_id)).await, "FORBIDDEN");
        fixture
            .record_event(&ups, &seen(Shipped, "Chicago IL", at(10, 0)))
            .await;
        assert_eq!(on.update().await["status"], "SHIPPED");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn who_comes_back_is_told_what_was_missed_in_place_of_the_snapshot() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        for (minute, status) in (0..).zip([Shipped, InTransit, OutForDelivery, Delivered]) {
            let told = seen(status, "Chicago IL", at(10, minute));
            fixture.record_event(&row, &told).await;
        }
        let mut watch = after(&fixture, row.order_id, 2);
        for (sequence, status) in [(3, "OUT_FOR_DELIVERY"), (4, "DELIVERED")] {
            let expected = json!({ "sequence": sequence, "snapshot": false, "status": status });
            assert_eq!(watch.update().await, expected, "{}", fixture.scratch.name);
        }
        // An unknown number: the current state is sent.
        for unknown in [9, -5] {
            let update = after(&fixture, row.order_id, unknown).update().await;
            assert_eq!(update["snapshot"], true, "{unknown}: {update}");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_guest_who_asks_for_the_order_gets_none_and_the_updates_all_the_same() {
    for fixture in fixtures().await {
        let own = fixture.ship().await;
        let link = token(&fixture, GuestScope::Order(own.order_id));
        let document =
            "subscription($token: String!) { updates: orderTrackingByToken(token: $token) {
            status order { id shipments { status } } shipment { order { id } } } }";
        let stranger = Caller::customer(IdKind::Customer.format(Uuid::now_v7()));
        for caller in [Caller::default(), stranger] {
            let variables = json!({ "token": link });
            let mut watch = SubscriptionSource::ask(&fixture.subgraph, caller, document, variables);
            let expected =
                json!({ "status": "LABEL_CREATED", "order": null, "shipment": { "order": null } });
            assert_eq!(watch.update().await, expected);
        }
        fixture.scratch.drop().await;
    }
}
