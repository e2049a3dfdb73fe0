//! Stripe: authorized payments, captured at once or in parts, and authorizations that end.

use chrono::Duration;
use serde_json::{Value, json};

use crate::kit::Kit;

const MANUAL: &str = "amount=900&currency=usd&confirm=true&payment_method=pm_card_visa&capture_method=manual&expand[]=latest_charge";
const IN_PARTS: &str = "&payment_method_options[card][request_multicapture]=if_available";

async fn authorized(kit: &Kit, options: &str) -> (String, Value) {
    let form = format!("{MANUAL}{options}");
    let (status, intent) = kit.stripe_post("/v1/payment_intents", &form).await;
    assert_eq!(
        (status, &intent["status"]),
        (200, &json!("requires_capture"))
    );
    let id = intent["id"].as_str().unwrap();
    (format!("/v1/payment_intents/{id}"), intent)
}

#[tokio::test]
async fn a_payment_is_captured_in_parts_if_that_was_requested() {
    let kit = Kit::start().await;
    let (path, intent) = authorized(&kit, IN_PARTS).await;
    let card = &intent["latest_charge"]["payment_method_details"]["card"];
    assert_eq!(card["multicapture"]["status"], "available");
    let capture = format!("{path}/capture");
    let first = "amount_to_capture=300&final_capture=false";
    let (_, first) = kit.stripe_post(&capture, first).await;
    let amounts = |intent: &Value| {
        let amount = |name: &str| intent[name].as_i64().unwrap();
        (amount("amount_received"), amount("amount_capturable"))
    };
    assert_eq!(
        (&first["status"], amounts(&first)),
        (&json!("requires_capture"), (300, 600))
    );
    let (status, refused) = kit.stripe_post(&capture, "amount_to_capture=601").await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (400, &json!("amount_too_large"))
    );
    let rest = "amount_to_capture=600&final_capture=true";
    let (_, rest) = kit.stripe_post(&capture, rest).await;
    assert_eq!(
        (&rest["status"], amounts(&rest)),
        (&json!("succeeded"), (900, 0))
    );
    let (status, refused) = kit.stripe_post(&capture, "").await;
    assert_eq!(status, 400);
    assert_eq!(refused["error"]["code"], "payment_intent_unexpected_state");
}

#[tokio::test]
async fn without_a_request_a_payment_is_captured_once_and_its_rest_released() {
    let kit = Kit::start().await;
    let (path, intent) = authorized(&kit, "").await;
    let card = &intent["latest_charge"]["payment_method_details"]["card"];
    assert_eq!(card["multicapture"]["status"], "unavailable");
    let capture = format!("{path}/capture");
    let part = "amount_to_capture=300&final_capture=false";
    let (status, refused) = kit.stripe_post(&capture, part).await;
    assert_eq!(
        (status, &refused["error"]["param"]),
        (400, &json!("final_capture"))
    );
    let (_, captured) = kit.stripe_post(&capture, "amount_to_capture=300").await;
    assert_eq!(captured["status"], "succeeded");
    assert_eq!(captured["amount_capturable"], 0);
}

#[tokio::test]
async fn an_authorization_ends_after_a_week() {
    let kit = Kit::start().await;
    let (path, _) = authorized(&kit, IN_PARTS).await;
    kit.clock.advance(Duration::days(7) - Duration::seconds(1));
    let (_, intent) = kit.stripe_get(&path).await;
    assert_eq!(intent["status"], "requires_capture");
    kit.clock.advance(Duration::seconds(1));
    let (_, intent) = kit.stripe_get(&path).await;
    assert_eq!(intent["status"], "canceled");
    assert_eq!(intent["cancellation_reason"], "automatic");
}
