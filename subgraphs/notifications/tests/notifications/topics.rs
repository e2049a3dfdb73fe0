//! Push topics: saved with the change, made at the push service, repeated when it fails.

use chrono::{TimeDelta, TimeZone, Utc};
use entities::notifications::{device_token, topic_membership};
use notifications::{
    Migrator, Partners, State, make_topic_changes, repeat_topic_changes, subgraph,
};
use platform::clock::Clock;
use platform::testing::{Scratch, scratch_databases};
use resolvers::id::IdKind;
use resolvers::subgraph::Subgraph;
use resolvers::testing::execute;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture;
use crate::topic_service::TopicService;

const UPDATE: &str = r#"mutation($customer: ID!, $updates: [NotificationPreferenceUpdate!]!, $key: String!) {
    notificationPreferencesUpdate(customerId: $customer, input: { updates: $updates }, idempotencyKey: $key) {
        updated
        topicChanges { topic action deviceTokens status }
        userErrors { code }
    }
}"#;

const REGISTER: &str = r#"mutation($token: String!, $region: String) {
    deviceRegister(input: { token: $token, platform: ANDROID, region: $region }) {
        deviceTokens
        topicChanges { topic action deviceTokens status }
    }
}"#;

const UNREGISTER: &str = r#"mutation($token: String!) {
    deviceUnregister(token: $token) { deviceTokens topicChanges { topic action deviceTokens status } }
}"#;

struct Shop {
    scratch: Scratch,
    clock: Clock,
    state: State,
    subgraph: Subgraph,
    service: TopicService,
    customer: Uuid,
}

async fn shops() -> Vec<Shop> {
    let mut shops = Vec::new();
    for scratch in scratch_databases().await {
        migrations::migrate::<Migrator>(&scratch.database.connect_for_migrations().await.unwrap())
            .await
            .unwrap();
        let clock = Clock::manual(Utc.with_ymd_and_hms(2025, 9, 29, 9, 18, 45).unwrap());
        let service = TopicService::start().await;
        let state = State {
            fcm: Some(service.client(&clock)),
            ..fixture::state(&scratch, clock.clone(), Partners::default())
        };
        shops.push(Shop {
            subgraph: subgraph(state.clone()),
            scratch,
            clock,
            state,
            service,
            customer: Uuid::now_v7(),
        });
    }
    shops
}

impl Shop {
    async fn send(&self, customer: Uuid, document: &str, variables: Value) -> Value {
        let answer = execute(&self.subgraph, Some(customer), document, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        let field = answer["data"].as_object().unwrap().values().next();
        field.unwrap().clone()
    }

    async fn register(&self, customer: Uuid, token: &str, region: &str) -> Value {
        let variables = json!({ "token": token, "region": region });
        self.send(customer, REGISTER, variables).await["topicChanges"].clone()
    }

    async fn update(&self, key: &str, cells: &[(&str, bool)]) -> Value {
        let updates: Vec<_> = cells
            .iter()
            .map(|(category, enabled)| json!({ "channel": "PUSH", "category": category, "enabled": enabled }))
            .collect();
        let customer = IdKind::Customer.format(self.customer);
        let variables = json!({ "customer": customer, "updates": updates, "key": key });
        self.send(self.customer, UPDATE, variables).await["topicChanges"].clone()
    }

    async fn repeat(&self) {
        repeat_topic_changes(&self.state.topics()).await.unwrap();
    }

    async fn rows(&self) -> Vec<topic_membership::Model> {
        let rows = topic_membership::Entity::find();
        rows.all(self.scratch.database.read()).await.unwrap()
    }

    fn topics(&self) -> Value {
        json!(self.service.topics())
    }
}

fn change(topic: &str, action: &str, devices: i32, status: &str) -> Value {
    json!({ "topic": topic, "action": action, "deviceTokens": devices, "status": status })
}

#[tokio::test]
async fn turning_deals_off_and_social_on_makes_two_calls_with_both_devices() {
    for shop in shops().await {
        let joined = shop.register(shop.customer, "phone", "us").await;
        let subscribed = |topic| change(topic, "SUBSCRIBED", 1, "MADE");
        assert_eq!(
            joined,
            json!([
                subscribed("vantage-deals-us"),
                subscribed("vantage-orders-all"),
                subscribed("vantage-wishlist-updates"),
            ]),
            "{}",
            shop.scratch.name
        );
        shop.register(shop.customer, "tablet", "us").await;
        shop.service.calls();

        let changed = [("DEALS", false), ("SOCIAL", true)];
        let made = json!([
            change("vantage-deals-us", "UNSUBSCRIBED", 2, "MADE"),
            change("vantage-social-activity", "SUBSCRIBED", 2, "MADE"),
        ]);
        assert_eq!(shop.update("k1", &changed).await, made);
        let mut calls = shop.service.calls();
        calls.sort();
        let call = |operation: &str, topic: &str| (operation.to_owned(), topic.to_owned(), 2);
        assert_eq!(
            calls,
            [
                call("v1:batchAdd", "vantage-social-activity"),
                call("v1:batchRemove", "vantage-deals-us"),
            ]
        );
        let both = json!(["phone", "tablet"]);
        assert_eq!(
            shop.topics(),
            json!({
                "vantage-orders-all": both,
                "vantage-social-activity": both,
                "vantage-wishlist-updates": both,
            })
        );
        // The same key: the same answer, and no call.
        assert_eq!(shop.update("k1", &changed).await, made);
        assert_eq!(shop.service.calls(), []);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn preferences_are_saved_whatever_the_push_service_says_and_topics_follow_in_five_minutes() {
    for shop in shops().await {
        shop.register(shop.customer, "phone", "eu").await;
        // A refusal is not retried within the call.
        shop.service.fail_next(&[403]);
        let pending = json!([change("vantage-deals-eu", "UNSUBSCRIBED", 1, "PENDING")]);
        let off = [("DEALS", false)];
        assert_eq!(
            shop.update("k1", &off).await,
            pending,
            "{}",
            shop.scratch.name
        );
        shop.service.calls();

        shop.clock.advance(TimeDelta::seconds(299));
        shop.repeat().await;
        assert_eq!(shop.service.calls(), []);
        assert_eq!(shop.update("k1", &off).await, pending);

        shop.clock.advance(TimeDelta::seconds(1));
        shop.repeat().await;
        let removed = (
            "v1:batchRemove".to_owned(),
            "vantage-deals-eu".to_owned(),
            1,
        );
        assert_eq!(shop.service.calls(), [removed]);
        let made = json!([change("vantage-deals-eu", "UNSUBSCRIBED", 1, "MADE")]);
        assert_eq!(shop.update("k1", &off).await, made);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_token_that_is_unknown_is_dropped_and_others_of_its_batch_are_not() {
    for shop in shops().await {
        for token in ["kept", "gone", "busy", "foreign"] {
            shop.register(shop.customer, token, "us").await;
        }
        shop.service.set_error("gone", Some("NOT_FOUND"));
        shop.service.set_error("busy", Some("RESOURCE_EXHAUSTED"));
        shop.service.set_error("foreign", Some("INVALID_ARGUMENT"));
        let reported = shop.update("k1", &[("SOCIAL", true)]).await;
        let pending = json!([change(
            "vantage-social-activity",
            "SUBSCRIBED",
            4,
            "PENDING"
        )]);
        assert_eq!(reported, pending, "{}", shop.scratch.name);
        let db = shop.scratch.database.read();
        let devices = device_token::of_customer(db, shop.customer).await.unwrap();
        let mut tokens: Vec<_> = devices.iter().map(|device| &*device.token).collect();
        tokens.sort_unstable();
        assert_eq!(tokens, ["busy", "foreign", "kept"]);
        assert!(shop.rows().await.iter().all(|row| row.token != "gone"));

        shop.service.set_error("busy", None);
        shop.clock.advance(TimeDelta::minutes(5));
        shop.service.calls();
        shop.repeat().await;
        // Only the one that may succeed is repeated.
        let added = (
            "v1:batchAdd".to_owned(),
            "vantage-social-activity".to_owned(),
            1,
        );
        assert_eq!(shop.service.calls(), [added]);
        let members = &shop.service.topics()["vantage-social-activity"];
        assert_eq!(members, &["busy", "kept"]);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn topics_follow_a_devices_region_its_owner_and_its_removal() {
    for shop in shops().await {
        let other = Uuid::now_v7();
        shop.register(shop.customer, "phone", "us").await;
        shop.update("k1", &[("WISHLIST", false)]).await;
        let moved = shop.register(shop.customer, "phone", "apac").await;
        assert_eq!(
            moved,
            json!([
                change("vantage-deals-apac", "SUBSCRIBED", 1, "MADE"),
                change("vantage-deals-us", "UNSUBSCRIBED", 1, "MADE"),
            ]),
            "{}",
            shop.scratch.name
        );
        // Another customer signs in on it, who wants the wishlist.
        let taken = shop.register(other, "phone", "apac").await;
        let wishlist = change("vantage-wishlist-updates", "SUBSCRIBED", 1, "MADE");
        assert_eq!(taken, json!([wishlist]));
        assert!(shop.rows().await.iter().all(|row| row.customer_id == other));
        // The former owner has it no more.
        let kept = shop.send(shop.customer, UNREGISTER, json!({ "token": "phone" }));
        assert_eq!(kept.await["topicChanges"], json!([]));
        let left = shop
            .send(other, UNREGISTER, json!({ "token": "phone" }))
            .await;
        let unsubscribed = |topic| change(topic, "UNSUBSCRIBED", 1, "MADE");
        assert_eq!(
            left["topicChanges"],
            json!([
                unsubscribed("vantage-deals-apac"),
                unsubscribed("vantage-orders-all"),
                unsubscribed("vantage-wishlist-updates"),
            ])
        );
        assert_eq!(shop.topics(), json!({}));
        assert_eq!(shop.rows().await, []);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn devices_beyond_the_limit_leave_their_topics() {
    for shop in shops().await {
        for device in 0..21 {
            shop.register(shop.customer, &format!("device {device:02}"), "us")
                .await;
        }
        let topics = shop.service.topics();
        assert_eq!(
            topics["vantage-deals-us"].len(),
            20,
            "{}",
            shop.scratch.name
        );
        assert!(!topics["vantage-deals-us"].contains(&"device 00".to_owned()));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_change_during_a_call_is_made_after_it() {
    for shop in shops().await {
        shop.register(shop.customer, "phone", "us").await;
        shop.service.hold_next();
        let first = shop.update("k1", &[("SOCIAL", true)]);
        let second = async {
            shop.service.arrived.notified().await;
            // Its subscription is on its way while it is turned off.
            let changed = shop.update("k2", &[("SOCIAL", false)]).await;
            shop.service.released.notify_one();
            changed
        };
        let (_, changed) = tokio::join!(first, second);
        let left = |status| json!([change("vantage-social-activity", "UNSUBSCRIBED", 1, status)]);
        assert_eq!(changed, left("PENDING"), "{}", shop.scratch.name);
        shop.clock.advance(TimeDelta::minutes(1));
        make_topic_changes(&shop.state.topics(), None)
            .await
            .unwrap();
        assert!(
            !shop
                .service
                .topics()
                .contains_key("vantage-social-activity")
        );
        assert_eq!(shop.update("k2", &[("SOCIAL", false)]).await, left("MADE"));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn many_devices_share_requests_of_at_most_a_thousand() {
    for shop in shops().await {
        let now = shop.clock.now();
        // As they were before topics were recorded.
        let devices = (0..1_250).map(|device| device_token::Model {
            token: format!("device {device:04}"),
            customer_id: Uuid::from_u128(device / 2),
            platform: device_token::DevicePlatform::Web,
            region: "us".to_owned(),
            created_at: now,
            topics_set_at: None,
        });
        entities::insert_many::<device_token::Entity>(
            shop.scratch.database.write(),
            devices.collect(),
        )
        .await
        .unwrap();
        shop.repeat().await;
        let mut calls = shop.service.calls();
        calls.sort();
        let expected: Vec<_> = [
            "vantage-deals-us",
            "vantage-orders-all",
            "vantage-wishlist-updates",
        ]
        .into_iter()
        .flat_map(|topic| {
            [250, 1_000].map(|size| ("v1:batchAdd".to_owned(), topic.to_owned(), size))
        })
        .collect();
        assert_eq!(calls, expected, "{}", shop.scratch.name);
        assert_eq!(shop.service.topics()["vantage-deals-us"].len(), 1_250);
        shop.repeat().await;
        assert_eq!(shop.service.calls(), []);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn without_a_push_service_changes_wait() {
    for shop in shops().await {
        let state = State {
            fcm: None,
            ..shop.state.clone()
        };
        let without = subgraph(state);
        let variables = json!({ "token": "phone", "region": "us" });
        let answer = execute(&without, Some(shop.customer), REGISTER, variables).await;
        let first = &answer["data"]["deviceRegister"]["topicChanges"][0];
        assert_eq!(first["status"], "PENDING", "{answer}");
        shop.repeat().await;
        assert_eq!(shop.service.topics().len(), 3, "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}
