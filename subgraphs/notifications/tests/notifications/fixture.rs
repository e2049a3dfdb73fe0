//! The subgraph on every database, and the operations its tests send.

use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeZone, Utc};
use notifications::deals::DealDelivery;
use notifications::templates::Templates;
use notifications::{Delivery, Links, Live, Migrator, Partners, State, WebhookDelivery, subgraph};
use platform::clock::Clock;
use platform::config::Secret;
use platform::pubsub::InProcess;
use platform::tables::outbox_event;
use platform::testing::{Scratch, scratch_databases};
use platform::webhooks::{RetrySchedule, SigningKey, WebhookSender, WebhookSenderConfig};
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use resolvers::testing::execute;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use uuid::Uuid;

/// Only failures wait this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Seconds between the attempts to send a webhook.
pub(crate) const RETRIES: [u64; 3] = [5, 300, 1_800];

/// How long partners' events are kept.
pub(crate) const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) const MATRIX: &str = r#"query($customer: ID!) {
    _entities(representations: [{ __typename: "Customer", id: $customer }]) {
        ... on Customer {
            notificationPreferences {
                preferences { channel category enabled quietHours { start end } }
                timezone
                updatedAt
            }
        }
    }
}"#;

pub(crate) const UPDATE: &str = r#"mutation($customer: ID!, $input: NotificationPreferencesUpdateInput!, $key: String!) {
    notificationPreferencesUpdate(customerId: $customer, input: $input, idempotencyKey: $key) {
        updated
        topicChanges { topic action deviceTokens }
        notificationPreferences { timezone }
        updatedAt
        userErrors { code field }
    }
}"#;

pub(crate) const REGISTER: &str = r#"mutation($token: String!, $region: String) {
    deviceRegister(input: { token: $token, platform: IOS, region: $region }) {
        deviceTokens
        userErrors { code }
    }
}"#;

pub(crate) struct Fixture {
    pub(crate) scratch: Scratch,
    pub(crate) subgraph: Subgraph,
    pub(crate) customer: Uuid,
}

/// The subgraph on each database, migrated and empty, at a fixed time.
pub(crate) async fn fixtures() -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    for scratch in scratch_databases().await {
        migrations::migrate::<Migrator>(&scratch.database.connect_for_migrations().await.unwrap())
            .await
            .unwrap();
        let clock = Clock::manual(Utc.with_ymd_and_hms(2025, 9, 29, 9, 18, 45).unwrap());
        let subgraph = subgraph(state(&scratch, clock, Partners::default()));
        fixtures.push(Fixture {
            scratch,
            subgraph,
            customer: Uuid::now_v7(),
        });
    }
    fixtures
}

/// The domain's state, which may send webhooks to this machine.
pub(crate) fn state(scratch: &Scratch, clock: Clock, partners: Partners) -> State {
    let config = WebhookSenderConfig {
        timeout: PATIENCE,
        connect_timeout: PATIENCE,
        max_response_bytes: 1024,
        require_https: false,
        allow_private_hosts: true,
    };
    State {
        database: scratch.database.clone(),
        clock,
        partners,
        webhooks: WebhookDelivery {
            sender: WebhookSender::new(config).unwrap(),
            signing_key: SigningKey::new(Secret::new("a key that is long enough to sign")),
            schedule: RetrySchedule::new(RETRIES.map(Duration::from_secs).to_vec()),
            retention: RETENTION,
            concurrency: 4,
        },
        delivery: Delivery {
            templates: Arc::new(Templates::new("Vantage").unwrap()),
            live: Live(Arc::new(InProcess::new())),
            links: Links::new("https://shop.example".parse().unwrap()),
            push: None,
            email: None,
            sms: None,
            log: true,
        },
        fcm: None,
        deals: DealDelivery {
            interval: Duration::from_secs(60),
            at_once: 10,
            per_second: 1_000_000,
            queue: None,
        },
        text_retention: Duration::from_secs(90 * 24 * 60 * 60),
    }
}

impl Fixture {
    pub(crate) async fn update(&self, key: &str, input: Value) -> Value {
        let variables = json!({
            "customer": IdKind::Customer.format(self.customer),
            "input": input,
            "key": key,
        });
        execute(&self.subgraph, Some(self.customer), UPDATE, variables).await
    }

    pub(crate) async fn matrix(&self) -> Value {
        let variables = json!({ "customer": IdKind::Customer.format(self.customer) });
        let answer = execute(&self.subgraph, Some(self.customer), MATRIX, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"]["_entities"][0]["notificationPreferences"].clone()
    }

    pub(crate) async fn events(&self) -> Vec<outbox_event::Model> {
        outbox_event::Entity::find()
            .all(self.scratch.database.read())
            .await
            .unwrap()
    }
}
