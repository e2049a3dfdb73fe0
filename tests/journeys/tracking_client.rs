//! Shared by live tracking journeys: a shop with simulated carriers, and a graphql-transport-ws client.

use std::collections::HashMap;

use chrono::{TimeDelta, Utc};
use entities::tracking::shipment::{self, Carrier, TrackingStatus};
use futures::{SinkExt, StreamExt};
use platform::database::{Database, DatabaseConfig};
use resolvers::id::IdKind;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use uuid::Uuid;

use crate::kit::{Process, vantage};
use crate::wait::PATIENCE;

const TRACKING: &str = "subscription($order: ID!) { orderTracking(orderId: $order) { sequence snapshot status location timestamp carrier shipment { trackingNumber status } order { id status total { formatted } } } }";

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An acknowledged connection.
pub(crate) struct Client(Socket);

impl Client {
    /// Connects to a process's `http://…` address, with a bearer token.
    pub(crate) async fn connect(base: &str, token: Option<&str>) -> Self {
        let payload = token.map_or(
            json!({}),
            |token| json!({ "authorization": format!("Bearer {token}") }),
        );
        Self::connect_with(base, payload).await
    }

    pub(crate) async fn connect_with(base: &str, payload: Value) -> Self {
        let connected = Self::upgrade(base, &[], payload).await;
        connected.expect("the upgrade is accepted")
    }

    /// Connects with these headers; the HTTP status if the upgrade is rejected.
    pub(crate) async fn upgrade(
        base: &str,
        headers: &[(&'static str, &str)],
        payload: Value,
    ) -> Result<Self, u16> {
        let url = format!("{}/graphql", base.replace("http", "ws"));
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert(
            "sec-websocket-protocol",
            "graphql-transport-ws".parse().unwrap(),
        );
        for (name, value) in headers {
            let value = value.parse().unwrap();
            request.headers_mut().insert(*name, value);
        }
        let (socket, _) = match tokio_tungstenite::connect_async(request).await {
            Ok(connected) => connected,
            Err(Error::Http(response)) => return Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        };
        let mut client = Self(socket);
        client
            .send(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(client.receive().await["type"], "connection_ack");
        Ok(client)
    }

    pub(crate) async fn send(&mut self, message: Value) {
        let message = Message::text(message.to_string());
        self.0.send(message).await.unwrap();
    }

    pub(crate) async fn watch(&mut self, order: &str) {
        let payload = json!({ "query": TRACKING, "variables": { "order": order } });
        self.send(json!({ "id": "1", "type": "subscribe", "payload": payload }))
            .await;
    }

    /// The next message.
    pub(crate) async fn receive(&mut self) -> Value {
        match self.next().await {
            Ok(message) => message,
            Err(code) => panic!("closed with {code:?}"),
        }
    }

    /// The next update of the watched order.
    pub(crate) async fn update(&mut self) -> Value {
        let message = self.receive().await;
        assert_eq!(message["type"], "next", "{message:#}");
        assert_eq!(message["payload"].get("errors"), None, "{message:#}");
        message["payload"]["data"]["orderTracking"].clone()
    }

    /// Reads until the server closes, and returns the close code.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }

    async fn next(&mut self) -> Result<Value, Option<u16>> {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Ok(serde_json::from_str(&text).unwrap());
                    }
                    Some(Ok(Message::Close(frame))) => {
                        return Err(frame.map(|frame| frame.code.into()));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(None),
                }
            }
        };
        tokio::time::timeout(PATIENCE, next)
            .await
            .expect("a message in time")
    }
}

/// `serve` with a small demo shop and its simulated third parties.
pub(crate) struct Shop {
    pub(crate) process: Process,
    /// Address of the simulated third parties.
    pub(crate) sandbox: String,
    /// Token of a customer with parcels in transit.
    pub(crate) token: String,
    /// That customer's parcels.
    pub(crate) moving: Vec<Parcel>,
    data: TempDir,
    settings: Vec<(String, String)>,
    http: reqwest::Client,
}

/// A parcel in transit, and its order.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) order: String,
    pub(crate) number: String,
    /// The carrier's name in the sandbox.
    pub(crate) carrier: String,
}

impl Shop {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut all = vec![("VANTAGE_DEMO__ORDERS".to_owned(), "300".to_owned())];
        all.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let mut command = vantage(data.path());
        command
            .envs(all.iter().map(|(name, value)| (name, value)))
            .args(["serve", "--listen", "127.0.0.1:0"]);
        let mut process = Process::start(command).await;
        let line = process.output.next_line().await.unwrap().unwrap();
        let (_, rest) = line.split_once("Simulated at ").expect("simulators");
        let (sandbox, _) = rest.split_once(": ").unwrap();
        let sandbox = sandbox.to_owned();
        let mut shop = Self {
            process,
            sandbox,
            token: String::new(),
            moving: Vec::new(),
            data,
            settings: all,
            http: reqwest::Client::new(),
        };
        let (customer, moving) = shop.somebody_who_waits().await;
        shop.token = shop.run(&["token", "--customer", &customer]).await;
        shop.moving = moving;
        shop
    }

    /// Starts another instance over the same databases and third parties.
    pub(crate) async fn another(&self) -> Process {
        let mut command = vantage(self.data.path());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        for name in [
            "DHL",
            "FEDEX",
            "UPS",
            "EASYPOST",
            "STRIPE",
            "FCM",
            "EXCHANGE_RATES",
        ] {
            let key = |key: &str| format!("VANTAGE_PROVIDERS__{name}__{key}");
            command
                .env(key("URL"), &self.sandbox)
                .env(key("ACCOUNT"), "sandbox")
                .env(key("KEY"), "sk_test_sandbox");
        }
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        Process::start(command).await
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> String {
        let output = vantage(self.data.path())
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .args(arguments)
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs a query as that customer and returns its data.
    pub(crate) async fn query(&self, query: &str, variables: Value) -> Value {
        let answer: Value = self
            .http
            .post(format!("{}/graphql", self.process.base))
            .bearer_auth(&self.token)
            .json(&json!({ "query": query, "variables": variables }))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(answer.get("errors"), None, "{answer:#}");
        answer["data"].clone()
    }

    /// The customer with most parcels in transit with carriers that support polling, and those parcels.
    async fn somebody_who_waits(&self) -> (String, Vec<Parcel>) {
        let database = self.database("tracking").await;
        let mut waiting: HashMap<Uuid, Vec<Parcel>> = HashMap::new();
        for carrier in [Carrier::Dhl, Carrier::Fedex, Carrier::Ups] {
            let now = Utc::now();
            let due = shipment::Due {
                polled_before: now,
                created_after: now - TimeDelta::days(365),
            };
            let due = shipment::due(database.read(), carrier, due, None, 1_000);
            for parcel in due.await.unwrap() {
                if parcel.return_id.is_none() && parcel.status != TrackingStatus::LabelCreated {
                    waiting.entry(parcel.customer_id).or_default().push(Parcel {
                        order: IdKind::Order.format(parcel.order_id),
                        number: parcel.tracking_number,
                        carrier: parcel.carrier.as_str().to_owned(),
                    });
                }
            }
        }
        let most = waiting.into_iter().max_by_key(|(_, parcels)| parcels.len());
        let (customer, parcels) = most.expect("a parcel under way");
        (IdKind::Customer.format(customer), parcels)
    }

    /// Calls the sandbox's control API, with an optional JSON body.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}/_control/{path}", self.sandbox);
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {response:?}");
        response.json().await.unwrap_or_default()
    }

    /// Simulates a carrier scan of the parcel.
    pub(crate) async fn scan(&self, parcel: &Parcel, status: &str, location: &str) {
        let path = format!("shipments/{}/status", parcel.number);
        let body = json!({ "status": status, "location": location });
        self.control("POST", &path, Some(body)).await;
    }

    /// Opens a domain's database alongside the running process.
    pub(crate) async fn database(&self, domain: &str) -> Database {
        let config = DatabaseConfig::sqlite(self.data.path().to_owned());
        Database::open(&config, domain).await.unwrap()
    }

    /// The process's metrics, in Prometheus format.
    pub(crate) async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.process.base);
        let response = self.http.get(url).send().await.unwrap();
        response.text().await.unwrap()
    }

    pub(crate) async fn stop(mut self) {
        assert!(self.process.stop().await.success());
    }
}
