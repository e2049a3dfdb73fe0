//! Webhooks to partners through the binary: registered by commands, sent in order in every layout and through kills,
//! and verified by the official library.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use chrono::Utc;
use parking_lot::Mutex;
use platform::database::Database;
use platform::outbox::{self, NewEvent};
use resolvers::id::IdKind;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use uuid::Uuid;

use crate::kit::{Graph, Layout, layouts, vantage};
use crate::redis_server::Redis;
use crate::wait::until;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rest");

/// A webhook as a partner's server received it.
#[derive(Clone, Debug)]
struct Received {
    headers: Value,
    body: String,
}

impl Received {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn id(&self) -> &str {
        self.headers["webhook-id"].as_str().unwrap()
    }

    fn signatures(&self) -> usize {
        self.headers["webhook-signature"]
            .as_str()
            .unwrap()
            .split(' ')
            .count()
    }
}

/// A partner's server.
#[derive(Clone, Default)]
struct Receiver {
    url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/hooks", listener.local_addr().unwrap()),
            ..Self::default()
        };
        let routes = Router::new()
            .route("/hooks", post(receive))
            .with_state(receiver.clone());
        tokio::spawn(async { axum::serve(listener, routes).await });
        receiver
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().clone()
    }

    /// The objects and sequences of all events, in the order in which each arrived first.
    fn events(&self) -> Vec<(String, i64)> {
        let mut ids = Vec::new();
        let mut events = Vec::new();
        for one in self.received() {
            if !ids.iter().any(|id| id == one.id()) {
                ids.push(one.id().to_owned());
                let json = one.json();
                let object = json["objectId"].as_str().unwrap().to_owned();
                events.push((object, json["sequence"].as_i64().unwrap()));
            }
        }
        events
    }

    async fn until_received(&self, events: usize) -> Vec<Received> {
        until("the partner has all events", async || {
            (self.events().len() >= events).then(|| self.received())
        })
        .await
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: String) {
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers = names.map(|name| (name.to_owned(), json!(headers[name].to_str().unwrap())));
    receiver.received.lock().push(Received {
        headers: Value::Object(headers.into_iter().collect()),
        body,
    });
}

/// A partner with a webhook, registered before the graph starts.
struct Partner {
    data: TempDir,
    _clients: TempDir,
    _redis: Option<Redis>,
    settings: Vec<(&'static str, String)>,
    key: String,
    webhook: String,
    secret: String,
    receiver: Receiver,
}

impl Partner {
    /// `None` if the layout needs a Redis server that this machine does not have.
    async fn register(layout: Layout) -> Option<Self> {
        let (data, clients) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = clients.path().join("clients.yaml");
        let mut settings = vec![
            ("VANTAGE_CLIENTS__FILE", file.to_str().unwrap().to_owned()),
            ("VANTAGE_CLIENTS__RELOAD_INTERVAL", "20ms".to_owned()),
            ("VANTAGE_WEBHOOKS__ALLOW_PRIVATE_HOSTS", "true".to_owned()),
            ("VANTAGE_DEMO__ORDERS", "20".to_owned()),
        ];
        let mut redis = None;
        if layout == Layout::Separate {
            std::env::var("VANTAGE_TEST_REDIS_URL").ok()?;
            let server = Redis::start().await;
            settings.push(("VANTAGE_REDIS_URL", server.url()));
            redis = Some(server);
        }
        let receiver = Receiver::start().await;
        let mut partner = Self {
            data,
            _clients: clients,
            _redis: redis,
            settings,
            key: String::new(),
            webhook: String::new(),
            secret: String::new(),
            receiver,
        };
        let added = partner
            .run(&["client", "add", "acme", "--scope", "orders:read"])
            .await;
        partner.key = last_line(&added);
        let url = partner.receiver.url.clone();
        let added = partner
            .run(&[
                "webhooks",
                "add",
                "acme",
                &url,
                "--event",
                "order.*",
                "--all-customers",
            ])
            .await;
        partner.secret = last_line(&added);
        let listed = partner.run(&["webhooks", "list"]).await;
        partner.webhook = listed.split(' ').nth(1).unwrap().to_owned();
        // Neither the file nor anything else has the secret.
        let written = std::fs::read_to_string(partner.file()).unwrap() + &listed;
        assert!(
            !written.contains(&partner.secret) && !written.contains("whsec_"),
            "{written}"
        );
        Some(partner)
    }

    fn file(&self) -> PathBuf {
        PathBuf::from(&self.settings[0].1)
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        let settings = self.settings.iter();
        settings
            .map(|(name, value)| (*name, value.as_str()))
            .collect()
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let mut command = vantage(self.data.path());
        command.args(arguments).envs(self.settings());
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts the graph over the data that the webhook was registered with.
    async fn start(&mut self, layout: Layout) -> Graph {
        let data = std::mem::replace(&mut self.data, tempfile::tempdir().unwrap());
        Graph::start_in(data, layout, &self.settings(), &[]).await
    }

    /// What `partnerEvents` gives this partner: ids and bodies after an event.
    async fn events(&self, base: &str, after: Value) -> Value {
        let query = "query($after: ID) { partnerEvents(first: 100, after: $after) { nodes { id body } totalCount } }";
        let request = reqwest::Client::new()
            .post(format!("{base}/graphql"))
            .header("x-api-key", &self.key)
            .json(&json!({ "query": query, "variables": { "after": after } }));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer.get("errors"), None, "{answer:#}");
        answer["data"]["partnerEvents"].clone()
    }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap().to_owned()
}

/// Publishes this many events of each of some orders, as the orders domain does.
async fn publish(orders: &Database, ids: &[String], events: usize) {
    for _ in 0..events {
        for id in ids {
            let transaction = orders.begin().await.unwrap();
            let event = NewEvent {
                topic: "orders.events",
                event_type: "order.shipped",
                aggregate_id: id,
                data: json!({
                    "version": 1, "orderId": id, "status": "shipped",
                    "customerId": IdKind::Customer.format(Uuid::now_v7()),
                }),
            };
            outbox::append(&transaction, event, Utc::now())
                .await
                .unwrap();
            transaction.commit().await.unwrap();
        }
    }
}

fn new_orders<const N: usize>() -> [String; N] {
    std::array::from_fn(|_| IdKind::Order.format(Uuid::now_v7()))
}

#[tokio::test]
async fn a_partner_is_notified_and_reads_the_same_again_in_every_layout() {
    for layout in layouts() {
        let Some(mut partner) = Partner::register(layout).await else {
            continue;
        };
        let graph = partner.start(layout).await;
        let orders = graph.database("orders").await;
        publish(&orders, &new_orders::<2>(), 3).await;
        let received = partner.receiver.until_received(6).await;
        assert!(
            received.iter().all(|one| one.signatures() == 1),
            "{layout:?}: {received:#?}"
        );
        assert!(
            received
                .iter()
                .all(|one| one.json()["data"].get("customerId").is_none())
        );

        let read = partner.events(&graph.router.base, Value::Null).await;
        let bodies: Vec<_> = received.iter().map(|one| one.body.as_str()).collect();
        let nodes = read["nodes"].as_array().unwrap();
        let read: Vec<_> = nodes
            .iter()
            .map(|node| node["body"].as_str().unwrap())
            .collect();
        assert_eq!(read, bodies, "{layout:?}");
        let after = json!(received[3].id());
        let rest = partner.events(&graph.router.base, after).await;
        assert_eq!(rest["nodes"].as_array().unwrap().len(), 2, "{layout:?}");

        // Both secrets sign.
        let rotated = graph
            .run(&["webhooks", "rotate-secret", "acme", &partner.webhook])
            .await;
        assert!(
            rotated.contains("whsec_") && !rotated.contains(&partner.secret),
            "{rotated}"
        );
        let mut published = 6;
        until("both secrets sign", async || {
            publish(&orders, &new_orders::<1>(), 1).await;
            published += 1;
            let last = partner.receiver.received().pop()?;
            (last.signatures() == 2).then_some(())
        })
        .await;
        partner.receiver.until_received(published).await;
        let status = until("nothing waits", async || {
            let status = graph.run(&["webhooks", "status"]).await;
            status
                .contains("working waiting=0 dead_letters=0")
                .then_some(status)
        })
        .await;
        assert!(
            status.starts_with(&format!("acme/{} ", partner.webhook)),
            "{status}"
        );

        // Everything again, under the same ids.
        let before = partner.receiver.received().len();
        let first = received[0].id();
        graph
            .run(&[
                "webhooks",
                "replay",
                "acme",
                &partner.webhook,
                "--after",
                first,
            ])
            .await;
        let again = until("events are sent again", async || {
            let again = partner.receiver.received().split_off(before);
            (again.len() >= 5).then_some(again)
        })
        .await;
        for (again, once) in again.iter().zip(&received[1..]) {
            assert_eq!(
                (again.id(), &again.body),
                (once.id(), &once.body),
                "{layout:?}"
            );
        }
        orders.close().await;
        graph.stop().await;
    }
}

#[tokio::test]
async fn a_partner_that_loses_its_scopes_gets_nothing_more_and_others_get_their_changes() {
    let mut partner = Partner::register(Layout::Sqlite).await.unwrap();
    let graph = partner.start(Layout::Sqlite).await;
    let orders = graph.database("orders").await;
    publish(&orders, &new_orders::<1>(), 1).await;
    partner.receiver.until_received(1).await;

    let file = partner.file();
    let written = std::fs::read_to_string(&file).unwrap();
    let without = written.replace("scopes: [orders:read]", "scopes: []");
    assert_ne!(written, without);
    std::fs::write(&file, without).unwrap();
    let url = partner.receiver.url.clone();
    let refused = graph
        .fail(&["webhooks", "add", "acme", &url, "--all-customers"])
        .await;
    assert!(refused.contains("gets no events"), "{refused}");
    let other = Receiver::start().await;
    graph
        .run(&["client", "add", "other", "--scope", "orders:read"])
        .await;
    graph
        .run(&["webhooks", "add", "other", &other.url, "--all-customers"])
        .await;
    until("the other partner is notified", async || {
        publish(&orders, &new_orders::<1>(), 1).await;
        (!other.received().is_empty()).then_some(())
    })
    .await;
    let order = new_orders::<1>();
    publish(&orders, &order, 1).await;
    until("the last event is sent", async || {
        let events = other.events();
        events.contains(&(order[0].clone(), 1)).then_some(())
    })
    .await;
    let status = graph.run(&["webhooks", "status"]).await;
    let name = format!("acme/{} ", partner.webhook);
    let line = status.lines().find(|line| line.starts_with(&name));
    assert!(line.unwrap().contains("waiting=0"), "{status}");
    let first = other.events()[0].clone();
    assert!(!partner.receiver.events().contains(&first));
    assert_eq!(
        partner.events(&graph.router.base, Value::Null).await["totalCount"],
        0
    );
    orders.close().await;
    graph.stop().await;
}

const KILLS: usize = 4;
const EVENTS: usize = 20;

#[tokio::test]
async fn kills_lose_nothing_and_change_no_order_in_any_layout() {
    for layout in layouts() {
        let Some(mut partner) = Partner::register(layout).await else {
            continue;
        };
        let mut graph = partner.start(layout).await;
        let orders = graph.database("orders").await;
        let ids = new_orders::<5>();
        let mut published = 0;
        for kill in 1..=KILLS {
            publish(&orders, &ids, EVENTS).await;
            // In the middle of it, each time somewhere else.
            partner.receiver.until_received(published + 7 * kill).await;
            graph.kill_and_restart("notifications").await;
            published += EVENTS * ids.len();
        }
        partner.receiver.until_received(published).await;
        let events = partner.receiver.events();
        assert_eq!(events.len(), published, "{layout:?}");
        for id in &ids {
            let of_one = events.iter().filter(|(object, _)| object == id);
            let sequences: Vec<_> = of_one.map(|(_, sequence)| *sequence).collect();
            let expected: Vec<_> = (1..=i64::try_from(EVENTS * KILLS).unwrap()).collect();
            assert_eq!(sequences, expected, "{layout:?} {id}");
        }
        // A kill repeats at most the event that was being sent.
        let repeated = partner.receiver.received().len() - published;
        assert!(repeated <= KILLS, "{layout:?}: {repeated} repeated");
        orders.close().await;
        graph.stop().await;
    }
}

#[tokio::test]
#[ignore = "needs Node.js and its packages: run tests/rest/run.sh"]
async fn the_official_library_verifies_webhooks() {
    let mut partner = Partner::register(Layout::Sqlite).await.unwrap();
    let graph = partner.start(Layout::Sqlite).await;
    let rotated = graph
        .run(&["webhooks", "rotate-secret", "acme", &partner.webhook])
        .await;
    let new = rotated.lines().find(|line| line.starts_with("whsec_"));
    let orders = graph.database("orders").await;
    until("both secrets sign", async || {
        publish(&orders, &new_orders::<1>(), 1).await;
        let last = partner.receiver.received().pop()?;
        (last.signatures() == 2).then_some(())
    })
    .await;
    let last = partner.receiver.received().pop().unwrap();
    let status = Command::new("node")
        .args(["--test", "--test-reporter=spec", "webhooks.test.mjs"])
        .current_dir(SCRIPTS)
        .env("SECRETS", format!("{} {}", partner.secret, new.unwrap()))
        .env(
            "WEBHOOK",
            json!({ "headers": last.headers, "body": last.body }).to_string(),
        )
        .status()
        .await
        .expect("node");
    assert!(status.success(), "{status}");
    orders.close().await;
    graph.stop().await;
}
