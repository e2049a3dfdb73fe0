//! What is refused, and how: always as JSON with a code, a message, and a status that says the same.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::Client;
use crate::kit::{Graph, Layout};

const NOBODYS: &str = "ret_01h455vb4pex5vsknk084sn02q";

#[tokio::test]
async fn whatever_is_wrong_is_said_as_json_with_a_status() {
    let graph = Graph::start(Layout::Sqlite, &[("VANTAGE_DEMO__ORDERS", "60")], &[]).await;
    let token = graph.demo_token().await;
    let client = Client::new(&graph.router.base, Some(&token));
    let returns = "/api/v1/returns";
    let one = format!("{returns}/{NOBODYS}");
    let label = format!("{one}/label");
    let body = json!({ "order_id": "ord_x", "items": [] }).to_string();

    for anonymous in [None, Some("no.such.token")] {
        let anonymous = Client::new(&graph.router.base, anonymous);
        for (method, path) in [
            (Method::POST, returns),
            (Method::GET, &one),
            (Method::PUT, &label),
        ] {
            let body = (method == Method::POST).then_some(&*body);
            let body = body.map(|_| r#"{"order_id":"ord_1","items":[]}"#);
            let refused = anonymous.send(method, path, &[], body).await;
            refused.error(401, "UNAUTHENTICATED");
            assert!(
                refused.header("www-authenticate").starts_with("Bearer"),
                "{refused:?}"
            );
        }
    }
    for id in [
        NOBODYS,
        "ret_9k0l1m2n",
        "x",
        "%00",
        "ord_01h455vb4pex5vsknk084sn02q",
    ] {
        let path = format!("{returns}/{id}");
        client.get(&path, &[]).await.error(404, "NOT_FOUND");
        let path = format!("{path}/label");
        client.put(&path, &[], "{}").await.error(404, "NOT_FOUND");
    }
    for path in [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/return",
        "/api/v2/returns",
        "/api/v1/returns/a/b/c",
    ] {
        let answer = client.get(path, &[]).await;
        assert_eq!(answer.status, 404, "{path}");
        if path.starts_with("/api/v") {
            answer.error(404, "NOT_FOUND");
        }
    }
    for (method, path, allow) in [
        (Method::GET, returns, "POST"),
        (Method::DELETE, &*one, "GET,HEAD"),
        (Method::POST, &*label, "PUT"),
    ] {
        let refused = client.send(method, path, &[], None).await;
        refused.error(405, "METHOD_NOT_ALLOWED");
        assert_eq!(refused.header("allow"), allow);
    }
    for version in ["v2", "1", "", "V1"] {
        let refused = client.get(&one, &[("x-api-version", version)]).await;
        refused.error(400, "UNSUPPORTED_API_VERSION");
    }
    client
        .get(&one, &[("x-api-version", "v1")])
        .await
        .error(404, "NOT_FOUND");
    let long = format!(r#"{{"order_id":"{}"}}"#, "x".repeat(64 * 1024));
    client
        .post(returns, &[], &long)
        .await
        .error(413, "PAYLOAD_TOO_LARGE");
    client
        .put(&label, &[], &long)
        .await
        .error(413, "PAYLOAD_TOO_LARGE");
    let text = [("content-type", "text/plain")];
    client
        .send(Method::POST, returns, &text, None)
        .await
        .error(415, "UNSUPPORTED_MEDIA_TYPE");
    graph.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let settings = [
        ("VANTAGE_DEMO__ORDERS", "60"),
        ("VANTAGE_SERVER__BODY_TIMEOUT", "100ms"),
    ];
    let graph = Graph::start(Layout::Sqlite, &settings, &[]).await;
    let token = graph.demo_token().await;
    let address = graph.router.base.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /api/v1/returns HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 10\r\n\r\n{{"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // The connection ends with the answer.
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(
        answer.contains(r#"{"error":"REQUEST_TIMEOUT","#),
        "{answer}"
    );
    graph.stop().await;
}

#[tokio::test]
async fn mistakes_in_a_body_are_named_by_their_place() {
    let graph = Graph::start(Layout::Sqlite, &[("VANTAGE_DEMO__ORDERS", "60")], &[]).await;
    let token = graph.demo_token().await;
    let client = Client::new(&graph.router.base, Some(&token));
    for (body, words) in [
        ("", "the body"),
        ("{", "the body"),
        ("[]", "the body"),
        ("{}", "order_id"),
        (r#"{"order_id":1,"items":[]}"#, "order_id"),
        (r#"{"order_id":"ord_1","items":{}}"#, "items"),
        (r#"{"order_id":"ord_1","items":[]} {}"#, "trailing"),
        (
            r#"{"order_id":"o","items":[{"order_item_id":"i","quantity":1.5,"condition":"damaged","reason_code":"x"}]}"#,
            "items[0].quantity",
        ),
        (
            r#"{"order_id":"o","items":[{"order_item_id":"i","quantity":1,"condition":"DAMAGED","reason_code":"x"}]}"#,
            "`opened_unused`",
        ),
    ] {
        let message = client
            .post("/api/v1/returns", &[], body)
            .await
            .error(400, "BAD_USER_INPUT");
        assert!(message.contains(words), "{body}: {message}");
    }
    let body = json!({
        "order_id": "ord_1a2b3c4d5e6f",
        "items": [{
            "order_item_id": "oi_7g8h9i0j", "quantity": 0, "condition": "damaged", "reason_code": "bored",
        }],
    });
    let refused = client.post("/api/v1/returns", &[], &body.to_string()).await;
    refused.error(422, "INVALID_ID");
    let mistakes = refused.json()["errors"].clone();
    let fields: Vec<_> = mistakes
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["field"])
        .collect();
    assert_eq!(
        fields,
        [
            "order_id",
            "items[0].order_item_id",
            "items[0].quantity",
            "items[0].reason_code"
        ],
        "{mistakes}"
    );
    graph.stop().await;
}

#[tokio::test]
async fn what_is_not_the_callers_is_forbidden() {
    let graph = Graph::start(Layout::Sqlite, &[("VANTAGE_DEMO__ORDERS", "60")], &[]).await;
    let token = graph.demo_token().await;
    let query = "{ me { orders(first: 1) { nodes { id items { id } } } } }";
    let order = graph.query(Some(&token), query, json!({})).await;
    let order = &order["data"]["me"]["orders"]["nodes"][0];
    let other = graph
        .run(&["token", "--customer", "customer1@vantage.example"])
        .await;
    let client = Client::new(&graph.router.base, Some(&other));
    let body = json!({
        "order_id": order["id"],
        "items": [{
            "order_item_id": order["items"][0]["id"], "quantity": 1, "condition": "damaged",
            "reason_code": "damaged_in_transit",
        }],
    });
    let refused = client.post("/api/v1/returns", &[], &body.to_string()).await;
    let message = refused.error(403, "FORBIDDEN");
    assert_eq!(message, "You can only return items of your own orders");
    graph.stop().await;
}

#[tokio::test]
async fn ids_go_out_as_they_came_in_and_pages_of_the_shop_may_call() {
    let settings = [
        ("VANTAGE_DEMO__ORDERS", "60"),
        (
            "VANTAGE_SERVER__CORS__ORIGINS",
            "https://www.vantage.example",
        ),
    ];
    let graph = Graph::start(Layout::Sqlite, &settings, &[]).await;
    let client = Client::new(&graph.router.base, None);
    let path = format!("/api/v1/returns/{NOBODYS}");
    let headers = [
        ("x-request-id", "req_return_status_001"),
        ("x-correlation-id", "checkout-7"),
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("origin", "https://www.vantage.example"),
    ];
    let answer = client.get(&path, &headers).await;
    answer.error(401, "UNAUTHENTICATED");
    assert_eq!(answer.header("x-request-id"), "req_return_status_001");
    assert_eq!(answer.header("x-correlation-id"), "checkout-7");
    assert_eq!(
        answer.header("x-trace-id"),
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://www.vantage.example"
    );
    assert!(
        answer
            .header("access-control-expose-headers")
            .contains("x-trace-id")
    );
    let preflight = [
        ("origin", "https://www.vantage.example"),
        ("access-control-request-method", "PUT"),
        (
            "access-control-request-headers",
            "idempotency-key,authorization,content-type,x-api-version",
        ),
    ];
    let answer = client.send(Method::OPTIONS, &path, &preflight, None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer
            .header("access-control-allow-methods")
            .contains("PUT")
    );
    assert!(
        answer
            .header("access-control-allow-headers")
            .contains("idempotency-key")
    );
    graph.stop().await;
}

#[tokio::test]
async fn without_rest_there_is_nothing_below_api() {
    let settings = [
        ("VANTAGE_DEMO__ORDERS", "60"),
        ("VANTAGE_REST__ENABLED", "false"),
    ];
    let graph = Graph::start(Layout::Sqlite, &settings, &[]).await;
    let client = Client::new(&graph.router.base, None);
    let answer = client.get(&format!("/api/v1/returns/{NOBODYS}"), &[]).await;
    assert_eq!((answer.status.as_u16(), &*answer.text), (404, ""));
    graph.stop().await;
}

#[tokio::test]
async fn a_part_that_is_missing_is_no_empty_answer() {
    // Nobody listens there.
    let settings = [
        ("VANTAGE_DEMO__ORDERS", "60"),
        (
            "VANTAGE_SUBGRAPHS__RETURNS__URL",
            "http://127.0.0.1:9/graphql",
        ),
    ];
    let graph = Graph::start(Layout::Sqlite, &settings, &[]).await;
    let customer = ["token", "--customer", "usr_01h455vb4pex5vsknk084sn02q"];
    let token = graph.run(&customer).await;
    let client = Client::new(&graph.router.base, Some(&token));
    let answer = client.get(&format!("/api/v1/returns/{NOBODYS}"), &[]).await;
    answer.error(503, "SERVICE_UNAVAILABLE");
    assert_eq!(answer.header("retry-after"), "5");
    graph.stop().await;
}
