//! The domain with a registered partner, on every database.

use std::sync::Arc;

use chrono::TimeDelta;
use entities::notifications::{webhook_dead_letter, webhook_endpoint};
use notifications::{DeliverWebhooks, Migrator, Partner, Partners, State, endpoint_id, workers};
use platform::bus::{Event, InProcessBus};
use platform::clock::Clock;
use platform::tasks;
use platform::testing::{Scratch, scratch_databases};
use platform::workers::WorkerContext;
use resolvers::id::IdKind;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fixture::state;
use crate::receiver::{Received, Receiver};

pub(crate) const CLIENT: &str = "acme";
pub(crate) const WEBHOOK: &str = "wh_1";

/// The domain with one partner, on one database.
pub(crate) struct World {
    pub(crate) scratch: Scratch,
    pub(crate) state: State,
    pub(crate) receiver: Receiver,
    pub(crate) clock: Clock,
}

/// The domain on each database, with a partner that gets everything about all customers' orders.
pub(crate) async fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for scratch in scratch_databases().await {
        let connection = scratch.database.connect_for_migrations().await.unwrap();
        migrations::migrate::<Migrator>(&connection).await.unwrap();
        let clock = Clock::manual("2025-10-09T12:00:00Z".parse().unwrap());
        let world = World {
            state: state(&scratch, clock.clone(), Partners::default()),
            scratch,
            receiver: Receiver::start().await,
            clock,
        };
        world.register(&["orders:read"], json!({}));
        worlds.push(world);
    }
    worlds
}

impl World {
    /// Registers the partner, whose webhook has these settings.
    pub(crate) fn register(&self, scopes: &[&str], settings: Value) {
        let mut webhook = json!({
            "id": WEBHOOK, "url": self.receiver.url, "customers": "all", "secrets": [{ "id": "s1" }],
        });
        for (key, value) in settings.as_object().unwrap() {
            webhook[key] = value.clone();
        }
        let partner = Partner {
            client: CLIENT.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            webhooks: vec![serde_json::from_value(webhook).unwrap()],
        };
        self.state.partners.replace(vec![partner]);
    }

    /// Handles an event as if it came from the bus.
    pub(crate) async fn publish(&self, event: &Event) {
        let subscriber = workers::subscribers(&self.state).remove(0);
        let transaction = self.scratch.database.begin().await.unwrap();
        let handled = subscriber
            .handler
            .handle(&transaction, event, self.clock.now());
        handled.await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Events of an order of this customer, numbered from `first`.
    pub(crate) async fn publish_orders(&self, customer: Uuid, sequences: &[i64]) -> String {
        let order = IdKind::Order.format(Uuid::now_v7());
        for sequence in sequences {
            self.publish(&shipped(&order, customer, *sequence)).await;
        }
        order
    }

    pub(crate) fn context(&self) -> WorkerContext {
        WorkerContext::new(
            &self.scratch.database,
            Arc::new(InProcessBus::new()),
            self.clock.clone(),
            CancellationToken::new(),
        )
    }

    /// Sends what is due, and returns what was received.
    pub(crate) async fn deliver(&self) -> Vec<Received> {
        let runner = workers::runner(&self.state, &self.context());
        runner.run_due().await.unwrap();
        self.receiver.take()
    }

    /// The same after this many seconds.
    pub(crate) async fn deliver_after(&self, seconds: u64) -> Vec<Received> {
        self.clock
            .advance(TimeDelta::seconds(i64::try_from(seconds).unwrap()));
        self.deliver().await
    }

    pub(crate) async fn endpoint(&self) -> webhook_endpoint::Model {
        let found = webhook_endpoint::find(self.scratch.database.read(), id()).await;
        found.unwrap().expect("the webhook has started")
    }

    pub(crate) async fn dead_letters(&self) -> Vec<webhook_dead_letter::Model> {
        let listed = webhook_dead_letter::list(self.scratch.database.read(), None, 100).await;
        listed.unwrap()
    }

    /// What an operator does to send at once.
    pub(crate) async fn wake(&self) {
        let task = DeliverWebhooks {
            client: CLIENT.to_owned(),
            webhook: WEBHOOK.to_owned(),
        };
        let now = self.clock.now();
        tasks::enqueue(self.scratch.database.write(), &task, now, now)
            .await
            .unwrap();
    }
}

/// The webhook's state.
pub(crate) fn id() -> Uuid {
    endpoint_id(CLIENT, WEBHOOK)
}

pub(crate) fn shipped(order: &str, customer: Uuid, sequence: i64) -> Event {
    Event {
        id: Uuid::now_v7(),
        topic: "orders.events".to_owned(),
        event_type: "order.shipped".to_owned(),
        aggregate_id: order.to_owned(),
        sequence,
        occurred_at: "2025-10-09T11:59:00Z".parse().unwrap(),
        data: json!({
            "version": 1, "orderId": order, "customerId": IdKind::Customer.format(customer),
            "previousStatus": "processing", "status": "shipped", "actor": "carrier",
            "reason": null, "timestamp": "2025-10-09T11:58:00Z",
        }),
        traceparent: None,
    }
}
