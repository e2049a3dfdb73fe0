//! What is kept of a customer, and what is not once they are erased.

use chrono::TimeDelta;
use entities::notifications::notification::{self, DeliveryStatus};
use entities::notifications::{
    customer_settings, deal_queue, device_token, legacy_preference, preference,
};
use notifications::preference_migration::repair;
use notifications::{make_topic_changes, privacy, workers};
use resolvers::id::IdKind;
use resolvers::testing::execute;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::email::mail_worlds;
use crate::fixture::REGISTER;
use crate::shop::{Shop, customer, shops};
use crate::topic_service::TopicService;
use crate::world::shipped;

const END: &str = "2026-06-03T00:00:00Z";

/// A shop whose customers 1 and 2 have devices in topics, quiet nights, a waiting deal, and old preferences.
async fn populated() -> Vec<(Shop, TopicService)> {
    let mut all = Vec::new();
    for mut shop in shops("2026-06-01T23:00:00Z").await {
        let service = TopicService::start().await;
        shop.state.fcm = Some(service.client(&shop.clock));
        for number in [1, 2] {
            let token = format!("phone{number}");
            let variables = json!({ "token": token, "region": "us" });
            let subgraph = notifications::subgraph(shop.state.clone());
            let answer = execute(&subgraph, Some(customer(number)), REGISTER, variables).await;
            assert_eq!(answer["errors"], Value::Null, "{answer}");
            shop.quiet_nights(customer(number), "UTC").await;
        }
        let everyone = [customer(1), customer(2)];
        shop.schedule("Sale", &everyone, END, json!({})).await;
        let old = everyone.map(|customer_id| legacy_preference::Model {
            customer_id,
            email_notifications: false,
            sms_notifications: true,
        });
        let db = shop.scratch.database.write();
        legacy_preference::upsert(db, old.to_vec()).await.unwrap();
        make_topic_changes(&shop.state.topics(), None)
            .await
            .unwrap();
        all.push((shop, service));
    }
    all
}

#[tokio::test]
async fn texts_are_kept_ninety_days_and_nothing_of_an_erased_customer() {
    for (world, _sink) in mail_worlds().await {
        let (customer, other) = (Uuid::now_v7(), Uuid::now_v7());
        let order = IdKind::Order.format(Uuid::now_v7());
        world.tell(&shipped(&order, customer, 1)).await;
        world.send_due().await;
        world.clock.advance(TimeDelta::days(89));
        world.tell(&shipped(&order, other, 1)).await;
        world.send_due().await;
        let now = world.clock.now();
        workers::sweep_once(&world.state, now).await.unwrap();
        let texts = async || {
            let rows =
                notification::list(world.scratch.database.read(), &Default::default(), 10).await;
            let rows = rows.unwrap();
            rows.into_iter()
                .map(|row| {
                    (
                        row.customer_id == customer,
                        row.body.is_empty(),
                        row.data.is_none(),
                        row.title.is_empty(),
                    )
                })
                .collect::<Vec<_>>()
        };
        let kept = |is_customers| (is_customers, false, false, false);
        assert_eq!(texts().await, [kept(false), kept(true)]);
        let now = now + TimeDelta::days(1) + TimeDelta::seconds(1);
        workers::sweep_once(&world.state, now).await.unwrap();
        assert_eq!(texts().await, [kept(false), (true, true, true, false)]);

        world.add_device(other, "phone").await;
        world.tell(&shipped(&order, other, 2)).await;
        let database = &world.scratch.database;
        assert_eq!(
            privacy::erase_customer(database, other, now).await.unwrap(),
            3
        );
        let erased = (false, true, true, true);
        assert_eq!(texts().await[..3], [erased, erased, erased]);
        world.send_due().await;
        let rows = notification::list(database.read(), &Default::default(), 10)
            .await
            .unwrap();
        let open = rows
            .iter()
            .filter(|row| notification::OPEN.contains(&row.status));
        assert_eq!(open.count(), 0, "{}", world.scratch.name);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_erased_customer_leaves_topics_and_gets_nothing_and_others_keep_everything() {
    for (shop, service) in populated().await {
        let (database, name) = (&shop.scratch.database, shop.scratch.name);
        let (erased, other) = (customer(1), customer(2));
        let deals = service.topics()["vantage-deals-us"].clone();
        assert_eq!(deals, ["phone1", "phone2"], "{name}");

        // Repeated, as an event may be.
        for _ in 0..2 {
            let now = shop.clock.now();
            let messages = privacy::erase_customer(database, erased, now).await;
            assert_eq!(messages.unwrap(), 1, "{name}");
        }
        make_topic_changes(&shop.state.topics(), None)
            .await
            .unwrap();
        for (topic, devices) in service.topics() {
            assert_eq!(devices, ["phone2"], "{name} {topic}");
        }
        let db = database.read();
        let devices = async |of| device_token::count(db, of).await.unwrap();
        assert_eq!(
            (devices(erased).await, devices(other).await),
            (0, 1),
            "{name}"
        );
        let both = [erased, other];
        let cells = preference::of_customers(db, &both).await.unwrap();
        assert_eq!(cells.into_keys().collect::<Vec<_>>(), [other], "{name}");
        let settings = customer_settings::of_customers(db, &both).await.unwrap();
        assert_eq!(settings.into_keys().collect::<Vec<_>>(), [other], "{name}");

        // A repair has nothing to compute preferences from.
        let repaired = async |of| repair(database, &shop.clock, of).await.unwrap();
        assert!(!repaired(erased).await && repaired(other).await, "{name}");

        shop.set_time("2026-06-02T07:00:00Z");
        assert_eq!(shop.drain().await.sent, 1, "{name}");
        shop.send_due().await;
        let rows = shop.messages().await;
        let of = |customer| {
            rows.iter()
                .find(|row: &&notification::Model| row.customer_id == customer)
                .unwrap()
        };
        assert_eq!(of(other).status, DeliveryStatus::Sent, "{name}");
        let gone = of(erased);
        let reason = gone.reason.as_deref();
        let expected = (DeliveryStatus::Suppressed, Some("customer_deleted"));
        assert_eq!((gone.status, reason), expected, "{name}");
        let texts = (gone.title.as_str(), gone.body.as_str(), &gone.data);
        assert_eq!(texts, ("", "", &None), "{name}");
        let waiting = deal_queue::waiting_of_customer(db, erased, 10).await;
        assert_eq!(waiting.unwrap(), [], "{name}");
        shop.scratch.drop().await;
    }
}
