//! Open Exchange Rates and Firebase Cloud Messaging.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Kit, answer};

async fn latest(kit: &Kit, query: &str) -> (u16, Value) {
    let path = format!("/api/latest.json?app_id=app&{query}");
    answer(kit.request(Method::GET, &path)).await
}

#[tokio::test]
async fn rates_are_of_the_dollar_for_the_currencies_that_are_asked() {
    let kit = Kit::start().await;
    let (status, told) = latest(&kit, "symbols=EUR,JPY,XXX").await;
    assert_eq!((status, &told["base"]), (200, &json!("USD")));
    let rates = told["rates"].as_object().unwrap();
    assert_eq!(rates.keys().collect::<Vec<_>>(), ["EUR", "JPY"]);
    let eur = rates["EUR"].as_f64().unwrap();
    assert!((0.85..0.86).contains(&eur), "{eur}");
    assert_eq!(told["timestamp"], crate::kit::start().timestamp());

    let (_, again) = latest(&kit, "symbols=EUR,JPY").await;
    assert_eq!(again, told);
    kit.clock.advance(chrono::Duration::minutes(15));
    let (_, later) = latest(&kit, "symbols=EUR,JPY").await;
    assert_ne!(later["rates"], told["rates"]);

    kit.control("/_control/exchange_rates", json!({"EUR": "0.98765"}))
        .await;
    assert_eq!(
        latest(&kit, "symbols=EUR").await.1["rates"]["EUR"].to_string(),
        "0.98765"
    );
}

#[tokio::test]
async fn rates_need_a_key_and_the_dollar() {
    let kit = Kit::start().await;
    let (status, refused) = answer(kit.request(Method::GET, "/api/latest.json")).await;
    assert_eq!(
        (status, &refused["message"]),
        (401, &json!("missing_app_id"))
    );
    assert_eq!(latest(&kit, "base=EUR").await.0, 403);
    let calls = kit.calls("exchange_rates").await;
    assert_eq!(calls[1]["query"], "base=EUR", "the key is not recorded");
}

async fn fcm(kit: &Kit, path: &str, body: Value) -> (u16, Value) {
    answer(
        kit.request(Method::POST, path)
            .bearer_auth("token")
            .header("access_token_auth", "true")
            .json(&body),
    )
    .await
}

const SEND: &str = "/v1/projects/shop/messages:send";

#[tokio::test]
async fn a_topic_reaches_those_who_are_subscribed() {
    let kit = Kit::start().await;
    let tokens = json!({"to": "/topics/vantage-deals-us", "registration_tokens": ["a", "b", "c"]});
    let (status, told) = fcm(&kit, "/iid/v1:batchAdd", tokens).await;
    assert_eq!((status, &told["results"]), (200, &json!([{}, {}, {}])));
    let tokens = json!({"to": "/topics/vantage-deals-us", "registration_tokens": ["b"]});
    fcm(&kit, "/iid/v1:batchRemove", tokens).await;
    let message =
        json!({"message": {"topic": "vantage-deals-us", "notification": {"title": "Sale"}}});
    let (status, sent) = fcm(&kit, SEND, message).await;
    assert_eq!(status, 200);
    assert!(
        sent["name"]
            .as_str()
            .unwrap()
            .starts_with("projects/shop/messages/")
    );
    let (_, told) = answer(kit.request(Method::GET, "/_control/messages")).await;
    assert_eq!(told["messages"][0]["tokens"], json!(["a", "c"]));
}

#[tokio::test]
async fn a_removed_apps_token_is_unregistered() {
    let kit = Kit::start().await;
    kit.control("/_control/unregistered", json!({"token": "gone"}))
        .await;
    let (status, refused) = fcm(&kit, SEND, json!({"message": {"token": "gone"}})).await;
    assert_eq!(status, 404);
    assert_eq!(refused["error"]["details"][0]["errorCode"], "UNREGISTERED");
    let tokens = json!({"to": "/topics/t", "registration_tokens": ["gone", "here"]});
    let (_, told) = fcm(&kit, "/iid/v1:batchAdd", tokens).await;
    assert_eq!(told["results"], json!([{"error": "NOT_FOUND"}, {}]));
}

#[tokio::test]
async fn a_token_in_a_batch_can_fail_while_others_do_not() {
    let kit = Kit::start().await;
    let error = json!({"token": "busy", "error": "RESOURCE_EXHAUSTED", "next": 1});
    kit.control("/_control/topic_errors", error).await;
    let tokens = json!({"to": "/topics/t", "registration_tokens": ["busy", "here"]});
    let (_, told) = fcm(&kit, "/iid/v1:batchAdd", tokens.clone()).await;
    assert_eq!(
        told["results"],
        json!([{"error": "RESOURCE_EXHAUSTED"}, {}])
    );
    let (_, told) = fcm(&kit, "/iid/v1:batchAdd", tokens).await;
    assert_eq!(told["results"], json!([{}, {}]));
    let (_, told) = answer(kit.request(Method::GET, "/_control/topics")).await;
    assert_eq!(told["topics"]["t"], json!(["busy", "here"]));
}

#[tokio::test]
async fn topics_are_changed_with_an_access_token_that_is_announced_and_have_plain_names() {
    let kit = Kit::start().await;
    let tokens = json!({"to": "/topics/t", "registration_tokens": ["a"]});
    let request = kit.request(Method::POST, "/iid/v1:batchAdd");
    let (status, _) = answer(request.bearer_auth("token").json(&tokens)).await;
    assert_eq!(status, 401);
    for to in ["t", "/topics/", "/topics/a b", "/topics/a/b"] {
        let tokens = json!({"to": to, "registration_tokens": ["a"]});
        let (status, refused) = fcm(&kit, "/iid/v1:batchAdd", tokens).await;
        assert_eq!(
            (status, &refused["error"]),
            (400, &json!("InvalidTopicName"))
        );
    }
}

#[tokio::test]
async fn requests_that_fcm_refuses_are_refused() {
    let kit = Kit::start().await;
    let (status, refused) = answer(
        kit.request(Method::POST, SEND)
            .json(&json!({"message": {"token": "a"}})),
    )
    .await;
    assert_eq!(
        (status, &refused["error"]["status"]),
        (401, &json!("UNAUTHENTICATED"))
    );
    let (status, refused) = fcm(&kit, SEND, json!({"message": {}})).await;
    assert_eq!(
        (status, &refused["error"]["status"]),
        (400, &json!("INVALID_ARGUMENT"))
    );
    let many: Vec<_> = (0..1_001).map(|number| number.to_string()).collect();
    let tokens = json!({"to": "/topics/t", "registration_tokens": many});
    assert_eq!(fcm(&kit, "/iid/v1:batchAdd", tokens).await.0, 400);
}

#[tokio::test]
async fn rates_that_are_known_already_are_not_told_again() {
    let kit = Kit::start().await;
    let ask = |etag: &str| {
        kit.request(Method::GET, "/api/latest.json?app_id=app")
            .header("if-none-match", etag.to_owned())
            .send()
    };
    let first = ask("\"other\"").await.unwrap();
    assert_eq!(first.status(), 200);
    let etag = first.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(ask(&etag).await.unwrap().status(), 304);
    kit.control("/_control/exchange_rates", json!({"EUR": "0.5"}))
        .await;
    assert_eq!(ask(&etag).await.unwrap().status(), 200);
    kit.control("/_control/exchange_rates", json!({"EUR": null}))
        .await;
    assert_eq!(
        ask(&etag).await.unwrap().status(),
        304,
        "the usual rate is back"
    );
    kit.clock.advance(chrono::Duration::minutes(15));
    assert_eq!(ask(&etag).await.unwrap().status(), 200);
}
