//! An order from its payment to the door: parcels, captures, and live updates.

use chrono::{SecondsFormat, Utc};
use platform::testing::hmac_sha256;
use serde_json::{Value, json};

use crate::kit::{DOMAINS, Graph, Layout, OWN_REDIS, Process, layouts, vantage};
use crate::orders::{PLACE, PRODUCTS, input};
use crate::third_parties::ThirdParties;
use crate::tracking_client::Client;
use crate::wait::until_it;

const SECRET: &str = "a secret of the warehouse's";

const ORDER: &str = "query($id: ID!) { order(id: $id) {
    status items { id } timeline { event }
    shipments { trackingNumber status lines { orderItem { id } quantity } }
} }";

const WATCH: &str = "subscription($id: ID!) { orderUpdated(orderId: $id) { sequence status } }";

const REGISTER: &str = "mutation($input: ShipmentRegisterInput!, $key: String!) { shipmentRegister(input: $input, idempotencyKey: $key) { order { status } userErrors { code } } }";

const CANCEL: &str =
    "mutation($id: ID!) { orderCancel(id: $id, idempotencyKey: \"c\") { userErrors { code } } }";

/// Separate processes tell each other over Redis, if tests have it (`VANTAGE_TEST_REDIS_URL` is set).
fn settings_of(layout: Layout, stripe: &ThirdParties) -> Option<Vec<(&'static str, String)>> {
    let mut settings = settings(stripe);
    if layout == Layout::Separate {
        std::env::var("VANTAGE_TEST_REDIS_URL").ok()?;
        settings.push(("VANTAGE_REDIS_URL", OWN_REDIS.to_owned()));
    }
    Some(settings)
}

fn settings(stripe: &ThirdParties) -> Vec<(&'static str, String)> {
    let mut settings = stripe.settings();
    for (name, value) in [
        ("VANTAGE_DEMO__ORDERS", "60"),
        ("VANTAGE_SANDBOX__ENABLED", "false"),
        ("VANTAGE_PROVIDERS__FULFILMENT__WEBHOOK_SECRET", SECRET),
        ("VANTAGE_PROVIDERS__DHL__WEBHOOK_SECRET", SECRET),
    ] {
        settings.push((name, value.to_owned()));
    }
    settings
}

/// Posts a signed webhook, and returns the status.
async fn webhook(base: &str, path: &str, body: &Value) -> u16 {
    let body = body.to_string();
    let signature = hmac_sha256(SECRET, &[body.as_bytes()]);
    let request = reqwest::Client::new()
        .post(format!("{base}/webhooks/{path}"))
        .header("x-hmac-signature", format!("hmac-sha256-hex={signature}"))
        .body(body);
    request.send().await.unwrap().status().as_u16()
}

/// DHL's report about a parcel.
fn scan(number: &str, code: &str) -> Value {
    let now = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let event = json!({
        "statusCode": code, "status": code, "timestamp": now,
        "location": { "address": { "addressLocality": "Leipzig" } },
    });
    json!({ "shipments": [{ "id": number, "status": event, "details": {}, "events": [event] }] })
}

/// The address of the process that runs this domain.
fn base<'a>(graph: &'a Graph, layout: Layout, domain: &str) -> &'a str {
    match layout {
        Layout::Separate => {
            let position = DOMAINS.iter().position(|known| *known == domain);
            &graph.subgraphs[position.unwrap()].base
        }
        Layout::Sqlite | Layout::Postgres => &graph.router.base,
    }
}

/// Two units of a product.
async fn two_units(graph: &Graph, token: Option<&str>) -> Value {
    let found = graph.query(token, PRODUCTS, json!({})).await;
    let product = &found["data"]["productSearch"]["nodes"][0];
    let mut input = input(product, "pm_card_visa");
    input["items"][0]["quantity"] = json!(2);
    input
}

/// The number and the status of the next update.
async fn update(client: &mut Client) -> (i64, String) {
    let message = client.receive().await;
    let order = &message["payload"]["data"]["orderUpdated"];
    let sequence = order["sequence"]
        .as_i64()
        .unwrap_or_else(|| panic!("{message}"));
    (sequence, order["status"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_order_in_two_parcels_is_captured_by_parcel_and_watched_to_the_door_in_every_layout() {
    for layout in layouts() {
        let scratch = tempfile::tempdir().unwrap();
        let stripe = ThirdParties::start(scratch.path()).await;
        let Some(settings) = settings_of(layout, &stripe) else {
            continue;
        };
        let settings: Vec<_> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let graph = Graph::start(layout, &settings, &[]).await;
        let (orders, tracking) = (
            base(&graph, layout, "orders"),
            base(&graph, layout, "tracking"),
        );
        let token = graph.demo_token().await;
        let me = graph.query(Some(&token), "{ me { id } }", json!({})).await;
        let customer = me["data"]["me"]["id"].as_str().unwrap();
        let warehouse = graph
            .run(&["token", "--customer", customer, "--scope", "fulfilment"])
            .await;

        let variables = json!({ "input": two_units(&graph, Some(&token)).await, "key": "k" });
        let placed = graph.query(Some(&token), PLACE, variables).await;
        let id = &placed["data"]["orderPlace"]["order"]["id"];
        let read = async || {
            let answer = graph.query(Some(&token), ORDER, json!({ "id": id })).await;
            answer["data"]["order"].clone()
        };
        let order = until_it(&read, |order| order["status"] == "CONFIRMED").await;
        let item = &order["items"][0]["id"];
        let payment = async || stripe.payments(id).await[0].clone();
        let total = payment().await["amount_capturable"].as_i64().unwrap();
        assert_eq!(payment().await["status"], "requires_capture", "{layout:?}");

        let mut client = Client::connect(&graph.router.base, Some(&token)).await;
        let payload = json!({ "query": WATCH, "variables": { "id": id } });
        client
            .send(json!({ "id": "1", "type": "subscribe", "payload": payload }))
            .await;
        let (mut last, status) = update(&mut client).await;
        assert_eq!(status, "CONFIRMED", "{layout:?}");

        // One unit by the warehouse's webhook, repeated; the rest by the mutation.
        let lines = json!([{ "orderItemId": item, "quantity": 1 }]);
        let first = json!({
            "orderId": id, "carrier": "dhl", "trackingNumber": "JD0001", "lines": lines,
        });
        for _ in 0..2 {
            assert_eq!(
                webhook(orders, "fulfilment", &first).await,
                200,
                "{layout:?}"
            );
        }
        let captured = until_it(&payment, |payment| payment["amount_received"] != 0).await;
        let part = captured["amount_received"].as_i64().unwrap();
        assert!(0 < part && part < total, "{layout:?}: {part} of {total}");
        let input = json!({ "orderId": id, "carrier": "DHL", "trackingNumber": "JD0002" });
        let variables = json!({ "input": input, "key": "rest" });
        let rest = graph.query(Some(&warehouse), REGISTER, variables).await;
        let registered = &rest["data"]["shipmentRegister"];
        assert_eq!(registered["userErrors"], json!([]), "{layout:?}: {rest}");
        let captured = until_it(&payment, |payment| payment["status"] == "succeeded").await;
        assert_eq!(captured["amount_received"], total, "{layout:?}");

        let both = until_it(&read, |order| {
            order["shipments"]
                .as_array()
                .is_some_and(|parcels| parcels.len() == 2)
        })
        .await;
        for parcel in both["shipments"].as_array().unwrap() {
            let line = json!([{ "orderItem": { "id": item }, "quantity": 1 }]);
            assert_eq!(parcel["lines"], line, "{layout:?}");
        }
        for number in ["JD0001", "JD0002"] {
            let delivered = scan(number, "delivered");
            assert_eq!(
                webhook(tracking, "tracking/dhl", &scan(number, "transit")).await,
                200
            );
            assert_eq!(webhook(tracking, "tracking/dhl", &delivered).await, 200);
        }
        let mut statuses = vec![status];
        while statuses.last().unwrap() != "DELIVERED" {
            let (sequence, status) = update(&mut client).await;
            assert!(sequence > last, "{layout:?}: {sequence} after {last}");
            last = sequence;
            statuses.push(status);
        }
        statuses.dedup();
        // Close changes may be one update.
        statuses.retain(|status| status != "SHIPPED");
        assert_eq!(statuses, ["CONFIRMED", "DELIVERED"], "{layout:?}");
        let events = read().await["timeline"].to_string();
        assert_eq!(events.matches("order.payment_captured").count(), 2);
        assert_eq!(events.matches("order.shipped").count(), 1, "{layout:?}");
        drop(client);
        graph.stop().await;
    }
}

/// A shop whose process is killed.
struct Shop<'a> {
    scratch: &'a std::path::Path,
    stripe: &'a ThirdParties,
    token: String,
}

impl Shop<'_> {
    async fn serve(&self) -> Process {
        let mut command = vantage(self.scratch);
        command
            .envs(settings(self.stripe))
            .args(["serve", "--listen", "127.0.0.1:0"]);
        Process::start(command).await
    }

    async fn query(&self, base: &str, query: &str, variables: Value) -> Value {
        let request = reqwest::Client::new()
            .post(format!("{base}/graphql"))
            .bearer_auth(&self.token)
            .json(&json!({ "query": query, "variables": variables }));
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Places an order of two units, and returns its id.
    async fn place(&self, base: &str, key: &str) -> Value {
        let found = self.query(base, PRODUCTS, json!({})).await;
        let mut input = input(&found["data"]["productSearch"]["nodes"][0], "pm_card_visa");
        input["items"][0]["quantity"] = json!(2);
        let placed = self
            .query(base, PLACE, json!({ "input": input, "key": key }))
            .await;
        let id = placed["data"]["orderPlace"]["order"]["id"].clone();
        let read = async || self.query(base, ORDER, json!({ "id": id })).await;
        until_it(read, |answer| {
            answer["data"]["order"]["status"] == "CONFIRMED"
        })
        .await;
        id
    }
}

#[tokio::test]
async fn a_process_killed_while_it_captures_captures_once_and_a_cancelled_order_is_voided() {
    let scratch = tempfile::tempdir().unwrap();
    let stripe = ThirdParties::start(scratch.path()).await;
    let data = tempfile::tempdir().unwrap();
    let mut shop = Shop {
        scratch: data.path(),
        stripe: &stripe,
        token: String::new(),
    };
    let mut process = shop.serve().await;
    let token = vantage(data.path())
        .args(["token", "--demo"])
        .output()
        .await;
    shop.token = String::from_utf8(token.unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned();

    let mut sent = Vec::new();
    for moment in ["before", "after"] {
        let id = shop.place(&process.base, moment).await;
        let path = "/v1/payment_intents/*";
        stripe
            .fail("POST", path, 1, json!({ "kind": "hang", "moment": moment }))
            .await;
        let before = stripe.posts(path).await;
        let number = format!("JD{moment}");
        let parcel = json!({ "orderId": id, "carrier": "dhl", "trackingNumber": number });
        assert_eq!(webhook(&process.base, "fulfilment", &parcel).await, 200);
        until_it(async || stripe.posts(path).await, |posts| *posts > before).await;
        process.child.kill().await.unwrap();
        process = shop.serve().await;
        sent.push(id);
    }
    for id in &sent {
        let payment = async || stripe.payments(id).await[0].clone();
        let payment = until_it(payment, |payment| payment["status"] == "succeeded").await;
        assert_eq!(payment["amount_received"], payment["amount"]);
        let read = async || shop.query(&process.base, ORDER, json!({ "id": id })).await;
        let captured = "order.payment_captured";
        let order = until_it(read, |order| order.to_string().contains(captured)).await;
        assert_eq!(order.to_string().matches(captured).count(), 1);
    }

    let id = shop.place(&process.base, "to be cancelled").await;
    let cancelled = shop.query(&process.base, CANCEL, json!({ "id": id })).await;
    assert_eq!(cancelled["data"]["orderCancel"]["userErrors"], json!([]));
    let payment = async || stripe.payments(&id).await[0].clone();
    let voided = until_it(payment, |payment| payment["status"] == "canceled").await;
    assert_eq!(voided["amount_received"], 0);
    assert!(stripe.refunds_of(&voided).await.is_empty());
    let parcel = json!({ "orderId": id, "carrier": "dhl", "trackingNumber": "JD9" });
    assert_eq!(webhook(&process.base, "fulfilment", &parcel).await, 422);
    assert_eq!(process.stop().await.code(), Some(0));
}

#[tokio::test]
async fn the_sandboxs_warehouse_sends_an_order_and_it_arrives_at_its_address() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command
        .env("VANTAGE_DEMO__ORDERS", "60")
        .env("VANTAGE_SANDBOX__PACE", "50ms")
        .env("VANTAGE_SANDBOX__ODDITIES", "0")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(command).await;
    let token = vantage(data.path())
        .args(["token", "--demo"])
        .output()
        .await;
    let token = String::from_utf8(token.unwrap().stdout).unwrap();
    let query = async |query: &str, variables: Value| -> Value {
        let request = reqwest::Client::new()
            .post(format!("{}/graphql", process.base))
            .bearer_auth(token.trim())
            .json(&json!({ "query": query, "variables": variables }));
        request.send().await.unwrap().json().await.unwrap()
    };
    let found = query(PRODUCTS, json!({})).await;
    let product = &found["data"]["productSearch"]["nodes"][0];
    let input = input(product, "pm_card_visa");
    let placed = query(PLACE, json!({ "input": input, "key": "k" })).await;
    let id = &placed["data"]["orderPlace"]["order"]["id"];
    let order = "query($id: ID!) { order(id: $id) { status shipments {
        trackingNumber lines { quantity } history { status location }
    } } }";
    let read = async || query(order, json!({ "id": id })).await["data"]["order"].clone();
    let arrived = until_it(read, |order| order["status"] == "DELIVERED").await;
    let parcel = &arrived["shipments"][0];
    assert_eq!(parcel["lines"], json!([{ "quantity": 1 }]));
    let history = parcel["history"].as_array().unwrap();
    let places: Vec<_> = history.iter().map(|scan| &scan["location"]).collect();
    assert!(
        places[0].as_str().unwrap().contains("Louisville"),
        "{places:?}"
    );
    assert!(
        places[places.len() - 1]
            .as_str()
            .unwrap()
            .contains("Leipzig")
    );
    assert_eq!(process.stop().await.code(), Some(0));
}
