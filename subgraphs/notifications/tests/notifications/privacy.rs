//! What is kept of a customer, and what is not once they are erased.

use chrono::TimeDelta;
use entities::notifications::notification::{self, DeliveryStatus};
use entities::notifications::{
    customer_settings, deal_queue, device_token, erased_customer, legacy_preference, preference,
};
use notifications::legacy_file::{self, FileFormat, LegacyRun, Progress};
use notifications::preference_migration::repair;
use notifications::{make_topic_changes, message, privacy, workers};
use platform::smtp_server::Reaction;
use resolvers::id::IdKind;
use resolvers::testing::{code, execute};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::email::mail_worlds;
use crate::fixture::{MATRIX, REGISTER, UPDATE};
use crate::shop::{Shop, customer, shops};
use crate::topic_service::TopicService;
use crate::world::{World, shipped, worlds};

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

        let is_known = async |of| privacy::is_known(database, of).await.unwrap();
        assert!(is_known(erased).await && is_known(other).await, "{name}");
        let stranger = customer(3);
        assert!(!is_known(stranger).await, "{name}");
        let now = shop.clock.now();
        let messages = privacy::erase_customer(database, stranger, now).await;
        assert_eq!(messages.unwrap(), 0, "{name}");
        assert!(is_known(stranger).await, "{name}");

        // Repeated, as an event may be: there is nothing left to delete.
        for expected in [1, 0] {
            let now = shop.clock.now();
            let messages = privacy::erase_customer(database, erased, now).await;
            assert_eq!(messages.unwrap(), expected, "{name}");
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
        let waiting = deal_queue::waiting_of_customer(db, erased, None, 10).await;
        assert_eq!(waiting.unwrap(), [], "{name}");
        shop.scratch.drop().await;
    }
}

fn order() -> String {
    IdKind::Order.format(Uuid::now_v7())
}

impl World {
    pub(crate) async fn erase(&self, customer: Uuid) -> u64 {
        let now = self.clock.now();
        let erased = privacy::erase_customer(&self.scratch.database, customer, now).await;
        erased.unwrap()
    }

    /// Checks that none of the messages was sent, and that nothing is left of what they said.
    async fn check_erased(&self, messages: usize) {
        let log = self.log().await;
        let name = self.scratch.name;
        assert_eq!(log.len(), messages, "{name} {log:#?}");
        for row in log {
            let became = (row.status, row.reason.as_deref());
            let expected = (DeliveryStatus::Suppressed, Some("customer_deleted"));
            assert_eq!(became, expected, "{name} {row:?}");
            let texts = (row.title.as_str(), row.body.as_str(), &row.data);
            assert_eq!(texts, ("", "", &None), "{name}");
        }
    }
}

#[tokio::test]
async fn an_erased_customer_who_had_refused_messages_gets_none() {
    for (world, sink) in mail_worlds().await {
        let (database, now) = (&world.scratch.database, world.clock.now());
        let customer = Uuid::now_v7();
        world.set_email(customer, false).await;
        assert_eq!(world.erase(customer).await, 0);
        let order = order();
        let mut placed = shipped(&order, customer, 1);
        placed.event_type = "order.placed".to_owned();
        placed.data["language"] = json!("de");
        world.tell(&placed).await;
        world.tell(&shipped(&order, customer, 2)).await;
        world.send_due().await;
        world.check_erased(1).await;

        // Created while the customer was erased, so that neither knew of the other.
        let other = Uuid::now_v7();
        world.tell(&shipped(&order, other, 3)).await;
        erased_customer::insert(database.write(), other, now)
            .await
            .unwrap();
        world.send_due().await;
        world.check_erased(2).await;
        assert!(sink.mails().is_empty(), "{}", world.scratch.name);

        let settings = customer_settings::of_customers(database.read(), &[customer]).await;
        assert!(settings.unwrap().is_empty(), "no language is learned");
        let file = format!("id,email_notifications,sms_notifications\n{customer},true,true\n");
        for run in [LegacyRun::Check(database), LegacyRun::Load(database)] {
            let source = std::io::Cursor::new(file.clone().into_bytes());
            let mut tell = |_: Progress<'_>| {};
            let loaded = legacy_file::load(run, source, FileFormat::Csv, &mut tell).await;
            let loaded = loaded.unwrap();
            let counts = (loaded.customers, loaded.erased, loaded.problems);
            assert_eq!(counts, (0, 1, 0));
        }
        let known = legacy_preference::find(database.read(), customer).await;
        assert_eq!(known.unwrap(), None);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_failed_or_was_given_up_is_erased_too_and_not_sent_again() {
    for (world, sink) in mail_worlds().await {
        let (database, customer) = (&world.scratch.database, Uuid::now_v7());
        let answer = |code| Reaction::Refuse(code, "5.1.1 <ada@example.com> unknown".to_owned());
        for (sequence, code) in [(1, 550), (2, 451)] {
            sink.react([answer(code)]);
            world.tell(&shipped(&order(), customer, sequence)).await;
            world.send_due().await;
        }
        let mut statuses: Vec<_> = world.log().await.iter().map(|row| row.status).collect();
        statuses.sort();
        let expected = [DeliveryStatus::Failed, DeliveryStatus::DeadLettered];
        assert_eq!(statuses, expected, "{}", world.scratch.name);

        assert_eq!(world.erase(customer).await, 2);
        assert_eq!(world.erase(customer).await, 0);
        let dead = notification::count_dead_letters(database.read()).await;
        assert_eq!(dead.unwrap(), 0);
        let ids: Vec<_> = world.log().await.iter().map(|row| row.id).collect();
        for chosen in [None, Some(ids.as_slice())] {
            let requeued = message::requeue(database, chosen, world.clock.now()).await;
            assert_eq!(requeued.unwrap(), 0);
        }
        world.clock.advance(TimeDelta::hours(1));
        world.send_due().await;
        world.check_erased(2).await;
        assert!(sink.mails().is_empty(), "{}", world.scratch.name);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn deals_are_not_sent_to_an_erased_customer_whenever_they_were_scheduled() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let (database, name) = (&shop.scratch.database, shop.scratch.name);
        let [erased, meanwhile, other] = [1, 2, 3].map(customer);
        let now = shop.clock.now();
        shop.prefer(erased, None, json!({ "enabled": false })).await;
        privacy::erase_customer(database, erased, now)
            .await
            .unwrap();
        let everyone = [erased, meanwhile, other];
        let scheduled = shop.schedule("Sale", &everyone, END, json!({})).await;
        assert_eq!(scheduled, (2, 1), "{name}");
        // Erased while the deal was scheduled, so that neither knew of the other.
        erased_customer::insert(database.write(), meanwhile, now)
            .await
            .unwrap();
        let drained = shop.drain().await;
        assert_eq!((drained.sent, drained.erased), (1, 1), "{name}");
        shop.send_due().await;
        for row in shop.messages().await {
            let became = (row.status, row.reason.as_deref(), row.title.as_str());
            let expected = if row.customer_id == other {
                (DeliveryStatus::Sent, None, "Sale")
            } else {
                (DeliveryStatus::Suppressed, Some("customer_deleted"), "")
            };
            assert_eq!(became, expected, "{name}");
            assert_eq!(row.data.is_none(), row.customer_id != other, "{name}");
        }
        assert_eq!(shop.queue().await, [], "{name}");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_customer_whose_deletion_is_an_event_is_erased() {
    for world in worlds().await {
        let customer = Uuid::now_v7();
        world.add_device(customer, "phone").await;
        world.tell(&shipped(&order(), customer, 1)).await;
        let mut deleted = shipped(&order(), customer, 2);
        deleted.event_type = "customer.deleted".to_owned();
        deleted.data = json!({ "customerId": IdKind::Customer.format(customer) });
        deleted.occurred_at = world.clock.now();
        world.tell(&deleted).await;
        world.tell(&shipped(&order(), customer, 3)).await;
        world.send_due().await;
        world.check_erased(3).await;
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn only_a_customer_who_asks_for_messages_again_gets_some_after_an_erasure() {
    let contact = "mutation($input: NotificationContactUpdateInput!) {
        notificationContactUpdate(input: $input) { userErrors { code } }
    }";
    for world in worlds().await {
        let name = world.scratch.name;
        let subgraph = world.subgraph();
        let (customer, by_number) = (Uuid::now_v7(), Uuid::now_v7());
        let set_contact = async |customer: Uuid, input: Value| {
            let variables = json!({ "input": input });
            let answer = execute(&subgraph, Some(customer), contact, variables).await;
            let expected = json!({ "userErrors": [] });
            let payload = &answer["data"]["notificationContactUpdate"];
            assert_eq!(payload, &expected, "{answer}");
        };
        let register = async || {
            let variables = json!({ "token": "phone", "region": "us" });
            execute(&subgraph, Some(customer), REGISTER, variables).await
        };
        let is_erased = async |customer: Uuid| {
            let db = world.scratch.database.read();
            erased_customer::exists(db, customer).await.unwrap()
        };
        let email = async |key: &str, enabled: bool| {
            let variables = json!({
                "customer": IdKind::Customer.format(customer), "key": key,
                "input": { "updates": [{ "channel": "EMAIL", "category": "ORDERS", "enabled": enabled }] },
            });
            let answer = execute(&subgraph, Some(customer), UPDATE, variables).await;
            assert_eq!(answer["errors"], Value::Null, "{answer}");
        };
        email("before", true).await;
        world.erase(customer).await;
        world.erase(by_number).await;

        let enabled = async || {
            let variables = json!({ "customer": IdKind::Customer.format(customer) });
            let answer = execute(&subgraph, Some(customer), MATRIX, variables).await;
            let found = &answer["data"]["_entities"][0]["notificationPreferences"];
            let cells = found["preferences"].as_array().expect("cells").iter();
            cells.filter(|cell| cell["enabled"] == true).count()
        };
        assert_eq!(enabled().await, 0, "{name}");

        // An app that starts, a repeated request, and a customer who refuses something.
        assert_eq!(code(&register().await), "FORBIDDEN", "{name}");
        email("before", true).await;
        email("off", false).await;
        set_contact(customer, json!({ "phoneNumber": null })).await;
        assert!(is_erased(customer).await, "{name}");
        world.tell(&shipped(&order(), customer, 1)).await;
        world.send_due().await;
        world.check_erased(1).await;

        email("on", true).await;
        assert!(!is_erased(customer).await, "{name}");
        // The defaults.
        assert_eq!(enabled().await, 7, "{name}");
        let registered = register().await;
        assert_eq!(registered["data"]["deviceRegister"]["deviceTokens"], 1);
        set_contact(by_number, json!({ "phoneNumber": "+14155552671" })).await;
        assert!(!is_erased(by_number).await, "{name}");
        for each in [customer, by_number] {
            world.tell(&shipped(&order(), each, 2)).await;
        }
        world.send_due().await;
        let log = world.log().await;
        let sent = log.iter().filter(|row| row.status == DeliveryStatus::Sent);
        assert_eq!(sent.count(), 4, "{name} {log:#?}");
        world.scratch.drop().await;
    }
}
