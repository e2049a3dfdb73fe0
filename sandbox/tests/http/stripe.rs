//! Stripe: payments, refunds up to the captured amount, idempotency keys, and its error messages.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Kit, answer};

async fn paid(kit: &Kit, amount: i64, card: &str) -> Value {
    let form = format!(
        "amount={amount}&currency=EUR&confirm=true&payment_method={card}&metadata[order]=ord_1"
    );
    let (status, intent) = kit.stripe_post("/v1/payment_intents", &form).await;
    assert_eq!(status, 200, "{intent}");
    intent
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

#[tokio::test]
async fn an_intent_goes_from_created_to_succeeded_and_its_charge_can_be_expanded() {
    let kit = Kit::start().await;
    let (status, intent) = kit
        .stripe_post(
            "/v1/payment_intents",
            "amount=1999&currency=usd&metadata[a]=b",
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(intent["status"], "requires_payment_method");
    assert_eq!(intent["metadata"], json!({"a": "b"}));

    let path = format!("/v1/payment_intents/{}/confirm", id(&intent));
    let (_, confirmed) = kit
        .stripe_post(
            &path,
            "payment_method=pm_card_mastercard&expand[]=latest_charge",
        )
        .await;
    assert_eq!(confirmed["status"], "succeeded");
    assert_eq!(confirmed["amount_received"], 1999);
    assert_eq!(confirmed["latest_charge"]["captured"], true);
    assert_eq!(
        confirmed["latest_charge"]["payment_method_details"]["card"]["brand"],
        "mastercard"
    );

    let path = format!("/v1/payment_intents/{}", id(&intent));
    let (_, retrieved) = kit.stripe_get(&path).await;
    assert_eq!(retrieved["latest_charge"], confirmed["latest_charge"]["id"]);
    let (status, refused) = kit.stripe_post(&format!("{path}/cancel"), "").await;
    assert_eq!(status, 400);
    assert_eq!(refused["error"]["code"], "payment_intent_unexpected_state");
}

#[tokio::test]
async fn test_cards_behave_as_their_names_say() {
    let kit = Kit::start().await;
    for (card, code, decline) in [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        (
            "pm_card_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
        ),
        (
            "pm_card_chargeDeclinedExpiredCard",
            "expired_card",
            "expired_card",
        ),
    ] {
        let form = format!("amount=500&currency=usd&confirm=true&payment_method={card}");
        let (status, refused) = kit.stripe_post("/v1/payment_intents", &form).await;
        let error = &refused["error"];
        assert_eq!((status, &error["type"]), (402, &json!("card_error")));
        assert_eq!(
            (&error["code"], &error["decline_code"]),
            (&json!(code), &json!(decline))
        );
        assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
    }
    let pending = paid(&kit, 500, "pm_card_authenticationRequired").await;
    assert_eq!(pending["status"], "requires_action");
    let path = format!("/v1/payment_intents/{}/confirm", id(&pending));
    assert_eq!(kit.stripe_post(&path, "").await.1["status"], "succeeded");
}

#[tokio::test]
async fn manual_capture_takes_what_it_is_told_and_a_cancelled_intent_takes_nothing() {
    let kit = Kit::start().await;
    let form =
        "amount=900&currency=usd&confirm=true&payment_method=pm_card_visa&capture_method=manual";
    let (_, held) = kit.stripe_post("/v1/payment_intents", form).await;
    assert_eq!(
        (&held["status"], &held["amount_capturable"]),
        (&json!("requires_capture"), &json!(900))
    );
    let path = format!("/v1/payment_intents/{}", id(&held));
    let (_, captured) = kit
        .stripe_post(&format!("{path}/capture"), "amount_to_capture=700")
        .await;
    assert_eq!(
        (&captured["status"], &captured["amount_received"]),
        (&json!("succeeded"), &json!(700))
    );

    let (_, held) = kit.stripe_post("/v1/payment_intents", form).await;
    let path = format!("/v1/payment_intents/{}", id(&held));
    let (_, cancelled) = kit
        .stripe_post(&format!("{path}/cancel"), "cancellation_reason=abandoned")
        .await;
    assert_eq!(cancelled["status"], "canceled");
    let refund = format!("payment_intent={}", id(&held));
    let (status, refused) = kit.stripe_post("/v1/refunds", &refund).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (400, &json!("charge_not_refundable"))
    );
}

#[tokio::test]
async fn refunds_never_exceed_the_charge() {
    let kit = Kit::start().await;
    let intent = paid(&kit, 1000, "pm_card_visa").await;
    let refund = |amount: &str| format!("payment_intent={}{amount}", id(&intent));
    let (_, first) = kit
        .stripe_post(
            "/v1/refunds",
            &refund("&amount=300&reason=requested_by_customer"),
        )
        .await;
    assert_eq!(
        (&first["status"], &first["amount"]),
        (&json!("succeeded"), &json!(300))
    );
    assert_eq!(first["currency"], "eur");
    let (status, refused) = kit.stripe_post("/v1/refunds", &refund("&amount=701")).await;
    assert_eq!(status, 400);
    assert_eq!(
        refused["error"]["message"],
        "Refund amount (701) is greater than unrefunded amount on charge (700)"
    );
    let (_, rest) = kit.stripe_post("/v1/refunds", &refund("")).await;
    assert_eq!(rest["amount"], 700);
    let (_, refused) = kit.stripe_post("/v1/refunds", &refund("")).await;
    assert_eq!(refused["error"]["code"], "charge_already_refunded");

    let path = format!("/v1/refunds?payment_intent={}&limit=1", id(&intent));
    let (_, page) = kit.stripe_get(&path).await;
    assert_eq!(
        (&page["data"][0]["id"], &page["has_more"]),
        (&rest["id"], &json!(true))
    );
    let (_, page) = kit
        .stripe_get(&format!("{path}&starting_after={}", id(&rest)))
        .await;
    assert_eq!(
        (&page["data"][0]["id"], &page["has_more"]),
        (&first["id"], &json!(false))
    );
    let (_, charge) = kit
        .stripe_get(&format!(
            "/v1/charges/{}",
            first["charge"].as_str().unwrap()
        ))
        .await;
    assert_eq!(
        (&charge["refunded"], &charge["amount_refunded"]),
        (&json!(true), &json!(1000))
    );
}

#[tokio::test]
async fn a_bank_may_refuse_a_refund_later_and_the_money_can_be_refunded_again() {
    let kit = Kit::start().await;
    let intent = paid(&kit, 1000, "pm_card_refundFail").await;
    let form = format!("payment_intent={}", id(&intent));
    let (_, refund) = kit.stripe_post("/v1/refunds", &form).await;
    assert_eq!(refund["status"], "succeeded");
    kit.clock.advance(chrono::Duration::seconds(1));
    let (_, failed) = kit
        .stripe_get(&format!("/v1/refunds/{}", id(&refund)))
        .await;
    assert_eq!(
        (&failed["status"], &failed["failure_reason"]),
        (&json!("failed"), &json!("expired_or_canceled_card"))
    );
    let (_, events) = kit
        .stripe_get("/v1/events?types[]=refund.failed&types[]=refund.updated")
        .await;
    let events = events["data"].as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["refund.failed", "refund.updated"]);
    assert_eq!(
        kit.stripe_post("/v1/refunds", &form).await.1["amount"],
        1000
    );

    let intent = paid(&kit, 1000, "pm_card_pendingRefund").await;
    let (_, refund) = kit
        .stripe_post("/v1/refunds", &format!("payment_intent={}", id(&intent)))
        .await;
    assert_eq!(refund["status"], "pending");
    kit.clock.advance(chrono::Duration::seconds(1));
    let (_, settled) = kit
        .stripe_get(&format!("/v1/refunds/{}", id(&refund)))
        .await;
    assert_eq!(settled["status"], "succeeded");
}

#[tokio::test]
async fn one_key_has_one_effect_however_often_it_is_sent_at_once() {
    let kit = Kit::start().await;
    let intent = paid(&kit, 1000, "pm_card_visa").await;
    let form = format!("payment_intent={}&amount=100", id(&intent));
    let send = || {
        answer(
            kit.stripe_form("/v1/refunds", &form)
                .header("idempotency-key", "key-1"),
        )
    };
    let answers = futures::future::join_all((0..64).map(|_| send())).await;
    let refunds: std::collections::BTreeSet<_> = answers
        .iter()
        .filter_map(|(status, body)| match status {
            200 => Some(id(body).to_owned()),
            // Another request was in progress.
            409 => {
                assert_eq!(body["error"]["code"], "idempotency_key_in_use");
                None
            }
            other => panic!("{other}: {body}"),
        })
        .collect();
    assert_eq!(refunds.len(), 1);
    let (_, list) = kit.stripe_get("/v1/refunds").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);

    let replayed = kit
        .stripe_form("/v1/refunds", &form)
        .header("idempotency-key", "key-1")
        .send()
        .await
        .unwrap();
    assert_eq!(replayed.headers()["idempotent-replayed"], "true");
    let (status, refused) = answer(
        kit.stripe_form("/v1/refunds", &format!("{form}0"))
            .header("idempotency-key", "key-1"),
    )
    .await;
    assert_eq!(
        (status, &refused["error"]["type"]),
        (400, &json!("idempotency_error"))
    );
}

#[tokio::test]
async fn a_refused_card_is_kept_under_its_key_and_a_malformed_request_is_not() {
    let kit = Kit::start().await;
    let declined = "amount=500&currency=usd&confirm=true&payment_method=pm_card_chargeDeclined";
    let send = |key: &'static str, form: &str| {
        answer(
            kit.stripe_form("/v1/payment_intents", form)
                .header("idempotency-key", key),
        )
    };
    let first = send("declined", declined).await;
    assert_eq!(first.0, 402);
    assert_eq!(send("declined", declined).await, first);

    assert_eq!(send("malformed", "amount=x&currency=usd").await.0, 400);
    assert_eq!(send("malformed", "amount=500&currency=usd").await.0, 200);
}

#[tokio::test]
async fn errors_name_the_parameter() {
    let kit = Kit::start().await;
    for (path, form, status, code, param) in [
        (
            "/v1/payment_intents",
            "currency=usd",
            400,
            "parameter_missing",
            "amount",
        ),
        (
            "/v1/payment_intents",
            "amount=0&currency=usd",
            400,
            "parameter_invalid_integer",
            "amount",
        ),
        (
            "/v1/payment_intents",
            "amount=1.5&currency=usd",
            400,
            "parameter_invalid_integer",
            "amount",
        ),
        (
            "/v1/payment_intents",
            "amount=1&currency=usd&amuont=1",
            400,
            "parameter_unknown",
            "amuont",
        ),
        (
            "/v1/payment_intents",
            "amount=1&currency=usd&payment_method=pm_x",
            404,
            "resource_missing",
            "payment_method",
        ),
        (
            "/v1/refunds",
            "payment_intent=pi_x",
            404,
            "resource_missing",
            "payment_intent",
        ),
        (
            "/v1/refunds",
            "",
            400,
            "parameter_missing",
            "payment_intent",
        ),
    ] {
        let (answered, refused) = kit.stripe_post(path, form).await;
        let error = &refused["error"];
        assert_eq!(
            (answered, &error["code"], &error["param"], &error["type"]),
            (
                status,
                &json!(code),
                &json!(param),
                &json!("invalid_request_error")
            ),
            "{path} {form}"
        );
    }
    let (status, refused) = answer(kit.request(Method::GET, "/v1/refunds")).await;
    assert_eq!(
        (status, &refused["error"]["type"]),
        (401, &json!("invalid_request_error"))
    );
}

#[tokio::test]
async fn payments_from_before_can_be_refunded() {
    let kit = Kit::start().await;
    let known = json!([{"id": "pi_demo_7", "amount": 31499, "currency": "USD", "refunded": 1499}]);
    kit.control("/_control/payments", known).await;
    let (_, refund) = kit
        .stripe_post("/v1/refunds", "payment_intent=pi_demo_7")
        .await;
    assert_eq!(refund["amount"], 30000);
}

#[tokio::test]
async fn payment_methods_come_from_test_cards_and_can_be_detached() {
    let kit = Kit::start().await;
    let form = "type=card&card[number]=4242 4242 4242 4242&card[exp_month]=8&card[exp_year]=2030&card[cvc]=314";
    let (_, method) = kit.stripe_post("/v1/payment_methods", form).await;
    assert_eq!(method["card"]["last4"], "4242");
    let path = format!("/v1/payment_methods/{}", id(&method));
    let (_, attached) = kit
        .stripe_post(&format!("{path}/attach"), "customer=cus_1")
        .await;
    assert_eq!(attached["customer"], "cus_1");
    let (_, listed) = kit
        .stripe_get("/v1/payment_methods?customer=cus_1&type=card")
        .await;
    assert_eq!(listed["data"][0]["id"], method["id"]);
    assert_eq!(
        kit.stripe_post(&format!("{path}/detach"), "").await.1["customer"],
        Value::Null
    );
    assert_eq!(kit.stripe_get(&path).await.0, 200);
}

#[tokio::test]
async fn a_cards_number_is_no_payment_method_and_is_not_recorded() {
    const NUMBER: &str = "4242424242424242";
    let kit = Kit::start().await;
    let (status, _) = kit
        .stripe_get(&format!("/v1/payment_methods/{NUMBER}"))
        .await;
    assert_eq!(status, 404);
    let form = format!("amount=500&currency=usd&confirm=true&payment_method={NUMBER}");
    assert_eq!(kit.stripe_post("/v1/payment_intents", &form).await.0, 404);
    let form = format!(
        "type=card&card[number]={NUMBER}&card[exp_month]=8&card[exp_year]=2030&card[cvc]=314"
    );
    let (status, made) = kit.stripe_post("/v1/payment_methods", &form).await;
    assert_eq!(status, 200, "{made}");
    assert!(!made.to_string().contains(NUMBER), "{made}");
    let form = "type=card&card[token]=tok_visa";
    let (status, made) = kit.stripe_post("/v1/payment_methods", form).await;
    assert_eq!(
        (status, &made["card"]["last4"]),
        (200, &json!("4242")),
        "{made}"
    );
    let calls = kit.calls("stripe").await;
    assert_eq!(calls.len(), 4);
    assert!(!json!(calls).to_string().contains(NUMBER), "{calls:?}");
}
