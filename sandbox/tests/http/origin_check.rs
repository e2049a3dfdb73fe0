//! The control API accepts programs and rejects web pages.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Kit, answer};

#[tokio::test]
async fn a_page_cannot_use_the_control_api() {
    let kit = Kit::start().await;
    let hook = json!({"provider": "ups", "url": "http://127.0.0.1:1/", "secret": "s"}).to_string();
    let refused = [
        ("content-type", "text/plain", 415),
        ("content-type", "application/x-www-form-urlencoded", 415),
        ("host", "evil.test", 403),
        ("origin", "https://evil.test", 403),
        ("origin", "null", 403),
    ];
    for (name, value, expect) in refused {
        let mut request = kit.request(Method::POST, "/_control/webhooks");
        if name != "content-type" {
            request = request.header("content-type", "application/json");
        }
        let request = request.header(name, value).body(hook.clone());
        let status = request.send().await.unwrap().status();
        assert_eq!(status, expect, "{name}: {value}");
    }
    let without_type = kit.request(Method::POST, "/_control/webhooks");
    let status = without_type.body(hook).send().await.unwrap().status();
    assert_eq!(status, 415);
    let reset = kit.request(Method::DELETE, "/_control");
    let reset = reset.header("origin", "https://evil.test").send().await;
    assert_eq!(reset.unwrap().status(), 403);
    let (_, webhooks) = answer(kit.request(Method::GET, "/_control/webhooks")).await;
    assert!(!webhooks.to_string().contains("127.0.0.1:1/"), "{webhooks}");
    assert_ne!(webhooks, Value::Null);
}
