//! Messages to customers: from other domains' events to the delivery log.

use chrono::TimeDelta;
use entities::notifications::device_token::{self, DevicePlatform};
use entities::notifications::notification::{self, DeliveryStatus};
use entities::notifications::preference::{NotificationCategory, NotificationChannel};
use notifications::message::{self, NewMessage, Schedule};
use notifications::{subgraph, workers};
use platform::bus::Event;
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use resolvers::testing::execute;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::UPDATE;
use crate::world::{World, shipped, worlds};

impl World {
    /// Handles an event for messages to customers, as if it came from the bus.
    pub(crate) async fn tell(&self, event: &Event) {
        let subscriber = workers::subscribers(&self.state).remove(1);
        let transaction = self.scratch.database.begin().await.unwrap();
        let handled = subscriber
            .handler
            .handle(&transaction, event, self.clock.now());
        handled.await.unwrap();
        transaction.commit().await.unwrap();
    }

    pub(crate) async fn send_due(&self) {
        let runner = workers::message_runner(&self.state, &self.context());
        runner.run_due().await.unwrap();
    }

    pub(crate) async fn log(&self) -> Vec<notification::Model> {
        notification::Entity::find()
            .all(self.scratch.database.read())
            .await
            .unwrap()
    }

    pub(crate) fn subgraph(&self) -> Subgraph {
        subgraph(self.state.clone())
    }

    pub(crate) async fn set_email(&self, customer: Uuid, enabled: bool) {
        let variables = json!({
            "customer": IdKind::Customer.format(customer),
            "key": Uuid::now_v7().to_string(),
            "input": { "updates": [{ "channel": "EMAIL", "category": "ORDERS", "enabled": enabled }] },
        });
        let answer = execute(&self.subgraph(), Some(customer), UPDATE, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
    }

    pub(crate) async fn add_device(&self, customer: Uuid, token: &str) {
        let row = device_token::Model {
            token: token.to_owned(),
            customer_id: customer,
            platform: DevicePlatform::Android,
            region: "us".to_owned(),
            created_at: self.clock.now(),
            topics_set_at: None,
        };
        device_token::upsert(self.scratch.database.write(), row)
            .await
            .unwrap();
    }
}

fn order() -> String {
    IdKind::Order.format(Uuid::now_v7())
}

#[tokio::test]
async fn an_event_is_one_message_by_each_channel_that_reaches_the_customer() {
    for world in worlds().await {
        let customer = Uuid::now_v7();
        let event = shipped(&order(), customer, 3);
        world.tell(&event).await;
        let channels = |log: &[notification::Model]| -> Vec<_> {
            let mut channels: Vec<_> = log.iter().map(|row| row.channel).collect();
            channels.sort();
            channels
        };
        assert_eq!(channels(&world.log().await), [NotificationChannel::Email]);
        world.add_device(customer, "phone").await;
        // Repeated, as after a requeue: only the channel that was missing gets its message.
        for _ in 0..3 {
            world.tell(&event).await;
        }
        let log = world.log().await;
        let expected = [NotificationChannel::Push, NotificationChannel::Email];
        assert_eq!(channels(&log), expected, "{}", world.scratch.name);
        assert!(
            log.iter()
                .all(|row| row.status == DeliveryStatus::Scheduled)
        );
        world.send_due().await;
        world.send_due().await;
        let mut log = world.log().await;
        log.sort_by_key(|row| row.position);
        let sent: Vec<_> = log
            .iter()
            .map(|row| {
                (
                    row.status,
                    row.position,
                    row.attempts,
                    row.provider.as_deref(),
                )
            })
            .collect();
        let once = |position| (DeliveryStatus::Sent, Some(position), 1, Some("log"));
        assert_eq!(sent, [once(1), once(2)], "{}", world.scratch.name);
        assert!(log[0].title.ends_with("is on its way"), "{}", log[0].title);
        assert!(!log[0].title.contains("ord_"), "{}", log[0].title);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_preference_at_the_moment_of_sending_decides() {
    for world in worlds().await {
        let (wants, refuses) = (Uuid::now_v7(), Uuid::now_v7());
        world.set_email(wants, false).await;
        world.tell(&shipped(&order(), wants, 1)).await;
        world.tell(&shipped(&order(), refuses, 1)).await;
        world.set_email(wants, true).await;
        world.set_email(refuses, false).await;
        world.send_due().await;
        for row in world.log().await {
            let expected = if row.customer_id == wants {
                (DeliveryStatus::Sent, None)
            } else {
                (DeliveryStatus::Suppressed, Some("opted_out"))
            };
            assert_eq!(
                (row.status, row.reason.as_deref()),
                expected,
                "{}",
                world.scratch.name
            );
        }
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_held_message_is_sent_when_it_is_released_and_not_after_its_window() {
    for world in worlds().await {
        let now = world.clock.now();
        let customer = Uuid::now_v7();
        let hold = async |event_id: Uuid| {
            let new = NewMessage {
                event_id,
                customer_id: customer,
                channel: NotificationChannel::Email,
                category: NotificationCategory::Deals,
                template: "deal",
                data: json!({ "title": "20% off", "body": "Today only." }),
                order_id: None,
                return_id: None,
                deep_link: None,
                schedule: Schedule::Held {
                    at: now + TimeDelta::hours(1),
                    expires_at: now + TimeDelta::hours(2),
                },
            };
            let transaction = world.scratch.database.begin().await.unwrap();
            let templates = &world.state.delivery.templates;
            let created = message::create(&transaction, templates, new, now)
                .await
                .unwrap();
            transaction.commit().await.unwrap();
            created
        };
        let event = Uuid::now_v7();
        let (first, second) = (
            hold(event).await.unwrap(),
            hold(Uuid::now_v7()).await.unwrap(),
        );
        assert_eq!(hold(event).await, None);
        let release = async |id: Uuid| {
            let transaction = world.scratch.database.begin().await.unwrap();
            let now = world.clock.now();
            let released = message::release(&transaction, id, now, now).await.unwrap();
            transaction.commit().await.unwrap();
            released
        };
        let status = async |id: Uuid| {
            let row = notification::by_id(world.scratch.database.read(), id)
                .await
                .unwrap();
            let row = row.unwrap();
            (row.status, row.reason)
        };
        world.clock.advance(TimeDelta::hours(1));
        world.send_due().await;
        assert_eq!(status(first).await, (DeliveryStatus::Scheduled, None));
        assert!(release(first).await);
        world.send_due().await;
        assert_eq!(status(first).await, (DeliveryStatus::Sent, None));
        assert!(!release(first).await);
        world.clock.advance(TimeDelta::hours(1));
        assert!(release(second).await);
        world.send_due().await;
        let expired = (DeliveryStatus::Suppressed, Some("expired".to_owned()));
        assert_eq!(status(second).await, expired, "{}", world.scratch.name);
        world.scratch.drop().await;
    }
}
