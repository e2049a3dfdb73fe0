//! Deals that are scheduled by the command and by the mutation and sent by the running graph, in every layout, and while its
//! processes are killed.

use chrono::{TimeDelta, Utc};
use entities::notifications::device_token::{self, DevicePlatform};
use entities::notifications::notification::{self, DeliveryStatus};
use entities::notifications::{deal_queue, notification_position};
use resolvers::id::IdKind;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::{Graph, Layout, layouts};
use crate::third_parties::ThirdParties;
use crate::wait::until;

const SETTINGS: [(&str, &str); 2] = [
    ("VANTAGE_DEMO__ORDERS", "60"),
    ("VANTAGE_NOTIFICATIONS__DEALS__INTERVAL", "200ms"),
];

const SCHEDULE: &str = "mutation($input: DealScheduleInput!, $key: String!) {
    dealSchedule(input: $input, idempotencyKey: $key) { scheduled suppressed userErrors { code field } }
}";

const DEALS: &str =
    "{ me { id notifications { nodes { category channel title status scheduledFor } } } }";

fn tomorrow() -> String {
    (Utc::now() + TimeDelta::days(1)).to_rfc3339()
}

/// The customer's deals with their status.
async fn deals(graph: &Graph, token: &str) -> Vec<(String, String)> {
    let answer = graph.query(Some(token), DEALS, json!({})).await;
    let nodes = answer["data"]["me"]["notifications"]["nodes"].as_array();
    let nodes = nodes.expect("messages").iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    nodes
        .filter(|node| node["category"] == "DEALS")
        .map(|node| (text(&node["title"]), text(&node["status"])))
        .collect()
}

#[tokio::test]
async fn deals_are_scheduled_from_a_file_and_by_marketing_and_sent() {
    for layout in layouts() {
        let scratch = tempfile::tempdir().unwrap();
        let third_parties = ThirdParties::start(scratch.path()).await;
        let messages = third_parties.message_settings();
        let mut settings: Vec<_> = messages.iter().map(|(n, v)| (*n, v.as_str())).collect();
        settings.extend(SETTINGS);
        let graph = Graph::start(layout, &settings, &[]).await;
        let token = graph.demo_token().await;
        let me = graph.query(Some(&token), DEALS, json!({})).await;
        let customer = me["data"]["me"]["id"].as_str().unwrap();
        // The demo customer's quiet hours must not decide about this test.
        let clear = "mutation($customer: ID!) { notificationPreferencesUpdate(customerId: $customer, idempotencyKey: \"k\", input: {
            updates: [{ channel: PUSH, category: DEALS, enabled: true, quietHours: null }]
        }) { updated } }";
        let cleared = graph
            .query(Some(&token), clear, json!({ "customer": customer }))
            .await;
        assert_eq!(cleared.get("errors"), None, "{cleared}");

        let file = graph.data().join("deals.csv");
        let header = "customerId,title,body,windowEnd\n";
        let path = file.to_str().unwrap();
        std::fs::write(&file, format!("{header}{customer},,x,soon\n")).unwrap();
        let refused = graph.fail(&["deals", "schedule", path]).await;
        assert!(
            refused.contains("line 2: windowEnd"),
            "{layout:?}: {refused}"
        );
        assert!(
            refused.contains("nothing was changed: the file has 2 problems"),
            "{refused}"
        );
        std::fs::write(
            &file,
            format!("{header}{customer},Early,Today only,{}\n", tomorrow()),
        )
        .unwrap();
        let told = graph.run(&["deals", "schedule", path, "--dry-run"]).await;
        assert_eq!(told, "1 deal would be scheduled");
        assert_eq!(
            graph.run(&["deals", "schedule", path]).await,
            "1 deal scheduled"
        );
        let again = graph.run(&["deals", "schedule", path]).await;
        assert_eq!(again, "0 deals scheduled, 1 scheduled before");

        let marketing = graph
            .run(&[
                "token",
                "--customer",
                "customer1@vantage.example",
                "--scope",
                "marketing",
            ])
            .await;
        let input = json!({
            "customerIds": [customer], "title": "Late", "body": "Today only", "windowEnd": tomorrow(),
        });
        let variables = json!({ "input": input, "key": "d1" });
        let refused = graph.query(Some(&token), SCHEDULE, variables.clone()).await;
        assert_eq!(
            refused["errors"][0]["extensions"]["code"], "FORBIDDEN",
            "{refused}"
        );
        let answer = graph.query(Some(&marketing), SCHEDULE, variables).await;
        let expected = json!({ "scheduled": 1, "suppressed": 0, "userErrors": [] });
        assert_eq!(answer["data"]["dealSchedule"], expected, "{answer}");
        let sent = |title: &str| (title.to_owned(), "SENT".to_owned());
        until("both deals are sent", async || {
            let deals = deals(&graph, &token).await;
            (deals == [sent("Late"), sent("Early")]).then_some(())
        })
        .await;
        let pushed = third_parties.pushed().await.into_iter();
        let titles: Vec<_> = pushed.map(|(_, _, title)| title).collect();
        // To each of the customer's two devices, in order.
        assert_eq!(titles, ["Early", "Early", "Late", "Late"], "{layout:?}");
        graph.stop().await;
    }
}

#[tokio::test]
async fn deals_are_sent_once_though_their_process_is_killed_again_and_again() {
    for layout in [Layout::Sqlite, Layout::Postgres] {
        if layouts().contains(&layout) {
            kill_while_sending(layout).await;
        }
    }
}

async fn kill_while_sending(layout: Layout) {
    const CUSTOMERS: u128 = 150;
    let settings = [
        SETTINGS[0],
        SETTINGS[1],
        ("VANTAGE_NOTIFICATIONS__DEALS__PER_SECOND", "150"),
    ];
    let mut graph = Graph::start(layout, &settings, &[]).await;
    let file = graph.data().join("deals.csv");
    let ids: Vec<_> = (1..=CUSTOMERS)
        .map(|number| Uuid::from_u128(number << 64))
        .collect();
    let database = graph.database("notifications").await;
    // Deals are sent to devices.
    let devices = ids.iter().map(|id| device_token::ActiveModel {
        token: Set(format!("device-{id}")),
        customer_id: Set(*id),
        platform: Set(DevicePlatform::Web),
        region: Set("us".to_owned()),
        created_at: Set(Utc::now()),
        topics_set_at: Set(Some(Utc::now())),
    });
    device_token::Entity::insert_many(devices)
        .exec_without_returning(database.write())
        .await
        .unwrap();
    let mut text = "customerId,title,body,windowEnd\n".to_owned();
    let end = tomorrow();
    for title in ["one", "two"] {
        for id in &ids {
            let customer = IdKind::Customer.format(*id);
            text.push_str(&format!("{customer},{title},Today only,{end}\n"));
        }
    }
    std::fs::write(&file, text).unwrap();
    graph
        .run(&["deals", "schedule", file.to_str().unwrap()])
        .await;
    let sent = async || {
        let of_customers = notification::Entity::find()
            .filter(notification::Column::CustomerId.is_in(ids.iter().copied()))
            .filter(notification::Column::Status.eq(DeliveryStatus::Sent));
        of_customers.count(database.read()).await.unwrap()
    };
    for round in 1..=6 {
        // In the middle of its work.
        until("some more are sent", async || {
            (sent().await >= round * 30).then_some(())
        })
        .await;
        graph.kill_and_restart("router").await;
    }
    until("all are sent", async || {
        (u128::from(sent().await) == CUSTOMERS * 2).then_some(())
    })
    .await;
    until("nothing waits", async || {
        let waiting = deal_queue::Entity::find().count(database.read());
        (waiting.await.unwrap() == 0).then_some(())
    })
    .await;
    // A number is used each time something is sent.
    for id in ids {
        let last = notification_position::last(database.read(), id)
            .await
            .unwrap();
        assert_eq!(last, 2, "{id}");
    }
    graph.stop().await;
}
