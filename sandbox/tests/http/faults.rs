//! Faults affect the intended calls, before or after the effect.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Kit, answer};

async fn fault(kit: &Kit, rule: Value) {
    kit.control("/_control/faults", rule).await;
}

async fn intents(kit: &Kit) -> usize {
    let (_, list) = kit.stripe_get("/v1/payment_intents").await;
    list["data"].as_array().unwrap().len()
}

const INTENT: &str = "amount=500&currency=usd";

#[tokio::test]
async fn a_status_comes_in_the_providers_own_words_and_only_so_often() {
    let kit = Kit::start().await;
    fault(
        &kit,
        json!({"next": 1, "provider": "dhl", "effect": {"kind": "status", "status": 429, "retry_after": 7}}),
    )
    .await;
    fault(
        &kit,
        json!({"next": 1, "provider": "stripe", "effect": {"kind": "status", "status": 503}}),
    )
    .await;
    let ask = || {
        kit.request(Method::GET, "/track/shipments?trackingNumber=DHL1")
            .header("DHL-API-Key", "key")
    };
    let limited = ask().send().await.unwrap();
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    assert_eq!(
        limited.json::<Value>().await.unwrap()["title"],
        "Too Many Requests"
    );
    assert_eq!(answer(ask()).await.0, 200);

    let (status, failed) = kit.stripe_get("/v1/refunds").await;
    assert_eq!(
        (status, &failed["error"]["type"]),
        (503, &json!("api_error"))
    );
    assert_eq!(kit.stripe_get("/v1/refunds").await.0, 200);
    let calls = kit.calls("stripe").await;
    assert_eq!(
        (&calls[0]["faults"], &calls[0]["status"]),
        (&json!(["status"]), &json!(503))
    );
}

#[tokio::test]
async fn a_fault_before_leaves_no_effect_and_one_after_leaves_it() {
    let kit = Kit::start().await;
    let create = || {
        answer(
            kit.stripe_form("/v1/payment_intents", INTENT)
                .header("idempotency-key", "order-1"),
        )
    };
    for (moment, left) in [("before", 0), ("after", 1)] {
        fault(
            &kit,
            json!({"next": 1, "method": "POST", "path": "/v1/payment_intents", "effect": {"kind": "status", "status": 500, "moment": moment}}),
        )
        .await;
        assert_eq!(create().await.0, 500);
        assert_eq!(intents(&kit).await, left, "{moment}");
    }
    // The caller did not receive it, but the key has it.
    assert_eq!(create().await.0, 200);
    assert_eq!(intents(&kit).await, 1);
}

#[tokio::test]
async fn a_cut_body_breaks_off_after_its_effect() {
    let kit = Kit::start().await;
    fault(
        &kit,
        json!({"next": 1, "path": "/v1/payment_intents", "effect": {"kind": "truncate", "bytes": 10}}),
    )
    .await;
    let response = kit
        .stripe_form("/v1/payment_intents", INTENT)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
    assert_eq!(intents(&kit).await, 1);
}

#[tokio::test]
async fn a_hanging_call_holds_its_key_until_the_caller_gives_up() {
    let kit = Kit::start().await;
    fault(
        &kit,
        json!({"next": 1, "path": "/v1/payment_intents", "effect": {"kind": "hang"}}),
    )
    .await;
    let send = || {
        kit.stripe_form("/v1/payment_intents", INTENT)
            .header("idempotency-key", "order-1")
    };
    let hanging = tokio::spawn(send().send());
    // The first must have arrived before the second is sent.
    let sent = Instant::now();
    while kit.calls("stripe").await.is_empty() {
        assert!(sent.elapsed() < crate::kit::PATIENCE, "it never arrived");
        tokio::task::yield_now().await;
    }
    let (status, refused) = answer(send()).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (409, &json!("idempotency_key_in_use"))
    );
    hanging.abort();
    let gave_up = Instant::now();
    while answer(send()).await.0 == 409 {
        assert!(
            gave_up.elapsed() < crate::kit::PATIENCE,
            "the key is still held"
        );
    }
    assert_eq!(intents(&kit).await, 1);
}

#[tokio::test]
async fn a_delay_takes_its_time_and_then_all_is_well() {
    let kit = Kit::start().await;
    fault(
        &kit,
        json!({"next": 1, "provider": "exchange_rates", "effect": {"kind": "delay", "by": "150ms"}}),
    )
    .await;
    let ask = || answer(kit.request(Method::GET, "/api/latest.json?app_id=a"));
    let asked = Instant::now();
    assert_eq!(ask().await.0, 200);
    assert!(asked.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn faults_can_be_listed_removed_and_reset() {
    let kit = Kit::start().await;
    for _ in 0..2 {
        fault(&kit, json!({"provider": "ups", "effect": {"kind": "hang"}})).await;
    }
    let list = async || {
        let (_, told) = answer(kit.request(Method::GET, "/_control/faults")).await;
        told["faults"].as_array().unwrap().len()
    };
    assert_eq!(list().await, 2);
    assert_eq!(
        answer(kit.request(Method::DELETE, "/_control/faults/1"))
            .await
            .0,
        204
    );
    assert_eq!(
        answer(kit.request(Method::DELETE, "/_control/faults/1"))
            .await
            .0,
        404
    );
    assert_eq!(list().await, 1);
    kit.stripe_post("/v1/payment_intents", INTENT).await;
    assert_eq!(
        answer(kit.request(Method::DELETE, "/_control")).await.0,
        204
    );
    assert_eq!((list().await, kit.calls("stripe").await.len()), (0, 0));
    assert_eq!(intents(&kit).await, 0);

    let wrong = json!({"effect": {"kind": "explode"}});
    let (status, told) = answer(kit.request(Method::POST, "/_control/faults").json(&wrong)).await;
    assert_eq!(status, 400);
    assert!(
        told["error"].as_str().unwrap().contains("explode"),
        "{told}"
    );
}
