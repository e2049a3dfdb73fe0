//! Webhooks: signed like each provider's, in order, retried when rejected, and subject to faults.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use platform::config::Duration;
use reqwest::Method;
use sandbox::Config;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::easypost::bought;
use crate::kit::{Kit, Receiver, documented_forms, start};

fn hmac(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A Stripe endpoint for these events; returns its secret.
async fn listen_to_stripe(kit: &Kit, url: &str, events: &str) -> String {
    let form = format!("url={url}&enabled_events[]={events}");
    let (status, endpoint) = kit.stripe_post("/v1/webhook_endpoints", &form).await;
    assert_eq!(status, 200, "{endpoint}");
    endpoint["secret"].as_str().unwrap().to_owned()
}

async fn make_intents(kit: &Kit, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let (_, intent) = kit
            .stripe_post("/v1/payment_intents", "amount=500&currency=usd")
            .await;
        ids.push(intent["id"].as_str().unwrap().to_owned());
    }
    ids
}

fn objects(received: &[crate::kit::Received]) -> Vec<String> {
    received
        .iter()
        .map(|one| {
            one.json()["data"]["object"]["id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn stripes_events_arrive_in_order_with_its_signature() {
    let kit = Kit::start().await;
    let (receiver, url) = Receiver::start(0).await;
    let secret = listen_to_stripe(&kit, &url, "payment_intent.created").await;
    let made = make_intents(&kit, 10).await;
    let received = receiver.wait_for(10).await;
    assert_eq!(objects(&received), made);
    let first = &received[0];
    let timestamp = start().timestamp();
    let signed = format!("{timestamp}.{}", String::from_utf8_lossy(&first.body));
    let expected = format!("t={timestamp},v1={}", hmac(&secret, signed.as_bytes()));
    assert_eq!(first.header("stripe-signature"), expected);
    let (_, event) = kit
        .stripe_get(&format!(
            "/v1/events/{}",
            first.json()["id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(event, first.json());
}

#[tokio::test]
async fn easyposts_scans_arrive_with_its_signature_and_the_carriers_with_theirs() {
    let kit = Kit::start().await;
    let (receiver, url) = Receiver::start(0).await;
    let hook = json!({"webhook": {"url": url, "webhook_secret": "s3cret"}});
    let (status, _) = kit.easypost(Method::POST, "/v2/webhooks", hook).await;
    assert_eq!(status, 201);
    let (carrier, carrier_url) = Receiver::start(0).await;
    kit.control(
        "/_control/webhooks",
        json!({"provider": "ups", "url": carrier_url, "secret": "ups"}),
    )
    .await;

    let shipment = bought(&kit, "UPS").await;
    let code = shipment["tracking_code"].as_str().unwrap();
    let path = format!("/_control/shipments/{code}/scan");
    kit.control(&path, json!({"kind": "pickup"})).await;
    let received = receiver.wait_for(2).await;
    let scan = &received[1];
    assert_eq!(
        scan.header("x-hmac-signature"),
        format!("hmac-sha256-hex={}", hmac("s3cret", &scan.body))
    );
    let event = scan.json();
    assert_eq!(event["description"], "tracker.updated");
    assert_eq!(
        event["previous_attributes"],
        json!({"status": "pre_transit"})
    );
    assert_eq!(event["result"]["tracking_code"], code);
    assert_eq!(event["result"]["status"], "in_transit");

    let told = &carrier.wait_for(1).await[0];
    assert_eq!(
        told.header("x-hmac-signature"),
        format!("hmac-sha256-hex={}", hmac("ups", &told.body))
    );
    let package = &told.json()["trackResponse"]["shipment"][0]["package"][0];
    assert_eq!(package["currentStatus"]["code"], "P");
}

#[tokio::test]
async fn what_is_refused_is_sent_again_and_what_comes_after_does_not_wait() {
    let kit = Kit::with(Config {
        webhook_retry: Duration::from_millis(1),
        ..documented_forms()
    })
    .await;
    let (receiver, url) = Receiver::start(3).await;
    listen_to_stripe(&kit, &url, "*").await;
    let made = make_intents(&kit, 3).await;
    let received: BTreeSet<_> = objects(&receiver.wait_for(3).await).into_iter().collect();
    assert_eq!(received, made.into_iter().collect());
}

#[tokio::test]
async fn duplicates_carry_the_same_event() {
    let kit = Kit::start().await;
    let (receiver, url) = Receiver::start(0).await;
    listen_to_stripe(&kit, &url, "*").await;
    let rule = json!({"provider": "stripe", "event": "payment_intent.*", "effect": {"kind": "duplicate", "times": 5}});
    kit.control("/_control/faults", rule).await;
    make_intents(&kit, 2).await;
    let received = receiver.wait_for(10).await;
    let events: BTreeSet<_> = received
        .iter()
        .map(|one| one.json()["id"].to_string())
        .collect();
    assert_eq!((received.len(), events.len()), (10, 2));
}

#[tokio::test]
async fn reordered_webhooks_all_arrive_in_another_order_that_follows_from_the_seed() {
    let mut orders = Vec::new();
    for _ in 0..2 {
        let kit = Kit::start().await;
        let (receiver, url) = Receiver::start(0).await;
        listen_to_stripe(&kit, &url, "*").await;
        let effect = json!({"kind": "reorder", "window": 8, "hold": "1h"});
        kit.control("/_control/faults", json!({"effect": effect}))
            .await;
        let made = make_intents(&kit, 8).await;
        let arrived = objects(&receiver.wait_for(8).await);
        assert_ne!(arrived, made);
        let set = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(set(&arrived), set(&made));
        orders.push(arrived);
    }
    assert_eq!(orders[0], orders[1]);
}

#[tokio::test]
async fn what_is_held_back_is_sent_when_its_time_is_over_and_what_is_dropped_never() {
    let kit = Kit::start().await;
    let (receiver, url) = Receiver::start(0).await;
    listen_to_stripe(&kit, &url, "*").await;
    kit.control(
        "/_control/faults",
        json!({"next": 1, "effect": {"kind": "drop"}}),
    )
    .await;
    let dropped = make_intents(&kit, 1).await;
    let effect = json!({"kind": "reorder", "window": 100, "hold": "10ms"});
    kit.control("/_control/faults", json!({"effect": effect}))
        .await;
    let made = make_intents(&kit, 1).await;
    assert_eq!(objects(&receiver.wait_for(1).await), made);
    let (_, told) = crate::kit::answer(kit.request(Method::GET, "/_control/webhooks")).await;
    let deliveries = told["deliveries"].as_array().unwrap();
    assert_eq!(deliveries[0]["dropped"], true);
    assert_eq!(dropped.len(), 1);
}

#[tokio::test]
async fn an_endpoint_can_be_deleted() {
    let kit = Kit::start().await;
    let (_, url) = Receiver::start(0).await;
    let hook = json!({"webhook": {"url": url}});
    let (_, hook) = kit.easypost(Method::POST, "/v2/webhooks", hook).await;
    let path = format!("/v2/webhooks/{}", hook["id"].as_str().unwrap());
    assert_eq!(
        kit.easypost(Method::DELETE, &path, Value::Null).await.0,
        200
    );
    assert_eq!(kit.easypost(Method::GET, &path, Value::Null).await.0, 404);
}
