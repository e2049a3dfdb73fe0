//! Stripe's page for payments that the customer has to confirm with their bank.

use reqwest::redirect::Policy;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::kit::{Kit, answer};

const RETURN: &str = "http://shop.test/done?a=1#/orders/ord_1";

/// A payment that waits for its customer: its id and its secret.
async fn waiting(kit: &Kit) -> (String, String) {
    let form = "amount=500&currency=eur&confirm=true&payment_method=pm_card_authenticationRequired&capture_method=manual";
    let (_, intent) = kit.stripe_post("/v1/payment_intents", form).await;
    assert_eq!(intent["status"], "requires_action", "{intent}");
    let text = |name: &str| intent[name].as_str().unwrap().to_owned();
    (text("id"), text("client_secret"))
}

/// As a browser with no key.
async fn visit(kit: &Kit, method: Method, id: &str, query: &[(&str, &str)]) -> Response {
    let browser = reqwest::Client::builder()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let mut url = reqwest::Url::parse(&kit.base).unwrap();
    url.set_path(&format!("/redirect/authenticate/{id}"));
    url.query_pairs_mut().extend_pairs(query);
    let request = browser.request(method, url).header("origin", &kit.base);
    request.send().await.unwrap()
}

async fn intent(kit: &Kit, id: &str) -> Value {
    kit.stripe_get(&format!("/v1/payment_intents/{id}")).await.1
}

#[tokio::test]
async fn a_customer_confirms_a_payment_and_is_led_back_with_the_outcome() {
    for (outcome, status) in [
        ("succeeded", "requires_capture"),
        ("failed", "requires_payment_method"),
    ] {
        let kit = Kit::start().await;
        let (id, secret) = waiting(&kit).await;
        let address = [("client_secret", secret.as_str()), ("return_url", RETURN)];
        let shown = visit(&kit, Method::GET, &id, &address).await;
        assert_eq!(shown.status(), 200);
        let shown = shown.text().await.unwrap();
        let buttons = ["<button>Complete</button>", "<button>Fail</button>"];
        assert!(
            buttons.iter().all(|button| shown.contains(button)),
            "{shown}"
        );
        // The form's address is the page's with the outcome.
        let escaped = format!("outcome={outcome}\">");
        assert!(shown.contains(&escaped), "{shown}");
        assert_eq!(intent(&kit, &id).await["status"], "requires_action");

        let pressed = [&address[..], &[("outcome", outcome)]].concat();
        let decided = visit(&kit, Method::POST, &id, &pressed).await;
        assert_eq!(decided.status(), 303);
        let expected = format!(
            "http://shop.test/done?a=1&payment_intent={id}&payment_intent_client_secret={secret}\
             &redirect_status={outcome}#/orders/ord_1"
        );
        assert_eq!(decided.headers()["location"], expected);
        let intent = intent(&kit, &id).await;
        assert_eq!(intent["status"], status);
        let code = match outcome {
            "failed" => json!("payment_intent_authentication_failure"),
            _ => Value::Null,
        };
        assert_eq!(intent["last_payment_error"]["code"], code);

        // Once.
        let again = visit(&kit, Method::POST, &id, &pressed).await;
        assert_eq!(again.status(), 404);
    }
}

#[tokio::test]
async fn only_the_secret_opens_a_challenge_and_it_leads_to_web_pages_alone() {
    let kit = Kit::start().await;
    let (id, secret) = waiting(&kit).await;
    let decided = [("outcome", "succeeded")];
    for (query, expected) in [
        (&[("client_secret", "pi_1_secret_x")][..], 404),
        (&[][..], 400),
        (
            &[
                ("client_secret", secret.as_str()),
                ("return_url", "javascript:alert(1)"),
            ][..],
            400,
        ),
        (
            &[
                ("client_secret", secret.as_str()),
                ("return_url", "/orders"),
            ][..],
            400,
        ),
    ] {
        for method in [Method::GET, Method::POST] {
            let query = [query, &decided[..]].concat();
            let refused = visit(&kit, method, &id, &query).await;
            assert_eq!(refused.status(), expected, "{query:?}");
        }
    }
    let undecided = [("client_secret", secret.as_str())];
    let refused = visit(&kit, Method::POST, &id, &undecided).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(intent(&kit, &id).await["status"], "requires_action");

    // Without a page to return to.
    let query = [&undecided[..], &decided[..]].concat();
    let closed = visit(&kit, Method::POST, &id, &query).await;
    assert_eq!(closed.status(), 200);
    let (_, events) = answer(kit.stripe(Method::GET, "/v1/events")).await;
    let newest = &events["data"][0]["type"];
    assert_eq!(newest, "payment_intent.amount_capturable_updated");
}
