//! Push topics at the simulated Firebase Cloud Messaging, and the migration of old preferences, in every layout.

use serde_json::{Value, json};

use crate::kit::{Graph, layouts};
use crate::third_parties::ThirdParties;
use crate::wait::until_it;

const UPDATE: &str = "mutation($customer: ID!, $updates: [NotificationPreferenceUpdate!]!, $key: String!) {
    notificationPreferencesUpdate(customerId: $customer, input: { updates: $updates }, idempotencyKey: $key) {
        updated topicChanges { topic action deviceTokens status } userErrors { code }
    }
}";

const MATRIX: &str =
    "{ me { id notificationPreferences { preferences { channel category enabled } } } }";

async fn topics(third_parties: &ThirdParties) -> Value {
    third_parties.get("/_control/topics").await["topics"].clone()
}

fn change(category: &str, enabled: bool) -> Value {
    json!({ "channel": "PUSH", "category": category, "enabled": enabled })
}

#[tokio::test]
async fn turning_deals_off_and_social_on_makes_the_two_calls_of_the_sample() {
    for layout in layouts() {
        let directory = tempfile::tempdir().unwrap();
        let third_parties = ThirdParties::start(directory.path()).await;
        let mut settings = third_parties.message_settings();
        settings.push(("VANTAGE_DEMO__ORDERS", "60".to_owned()));
        let settings: Vec<_> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let graph = Graph::start(layout, &settings, &[]).await;
        let token = graph.demo_token().await;
        let me = graph.query(Some(&token), MATRIX, json!({})).await;
        let customer = me["data"]["me"]["id"].clone();
        // Devices of before topics were recorded are subscribed in the background.
        let phone = json!("demo-phone-0");
        let is_in = |topics: &Value, topic: &str| {
            let members = topics[topic].as_array();
            members.is_some_and(|members| members.contains(&phone))
        };
        let before = until_it(
            async || topics(&third_parties).await,
            |topics| is_in(topics, "vantage-wishlist-updates"),
        )
        .await;
        let deals = ["vantage-deals-us", "vantage-deals-eu", "vantage-deals-apac"];
        let region = deals.into_iter().find(|topic| is_in(&before, topic));
        let region = region.expect("deals of a region");
        assert!(!is_in(&before, "vantage-social-activity"));

        let updates = json!([change("DEALS", false), change("SOCIAL", true)]);
        let variables = json!({ "customer": customer, "updates": updates, "key": "k1" });
        let answer = graph.query(Some(&token), UPDATE, variables).await;
        let changed = |topic: &str, action: &str| json!({ "topic": topic, "action": action, "deviceTokens": 2, "status": "MADE" });
        assert_eq!(
            answer["data"]["notificationPreferencesUpdate"],
            json!({
                "updated": 2,
                "topicChanges": [
                    changed(region, "UNSUBSCRIBED"),
                    changed("vantage-social-activity", "SUBSCRIBED"),
                ],
                "userErrors": [],
            }),
            "{layout:?}: {answer}"
        );
        // Others may still be joining the topics that they want.
        let joined = third_parties.calls("POST", "/iid/v1:batchAdd").await;
        let social = "/topics/vantage-social-activity";
        let joined: Vec<_> = joined
            .iter()
            .filter(|call| call["body"]["to"] == social)
            .collect();
        let left = third_parties.calls("POST", "/iid/v1:batchRemove").await;
        assert_eq!((joined.len(), left.len()), (1, 1));
        assert_eq!(left[0]["body"]["to"], format!("/topics/{region}"));
        for call in [joined[0], &left[0]] {
            let tokens = call["body"]["registration_tokens"].as_array().unwrap();
            assert_eq!(tokens.len(), 2, "{call}");
        }
        let after = topics(&third_parties).await;
        assert!(!is_in(&after, region) && is_in(&after, "vantage-social-activity"));

        // While the push service is away, preferences are saved all the same.
        third_parties
            .fail(
                "POST",
                "/iid/*",
                1,
                json!({ "kind": "status", "status": 403 }),
            )
            .await;
        let updates = json!([change("SOCIAL", false)]);
        let variables = json!({ "customer": customer, "updates": updates, "key": "k2" });
        let answer = graph.query(Some(&token), UPDATE, variables).await;
        let payload = &answer["data"]["notificationPreferencesUpdate"];
        assert_eq!(payload["updated"], 1, "{answer}");
        assert_eq!(payload["topicChanges"][0]["status"], "PENDING");
        graph.stop().await;
    }
}

#[tokio::test]
async fn old_preferences_are_migrated_by_a_command_and_repaired() {
    for layout in layouts() {
        let graph = Graph::start(layout, &[("VANTAGE_DEMO__ORDERS", "60")], &[]).await;
        let token = graph.demo_token().await;
        let enabled = async || {
            let me = graph.query(Some(&token), MATRIX, json!({})).await;
            let me = &me["data"]["me"];
            let cells = me["notificationPreferences"]["preferences"].as_array();
            let cells: Vec<_> = cells
                .unwrap()
                .iter()
                .map(|cell| cell["enabled"] == true)
                .collect();
            (me["id"].as_str().unwrap().to_owned(), cells)
        };
        let (customer, _) = enabled().await;
        let file = graph.data().join("users.csv");
        let header = "id,email_notifications,sms_notifications\n";
        let write = |email: bool| {
            std::fs::write(&file, format!("{header}{customer},{email},true\n")).unwrap();
        };
        let path = file.to_str().unwrap();
        let migrate = [
            "notifications",
            "migrate-preferences",
            path,
            "--pause",
            "0s",
        ];
        std::fs::write(&file, format!("{header}{customer},maybe,true\n")).unwrap();
        let refused = graph.fail(&migrate).await;
        assert!(refused.contains("1 problem"), "{layout:?}: {refused}");
        write(false);
        let told = graph.run(&[&migrate[..], &["--dry-run"]].concat()).await;
        assert!(told.contains("1 customer would be migrated"), "{told}");
        let told = graph.run(&migrate).await;
        assert!(told.contains("1 customer migrated"), "{told}");
        let cells = |channels: [bool; 3]| channels.map(|on| [on; 4]).concat();
        // The demo customer has set one cell themselves, to what it is after the migration, too.
        assert_eq!(enabled().await.1, cells([true, false, true]));
        write(true);
        graph.run(&migrate).await;
        let repair = ["notifications", "repair-preferences"];
        let told = graph
            .run(&[&repair[..], &["--customer", &customer]].concat())
            .await;
        assert!(told.contains("1 customer repaired"), "{told}");
        assert_eq!(enabled().await.1, cells([true, true, true]));
        let told = graph
            .run(&[&repair[..], &["--all", "--pause", "0s"]].concat())
            .await;
        assert!(told.contains("1 customer repaired"), "{told}");
        assert_eq!(enabled().await.1, cells([true, true, true]));
        graph.stop().await;
    }
}
