//! Live tracking through the running binary, in every layout: a snapshot, then every update in order.

use serde_json::{Value, json};

use crate::kit::{Graph, Layout, layouts};
use crate::tracking_client::Client;
use crate::wait::until;

/// Moves a parcel every 50 ms, to keep the test short.
const SHOP: [(&str, &str); 2] = [
    ("VANTAGE_DEMO__ORDERS", "60"),
    ("VANTAGE_DEMO__TICKER_INTERVAL", "50ms"),
];

#[tokio::test]
async fn a_watcher_gets_a_snapshot_and_then_every_update_in_order() {
    for layout in layouts() {
        let graph = Graph::start(layout, &SHOP, &["--demo"]).await;
        let token = graph.demo_token().await;
        // The customer has a parcel in transit with each carrier; one of them was just shipped, and moves once watched.
        // Their only other order that waits for a parcel is in pounds: the warehouse may have sent it by now.
        let sent = "{ me { orders(status: [SHIPPED]) { nodes { id total { currency } shipments { carrier status } } } } }";
        let orders = until("the orders appear", async || {
            let answer = graph.query(Some(&token), sent, json!({})).await;
            let mut orders = answer["data"]["me"]["orders"]["nodes"].as_array()?.clone();
            orders.retain(|order| order["total"]["currency"] != "GBP");
            answer.get("errors").is_none().then_some(orders)
        })
        .await;
        let mut carriers: Vec<_> = orders
            .iter()
            .map(|order| order["shipments"][0]["carrier"].as_str().unwrap())
            .collect();
        carriers.sort_unstable();
        assert_eq!(carriers, ["DHL", "FEDEX", "UPS", "USPS"], "{layout:?}");
        let just_sent = |order: &&Value| order["shipments"][0]["status"] == "SHIPPED";
        let order = &orders.iter().find(just_sent).expect("a parcel")["id"];
        let order = order.as_str().unwrap();

        // Two subscribers to one order get the same updates until delivery.
        let mut sockets = [
            Client::connect(&graph.router.base, Some(&token)).await,
            Client::connect(&graph.router.base, Some(&token)).await,
        ];
        for socket in &mut sockets {
            socket.watch(order).await;
        }
        let mut seen = Vec::new();
        for socket in &mut sockets {
            let mut last = None;
            loop {
                let update = socket.update().await;
                assert_eq!(update["snapshot"], last.is_none(), "{update:#}");
                assert_eq!(update["order"]["id"], order);
                assert!(
                    update["order"]["total"]["formatted"].is_string(),
                    "{update:#}"
                );
                let sequence = update["sequence"].as_i64().unwrap();
                if let Some(last) = last {
                    assert_eq!(sequence, last + 1, "{layout:?}: no gap and no repeat");
                }
                last = Some(sequence);
                if !["SHIPPED", "IN_TRANSIT"].contains(&update["status"].as_str().unwrap()) {
                    break;
                }
            }
            seen.push(last);
        }
        assert_eq!(
            seen[0],
            Some(3),
            "{layout:?}: two facilities, then out for delivery"
        );
        let published = graph.metric("vantage_tracking_published_total").await;
        let delivered = graph
            .metric("vantage_tracking_delivery_seconds_count")
            .await;
        assert!(published >= 1, "{layout:?}: {published}");
        assert!(delivered >= 1, "{layout:?}: {delivered}");
        graph.stop().await;
    }
}

#[tokio::test]
async fn only_the_owner_may_watch() {
    let graph = Graph::start(Layout::Sqlite, &SHOP, &[]).await;
    let token = graph.demo_token().await;
    let answer = graph
        .query(
            Some(&token),
            "{ me { orders(first: 1) { nodes { id } } } }",
            json!({}),
        )
        .await;
    let order = &answer["data"]["me"]["orders"]["nodes"][0]["id"];
    let other = graph
        .run(&["token", "--customer", "customer1@vantage.example"])
        .await;
    for (token, code) in [
        (Some(other.as_str()), "FORBIDDEN"),
        (None, "UNAUTHENTICATED"),
    ] {
        let mut client = Client::connect(&graph.router.base, token).await;
        client.watch(order.as_str().unwrap()).await;
        let message = client.receive().await;
        // Either an immediate error or the first and only event; clients see the code in both cases.
        let errors = match message["type"].as_str() {
            Some("error") => &message["payload"],
            _ => &message["payload"]["errors"],
        };
        assert_eq!(errors[0]["extensions"]["code"], code, "{message:#}");
    }
    graph.stop().await;
}

#[tokio::test]
async fn what_arrives_has_arrived_and_the_next_parcel_of_its_carrier_is_on_its_way() {
    let graph = Graph::start(Layout::Sqlite, &SHOP, &["--demo"]).await;
    let token = graph.demo_token().await;
    let sent = "{ me { orders(status: [SHIPPED]) { nodes { id shipments { carrier status } } } } }";
    let shipped = async || {
        let answer = graph.query(Some(&token), sent, json!({})).await;
        assert_eq!(answer.get("errors"), None, "{answer:#}");
        let orders = answer["data"]["me"]["orders"]["nodes"].clone();
        orders.as_array().unwrap().clone()
    };
    let at_the_door = |order: &&Value| order["shipments"][0]["status"] == "OUT_FOR_DELIVERY";
    let before = shipped().await;
    let order = before.iter().find(at_the_door).expect("a parcel")["id"].clone();
    let mut client = Client::connect(&graph.router.base, Some(&token)).await;
    client.watch(order.as_str().unwrap()).await;
    loop {
        let carriers = shipped().await;
        for carrier in ["DHL", "FEDEX", "UPS", "USPS"] {
            let is_there = |order: &Value| order["shipments"][0]["carrier"] == carrier;
            assert!(carriers.iter().any(is_there), "{carrier}: {carriers:?}");
        }
        if client.update().await["status"] == "DELIVERED" {
            break;
        }
    }
    let status = "query($id: ID!) { order(id: $id) { status shipments { status } } }";
    until("the order status follows its parcel", async || {
        let answer = graph
            .query(Some(&token), status, json!({ "id": order }))
            .await;
        (answer["data"]["order"]["status"] == "DELIVERED").then_some(())
    })
    .await;
    let after = shipped().await;
    assert!(after.iter().all(|other| other["id"] != order));
    assert!(after.len() >= 4, "{after:?}");
    graph.stop().await;
}
