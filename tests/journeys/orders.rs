//! An order from basket to refund through the running binary, with a simulated Stripe in its own process.

use std::path::Path;

use serde_json::{Value, json};

use crate::kit::{DOMAINS, Graph, Layout, Process, layouts, vantage};
use crate::third_parties::ThirdParties;
use crate::wait::{until, until_it};

pub(crate) const PRODUCTS: &str = "{ productSearch(query: \"\", first: 2) { nodes { id title price(currency: EUR) { current { amount { amount } } } } } }";

pub(crate) const PLACE: &str = "mutation($input: OrderPlaceInput!, $key: String!) { orderPlace(input: $input, idempotencyKey: $key) { order { id status total { currency } items { productName product { title } unitPrice { amount } } } paymentClientSecret userErrors { code } } }";

const PREVIEW: &str = "query($input: OrderPreviewInput!) { orderPreview(input: $input) { total { amount currency } shippingOptions { code } userErrors { code } } }";

const CANCEL: &str = "mutation($id: ID!, $key: String!) { orderCancel(id: $id, reason: \"found it cheaper\", idempotencyKey: $key) { order { status allowedActions } userErrors { code } } }";

const ORDER: &str =
    "query($id: ID!) { order(id: $id) { status timeline { event actor } allowedActions } }";

const ORDERS: &str = "{ me { orders(first: 1) { totalCount } } }";

/// Settings for the graph's processes.
fn settings(stripe: &ThirdParties) -> Vec<(&'static str, String)> {
    let mut settings = stripe.settings();
    settings.push(("VANTAGE_DEMO__ORDERS", "60".to_owned()));
    settings.push(("VANTAGE_ORDERS__CAPTURE", "immediate".to_owned()));
    // Nobody tells other exchange rates between a price and the order for it.
    settings.push(("VANTAGE_SANDBOX__ENABLED", "false".to_owned()));
    settings
}

pub(crate) fn input(product: &Value, token: &str) -> Value {
    json!({
        "items": [{ "productId": product["id"], "quantity": 1 }],
        "currency": "EUR",
        "shippingAddress": {
            "name": "Ada Lovelace", "line1": "Grimmaische Str. 1", "city": "Leipzig",
            "postalCode": "04109", "countryCode": "DE",
        },
        "paymentMethodToken": token,
    })
}

fn events(order: &Value) -> Vec<&str> {
    let timeline = order["timeline"].as_array().unwrap().iter();
    timeline
        .map(|entry| entry["event"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_order_is_placed_confirmed_by_webhook_cancelled_and_refunded_in_every_layout() {
    for layout in layouts() {
        let scratch = tempfile::tempdir().unwrap();
        let stripe = ThirdParties::start(scratch.path()).await;
        let settings = settings(&stripe);
        let settings: Vec<_> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let graph = Graph::start(layout, &settings, &[]).await;
        let orders = match layout {
            Layout::Separate => {
                let position = DOMAINS.iter().position(|domain| *domain == "orders");
                &graph.subgraphs[position.unwrap()].base
            }
            Layout::Sqlite | Layout::Postgres => &graph.router.base,
        };
        stripe.send_payment_webhooks(orders).await;
        let token = graph.demo_token().await;
        let token = Some(token.as_str());
        let found = graph.query(token, PRODUCTS, json!({})).await;
        let product = &found["data"]["productSearch"]["nodes"][0];

        // The bank requires authentication first.
        let mut ordered = input(product, "pm_card_authenticationRequired");
        let mut preview = ordered.clone();
        preview
            .as_object_mut()
            .unwrap()
            .remove("paymentMethodToken");
        let previewed = graph
            .query(token, PREVIEW, json!({ "input": preview }))
            .await;
        let preview = &previewed["data"]["orderPreview"];
        assert_eq!(preview["userErrors"], json!([]), "{previewed:#}");
        let options = json!([{ "code": "standard" }, { "code": "express" }]);
        assert_eq!(preview["shippingOptions"], options);
        ordered["expectedTotal"] = json!({ "amount": "0.01", "currency": "EUR" });
        let refused = json!({ "input": ordered, "key": "k" });
        let refused = graph.query(token, PLACE, refused).await;
        let errors = &refused["data"]["orderPlace"]["userErrors"];
        assert_eq!(errors, &json!([{ "code": "TOTAL_CHANGED" }]), "{layout:?}");
        ordered["expectedTotal"] = preview["total"].clone();
        let waiting = json!({ "input": ordered, "key": "k" });
        let placed = graph.query(token, PLACE, waiting.clone()).await;
        let payload = &placed["data"]["orderPlace"];
        assert_eq!(payload["userErrors"], json!([]), "{layout:?}: {placed:#}");
        assert_eq!(payload["order"]["status"], "PENDING");
        assert_eq!(payload["order"]["total"]["currency"], "EUR");
        let item = &payload["order"]["items"][0];
        assert_eq!(item["productName"], product["title"]);
        assert_eq!(item["product"]["title"], product["title"]);
        assert_eq!(
            item["unitPrice"]["amount"], product["price"]["current"]["amount"]["amount"],
            "{layout:?}"
        );
        let secret = payload["paymentClientSecret"].as_str().unwrap();
        let (intent, _) = secret.split_once("_secret").unwrap();
        assert_eq!(graph.query(token, PLACE, waiting).await, placed);

        stripe.confirm(intent).await;
        let id = &payload["order"]["id"];
        let order =
            async || graph.query(token, ORDER, json!({ "id": id })).await["data"]["order"].take();
        let confirmed = until_it(&order, |order| order["status"] == "CONFIRMED").await;
        assert_eq!(events(&confirmed), ["order.placed", "order.confirmed"]);
        assert_eq!(confirmed["allowedActions"], json!(["CANCEL", "REORDER"]));

        let variables = json!({ "id": id, "key": "c" });
        let cancelled = graph.query(token, CANCEL, variables.clone()).await;
        let expected = json!({
            "order": { "status": "CANCELLED", "allowedActions": ["REORDER"] }, "userErrors": [],
        });
        assert_eq!(
            cancelled["data"]["orderCancel"], expected,
            "{layout:?}: {cancelled:#}"
        );
        assert_eq!(graph.query(token, CANCEL, variables).await, cancelled);
        let refunded = until_it(&order, |order| events(order).contains(&"order.refunded")).await;
        assert_eq!(
            events(&refunded)[2..],
            ["order.cancelled", "order.refunded"]
        );
        let payments = stripe.payments(id).await;
        let refunds = stripe.refunds_of(&payments[0]).await;
        assert_eq!((payments.len(), refunds.len()), (1, 1), "{layout:?}");
        assert_eq!(refunds[0]["amount"], payments[0]["amount"]);

        let read = async || {
            let metrics = reqwest::get(format!("{orders}/metrics")).await.unwrap();
            metrics.text().await.unwrap()
        };
        // Measured by a job, from time to time.
        let unsettled = "vantage_order_payments_unsettled{state=\"wanted\"} 0";
        let metrics = until(unsettled, async || {
            Some(read().await).filter(|metrics| metrics.contains(unsettled))
        })
        .await;
        for line in [
            "vantage_order_payments_total{outcome=\"taken\"} 1",
            "vantage_order_payments_total{outcome=\"released\"} 1",
            "vantage_orders_placed_total{currency=\"EUR\"} 1",
            "vantage_webhooks_total{provider=\"stripe\",outcome=\"applied\"}",
        ] {
            assert!(metrics.contains(line), "{layout:?}: {line} in {metrics}");
        }

        one_key_of_many_callers(&stripe, &graph, token, product, layout).await;
        graph.stop().await;
    }
}

/// Sixty-four concurrent calls with one key: one order, one payment.
async fn one_key_of_many_callers(
    stripe: &ThirdParties,
    graph: &Graph,
    token: Option<&str>,
    product: &Value,
    layout: Layout,
) {
    let count = async || {
        graph.query(token, ORDERS, json!({})).await["data"]["me"]["orders"]["totalCount"]
            .as_i64()
            .unwrap()
    };
    let created = stripe.posts("/v1/payment_intents").await;
    let confirmed = stripe.posts("/v1/payment_intents/*").await;
    let before = count().await;
    let variables = json!({ "input": input(product, "pm_card_visa"), "key": "one" });
    let calls = (0..64).map(|_| graph.query(token, PLACE, variables.clone()));
    let answers = futures::future::join_all(calls).await;
    // On a busy machine, some do not wait until it is paid.
    let last = until_it(
        async || graph.query(token, PLACE, variables.clone()).await,
        |answer| answer["data"]["orderPlace"]["order"]["status"] == "CONFIRMED",
    )
    .await;
    let first = &last["data"]["orderPlace"];
    for answer in &answers {
        let payload = &answer["data"]["orderPlace"];
        assert_eq!(payload["order"]["id"], first["order"]["id"], "{layout:?}");
        assert_eq!(payload["userErrors"], json!([]), "{layout:?}");
    }
    assert_eq!(count().await, before + 1);
    assert_eq!(stripe.payments(&first["order"]["id"]).await.len(), 1);
    assert_eq!(stripe.posts("/v1/payment_intents").await, created + 1);
    assert_eq!(stripe.posts("/v1/payment_intents/*").await, confirmed + 1);
}

/// A process that is restarted over the same data.
struct Shop<'a> {
    data: &'a Path,
    stripe: &'a ThirdParties,
    token: String,
    http: reqwest::Client,
}

impl Shop<'_> {
    async fn serve(&self) -> Process {
        let mut command = vantage(self.data);
        command
            .envs(settings(self.stripe))
            .args(["serve", "--listen", "127.0.0.1:0"]);
        Process::start(command).await
    }

    async fn query(&self, base: &str, query: &str, variables: Value) -> Option<Value> {
        let request = self
            .http
            .post(format!("{base}/graphql"))
            .bearer_auth(&self.token)
            .json(&json!({ "query": query, "variables": variables }));
        request.send().await.ok()?.json().await.ok()
    }

    /// Runs an operation that calls Stripe, and kills the process during that call.
    async fn killed(
        &self,
        mut process: Process,
        path: &str,
        moment: &str,
        query: &str,
        variables: Value,
    ) {
        let never = json!({ "kind": "hang", "moment": moment });
        self.stripe.fail("POST", path, 1, never).await;
        let before = self.stripe.posts(path).await;
        let base = process.base.clone();
        let asked = self.query(&base, query, variables);
        let called = until_it(
            async || self.stripe.posts(path).await,
            |posts| *posts > before,
        );
        // The job calls after the response has been sent.
        let kill = async {
            called.await;
            process.child.kill().await.unwrap();
        };
        tokio::join!(asked, kill);
    }
}

#[tokio::test]
async fn a_process_killed_in_any_call_to_stripe_leaves_no_order_unpaid_and_none_paid_twice() {
    let scratch = tempfile::tempdir().unwrap();
    let stripe = ThirdParties::start(scratch.path()).await;
    let data = tempfile::tempdir().unwrap();
    let mut shop = Shop {
        data: data.path(),
        stripe: &stripe,
        token: String::new(),
        http: reqwest::Client::new(),
    };
    let mut process = shop.serve().await;
    let output = vantage(data.path())
        .args(["token", "--demo"])
        .output()
        .await
        .unwrap();
    shop.token = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let found = shop
        .query(&process.base, PRODUCTS, json!({}))
        .await
        .unwrap();
    let product = &found["data"]["productSearch"]["nodes"][0];
    let place = |key: &str| json!({ "input": input(product, "pm_card_visa"), "key": key });

    let points = [
        ("/v1/payment_intents", "before"),
        ("/v1/payment_intents", "after"),
        ("/v1/payment_intents/*", "before"),
        ("/v1/payment_intents/*", "after"),
    ];
    for (path, moment) in points {
        let key = format!("{path} {moment}");
        shop.killed(process, path, moment, PLACE, place(&key)).await;
        process = shop.serve().await;
    }
    for (path, moment) in points {
        let key = format!("{path} {moment}");
        let placed = shop.query(&process.base, PLACE, place(&key)).await.unwrap();
        let id = &placed["data"]["orderPlace"]["order"]["id"];
        let order = async || {
            let answer = shop.query(&process.base, ORDER, json!({ "id": id })).await;
            answer.unwrap()["data"]["order"].take()
        };
        until_it(order, |order| order["status"] == "CONFIRMED").await;
        let payments = stripe.payments(id).await;
        let paid = payments
            .iter()
            .filter(|intent| intent["status"] == "succeeded");
        assert_eq!(paid.count(), 1, "{key}: {payments:#?}");
    }

    let placed = shop
        .query(&process.base, PLACE, place("to be cancelled"))
        .await
        .unwrap();
    let id = placed["data"]["orderPlace"]["order"]["id"].clone();
    let cancel = json!({ "id": id, "key": "c" });
    shop.killed(process, "/v1/refunds", "after", CANCEL, cancel)
        .await;
    process = shop.serve().await;
    let order = async || {
        let answer = shop.query(&process.base, ORDER, json!({ "id": id })).await;
        answer.unwrap()["data"]["order"].take()
    };
    let order = until_it(order, |order| events(order).contains(&"order.refunded")).await;
    assert_eq!(order["status"], "CANCELLED");
    let payments = stripe.payments(&id).await;
    let refunds = stripe.refunds_of(&payments[0]).await;
    assert_eq!((payments.len(), refunds.len()), (1, 1));
    assert_eq!(process.stop().await.code(), Some(0));
}
