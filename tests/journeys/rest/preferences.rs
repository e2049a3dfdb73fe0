//! Replays the documented samples of notification preferences.

use serde_json::{Value, json};

use super::client::{Client, assert_sample};
use crate::kit::{Graph, Layout, layouts};

const SHOP: [(&str, &str); 1] = [("VANTAGE_DEMO__ORDERS", "60")];

/// The demo customer's id and token.
async fn customer(graph: &Graph) -> (String, String) {
    let token = graph.demo_token().await;
    let me = graph.query(Some(&token), "{ me { id } }", json!({})).await;
    (me["data"]["me"]["id"].as_str().unwrap().to_owned(), token)
}

#[tokio::test]
async fn the_samples_of_preferences_are_answered_as_they_are_printed() {
    for layout in layouts() {
        let graph = Graph::start(layout, &SHOP, &[]).await;
        let (id, token) = customer(&graph).await;
        let client = Client::new(&graph.router.base, Some(&token));
        let path = format!("/api/v1/users/{id}/notification-preferences");
        // The sample has quiet hours, so set them; everything else is the default. The customer has two devices.
        let quiet = r#"{"updates":[{"channel":"push","category":"deals","quiet_hours":{"start":"22:00","end":"07:00"}}]}"#;
        let set = client.put(&path, &[], quiet).await;
        assert_eq!(set.status, 200, "{layout:?}: {set:?}");
        let headers = [
            ("x-request-id", "req_notif_pref_001"),
            ("accept", "application/json"),
        ];
        let shown = client.get(&path, &headers).await;
        let printed = r#"{
            "user_id": "usr_7f8e9d0a",
            "preferences": [
                {"channel": "push", "category": "orders", "enabled": true, "quiet_hours": null},
                {"channel": "push", "category": "deals", "enabled": true, "quiet_hours": {"start": "22:00", "end": "07:00"}},
                {"channel": "push", "category": "wishlist", "enabled": true, "quiet_hours": null},
                {"channel": "push", "category": "social", "enabled": false, "quiet_hours": null},
                {"channel": "email", "category": "orders", "enabled": true},
                {"channel": "email", "category": "deals", "enabled": true},
                {"channel": "email", "category": "wishlist", "enabled": true},
                {"channel": "email", "category": "social", "enabled": false},
                {"channel": "sms", "category": "orders", "enabled": true},
                {"channel": "sms", "category": "deals", "enabled": false},
                {"channel": "sms", "category": "wishlist", "enabled": false},
                {"channel": "sms", "category": "social", "enabled": false}
            ],
            "updated_at": "2025-09-29T09:10:00Z"
        }"#
        .replace("usr_7f8e9d0a", &id);
        assert_sample(&shown, 200, &printed, &["/updated_at"]);
        assert_eq!(shown.header("x-request-id"), "req_notif_pref_001");

        let headers = [("x-request-id", "req_notif_pref_002")];
        let updates = r#"{
            "updates": [
                {"channel": "push", "category": "deals", "enabled": false},
                {"channel": "push", "category": "social", "enabled": true}
            ]
        }"#;
        let updated = client.put(&path, &headers, updates).await;
        let printed = r#"{
            "updated": 2,
            "fcm_topic_changes": [
                {"topic": "vantage-deals-us", "action": "unsubscribed", "device_tokens": 2},
                {"topic": "vantage-social-activity", "action": "subscribed", "device_tokens": 2}
            ],
            "updated_at": "2025-09-29T09:18:45Z"
        }"#;
        assert_sample(&updated, 200, printed, &["/updated_at"]);
        // The proxy repeats the request.
        let again = client.put(&path, &headers, updates).await;
        assert_eq!(again.text, updated.text, "{layout:?}");

        let headers = [("x-request-id", "req_notif_pref_003")];
        let updates =
            r#"{"updates": [{"channel": "push", "category": "orders", "enabled": false}]}"#;
        let printed = r#"{
            "error": "FORBIDDEN",
            "message": "You can only update your own notification preferences"
        }"#;
        for other in ["usr_unauthorized", "usr_01h455vb4pex5vsknk084sn02q"] {
            let path = format!("/api/v1/users/{other}/notification-preferences");
            let refused = client.put(&path, &headers, updates).await;
            assert_sample(&refused, 403, printed, &[]);
            assert_eq!(refused.header("x-request-id"), "req_notif_pref_003");
            let message = client.get(&path, &[]).await.error(403, "FORBIDDEN");
            assert_eq!(
                message,
                "You can only see your own notification preferences"
            );
        }
        graph.stop().await;
    }
}

#[tokio::test]
async fn only_what_is_named_changes_and_mistakes_change_nothing() {
    let graph = Graph::start(Layout::Sqlite, &SHOP, &[]).await;
    let (id, token) = customer(&graph).await;
    let path = format!("/api/v1/users/{id}/notification-preferences");
    Client::new(&graph.router.base, None)
        .get(&path, &[])
        .await
        .error(401, "UNAUTHENTICATED");
    let client = Client::new(&graph.router.base, Some(&token));
    let push_deals = async || {
        let shown = client.get(&path, &[]).await.json();
        shown["preferences"][1].clone()
    };
    let change = async |change: Value| {
        let mut update = json!({ "channel": "push", "category": "deals" });
        let members = change.as_object().unwrap().clone();
        update.as_object_mut().unwrap().extend(members);
        let body = json!({ "updates": [update] }).to_string();
        client.put(&path, &[], &body).await
    };
    let hours = json!({ "start": "23:30", "end": "06:15" });
    change(json!({ "quiet_hours": hours })).await;
    change(json!({ "enabled": false })).await;
    let before = push_deals().await;
    assert_eq!(
        (&before["quiet_hours"], &before["enabled"]),
        (&hours, &json!(false))
    );
    change(json!({ "quiet_hours": null })).await;
    assert_eq!(push_deals().await["quiet_hours"], Value::Null);

    let before = push_deals().await;
    for (wrong, status) in [
        (json!({ "channel": "fax" }), 400),
        (json!({ "category": "ORDERS" }), 400),
        (json!({ "enabled": "yes" }), 400),
        (json!({ "enabled": null }), 400),
        (json!({ "quiet_hours": { "start": "22:00" } }), 400),
        (
            json!({ "quiet_hours": { "start": "25:00", "end": "07:00" } }),
            400,
        ),
    ] {
        let refused = change(wrong.clone()).await;
        assert_eq!(refused.status.as_u16(), status, "{wrong}: {refused:?}");
        assert!(refused.json()["message"].is_string());
    }
    let twice = json!({ "channel": "push", "category": "deals", "enabled": true });
    let body = json!({ "updates": [twice, twice] }).to_string();
    let refused = client.put(&path, &[], &body).await;
    refused.error(422, "DUPLICATE_PREFERENCE");
    assert_eq!(refused.json()["errors"][0]["field"], "updates[1]");
    assert_eq!(push_deals().await, before);
    graph.stop().await;
}
