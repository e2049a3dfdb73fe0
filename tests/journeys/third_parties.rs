//! Third parties, simulated in a separate process.

use std::path::Path;

use entities::orders::order;
use platform::database::Database;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::kit::{Process, vantage};

const KEY: &str = "sk_test_journey";
const WEBHOOK_SECRET: &str = "whsec_journey";

/// The sandbox process and its control API.
pub(crate) struct ThirdParties {
    pub(crate) process: Process,
    /// The address of its mail server, `smtp://…`.
    pub(crate) mail_server: String,
    http: reqwest::Client,
}

impl ThirdParties {
    pub(crate) async fn start(data: &Path) -> Self {
        let mut command = vantage(data);
        command
            .env("VANTAGE_SANDBOX__WEBHOOK_RETRY", "200ms")
            .args(["sandbox", "--listen", "127.0.0.1:0"]);
        let mut process = Process::start(command).await;
        let line = process.output.next_line().await.unwrap().unwrap();
        let (_, mail_server) = line.split_once("listening on ").unwrap();
        let (mail_server, _) = mail_server.split_once(',').unwrap();
        Self {
            mail_server: mail_server.to_owned(),
            process,
            http: reqwest::Client::new(),
        }
    }

    /// Settings that connect the graph's processes to it.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let url = &self.process.base;
        [
            ("VANTAGE_PROVIDERS__STRIPE__URL", url.as_str()),
            ("VANTAGE_PROVIDERS__STRIPE__KEY", KEY),
            ("VANTAGE_PROVIDERS__STRIPE__WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("VANTAGE_PROVIDERS__EASYPOST__URL", url),
            ("VANTAGE_PROVIDERS__EASYPOST__KEY", KEY),
            (
                "VANTAGE_PROVIDERS__EASYPOST__WEBHOOK_SECRET",
                WEBHOOK_SECRET,
            ),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec()
    }

    /// Settings that connect the notifications domain to it.
    pub(crate) fn message_settings(&self) -> Vec<(&'static str, String)> {
        let url = &self.process.base;
        [
            ("VANTAGE_PROVIDERS__SMTP__URL", self.mail_server.as_str()),
            ("VANTAGE_PROVIDERS__FCM__URL", url),
            ("VANTAGE_PROVIDERS__FCM__ACCOUNT", "shop"),
            ("VANTAGE_PROVIDERS__FCM__KEY", KEY),
            ("VANTAGE_PROVIDERS__SMS__URL", url),
            ("VANTAGE_PROVIDERS__SMS__ACCOUNT", "AC_journey"),
            ("VANTAGE_PROVIDERS__SMS__KEY", KEY),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec()
    }

    /// The push messages that were accepted for devices, oldest first: the device, the message's id, and its title.
    pub(crate) async fn pushed(&self) -> Vec<(String, String, String)> {
        let sent = self.get("/_control/messages").await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let messages = sent["messages"].as_array().unwrap().iter();
        messages
            .map(|sent| &sent["message"])
            .map(|message| {
                (
                    text(&message["token"]),
                    text(&message["data"]["notificationId"]),
                    text(&message["notification"]["title"]),
                )
            })
            .collect()
    }

    /// The emails that were accepted, oldest first.
    pub(crate) async fn mails(&self) -> Vec<Value> {
        let mails = self.get("/_control/mails").await;
        mails["mails"].as_array().unwrap().clone()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.process.base)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = self.http.get(self.url(path)).bearer_auth(KEY);
        request.send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn control(&self, path: &str, body: &Value) {
        let request = self.http.post(self.url(path)).json(body);
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{response:?}");
    }

    /// Sends EasyPost webhooks to the process at this address.
    pub(crate) async fn send_parcel_webhooks(&self, base: &str) {
        let endpoint = json!({
            "provider": "easypost", "url": format!("{base}/webhooks/easypost"),
            "secret": WEBHOOK_SECRET,
        });
        self.control("/_control/webhooks", &endpoint).await;
    }

    /// Sends Stripe webhooks to the process at this address.
    pub(crate) async fn send_payment_webhooks(&self, base: &str) {
        let endpoint = json!({
            "provider": "stripe", "url": format!("{base}/webhooks/stripe"), "secret": WEBHOOK_SECRET,
        });
        self.control("/_control/webhooks", &endpoint).await;
    }

    /// Loads into Stripe the payments of orders that were seeded before it started.
    pub(crate) async fn load_payments(&self, orders: &Database) {
        let orders = order::Entity::find().all(orders.read()).await.unwrap();
        let payments: Vec<_> = orders
            .into_iter()
            .filter_map(|order| {
                Some(json!({
                    "id": order.payment_intent_id?,
                    // Higher than one order, since a test may create several returns for it.
                    "amount": order.local_currency_amount.max(100_000_000),
                    "currency": order.local_currency_code,
                }))
            })
            .collect();
        self.control("/_control/payments", &json!(payments)).await;
    }

    /// Simulates a carrier scan of the parcel.
    pub(crate) async fn scan(&self, number: &str, kind: &str) {
        let path = format!("/_control/shipments/{number}/scan");
        self.control(&path, &json!({ "kind": kind })).await;
    }

    /// Sets the status the carrier reports for the parcel.
    pub(crate) async fn set_status(&self, number: &str, status: &str) {
        let path = format!("/_control/shipments/{number}/status");
        self.control(&path, &json!({ "status": status })).await;
    }

    /// Calls received so far with this method and path.
    pub(crate) async fn calls(&self, method: &str, path: &str) -> Vec<Value> {
        let path = format!("/_control/calls?method={method}&path={path}");
        self.get(&path).await["calls"].as_array().unwrap().clone()
    }

    /// Forgets the calls received so far.
    pub(crate) async fn forget_calls(&self) {
        let request = self.http.delete(self.url("/_control/calls"));
        assert!(request.send().await.unwrap().status().is_success());
    }

    /// Number of POST calls received so far at this path.
    pub(crate) async fn posts(&self, path: &str) -> usize {
        self.calls("POST", path).await.len()
    }

    /// Simulates the customer confirming a payment with their bank.
    pub(crate) async fn confirm(&self, intent: &str) {
        let path = format!("/v1/payment_intents/{intent}/confirm");
        let request = self.http.post(self.url(&path)).bearer_auth(KEY);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(request.send().await.unwrap().status(), 200);
    }

    /// Payments of an order, newest first.
    pub(crate) async fn payments(&self, order: &Value) -> Vec<Value> {
        let list = self.get("/v1/payment_intents?limit=100").await;
        let all = list["data"].as_array().unwrap().iter();
        all.filter(|intent| intent["metadata"]["order"] == *order)
            .cloned()
            .collect()
    }

    /// Refunds of a payment.
    pub(crate) async fn refunds_of(&self, intent: &Value) -> Vec<Value> {
        let id = intent["id"].as_str().unwrap();
        let list = self.get(&format!("/v1/refunds?payment_intent={id}")).await;
        list["data"].as_array().unwrap().clone()
    }

    /// All refunds made by Stripe.
    pub(crate) async fn refunds(&self) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().map_or(String::new(), |last| {
                format!("&starting_after={}", last["id"].as_str().unwrap())
            });
            let page = self.get(&format!("/v1/refunds?limit=100{after}")).await;
            all.extend(page["data"].as_array().unwrap().iter().cloned());
            if page["has_more"] != true {
                return all;
            }
        }
    }

    /// Makes the next `next` such calls fail with this effect.
    pub(crate) async fn fail(&self, method: &str, path: &str, next: u32, effect: Value) {
        let rule = json!({ "method": method, "path": path, "next": next, "effect": effect });
        self.control("/_control/faults", &rule).await;
    }

    /// Removes all injected faults.
    pub(crate) async fn mend(&self) {
        let request = self.http.delete(self.url("/_control/faults"));
        assert!(request.send().await.unwrap().status().is_success());
    }
}
