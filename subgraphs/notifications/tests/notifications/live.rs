//! `notificationReceived` and `notificationRead`.

use std::task::Poll;

use async_graphql::{Request, Response, Variables};
use entities::notifications::notification;
use futures::StreamExt;
use futures::stream::BoxStream;
use platform::caller::Caller;
use resolvers::id::IdKind;
use resolvers::testing::execute;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::PATIENCE;
use crate::world::{World, shipped, worlds};

const LIVE: &str =
    "subscription($after: ID) { notificationReceived(after: $after) { id title status readAt } }";

/// A client that watches its messages.
struct Watcher(BoxStream<'static, Response>);

impl Watcher {
    fn open(world: &World, customer: Uuid, after: Option<&str>) -> Self {
        let variables = json!({ "after": after });
        Self(world.subgraph().execute_stream(move || {
            let request = Request::new(LIVE).variables(Variables::from_json(variables.clone()));
            (request, Caller::customer(IdKind::Customer.format(customer)))
        }))
    }

    /// Sends messages until the first arrives, since nothing says that the client is subscribed.
    async fn first(&mut self, world: &World, customer: Uuid) -> Value {
        loop {
            send(world, customer, 100).await;
            if let Poll::Ready(Some(response)) = futures::poll!(self.0.next()) {
                let response = serde_json::to_value(response).unwrap();
                return response["data"]["notificationReceived"].clone();
            }
        }
    }

    async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(PATIENCE, self.0.next()).await;
        let response = next
            .expect("a message in time")
            .expect("the stream goes on");
        let response = serde_json::to_value(response).unwrap();
        assert_eq!(response["errors"], Value::Null, "{response}");
        response["data"]["notificationReceived"].clone()
    }
}

/// Sends a message to the customer.
async fn send(world: &World, customer: Uuid, sequence: i64) {
    let order = IdKind::Order.format(Uuid::now_v7());
    world.tell(&shipped(&order, customer, sequence)).await;
    world.send_due().await;
}

/// The ids of the customer's messages in the order in which they were sent.
async fn sent(world: &World, customer: Uuid) -> Vec<String> {
    let db = world.scratch.database.read();
    let rows = notification::sent_after(db, customer, 0, 100)
        .await
        .unwrap();
    rows.iter()
        .map(|row| IdKind::Notification.format(row.id))
        .collect()
}

#[tokio::test]
async fn messages_arrive_once_in_order_and_a_client_continues_after_the_last_one() {
    for world in worlds().await {
        let (customer, other) = (Uuid::now_v7(), Uuid::now_v7());
        for sequence in 0..3 {
            send(&world, customer, sequence).await;
        }
        let before = sent(&world, customer).await;
        let mut resumed = Watcher::open(&world, customer, Some(&before[0]));
        for id in &before[1..] {
            assert_eq!(resumed.next().await["id"], **id, "{}", world.scratch.name);
        }
        send(&world, other, 3).await;
        send(&world, customer, 4).await;
        let newest = sent(&world, customer).await[3].clone();
        let received = resumed.next().await;
        assert_eq!(
            (&received["id"], &received["status"]),
            (&json!(newest), &json!("SENT"))
        );
        // What was published again, as after a killed process, arrives once.
        let row = IdKind::Notification.parse(&newest).unwrap();
        let row = notification::by_id(world.scratch.database.read(), row)
            .await
            .unwrap()
            .unwrap();
        for _ in 0..2 {
            world.state.delivery.live.publish(&row).await;
        }
        send(&world, customer, 5).await;
        let last = sent(&world, customer).await[4].clone();
        assert_eq!(resumed.next().await["id"], last);
        let foreign = sent(&world, other).await[0].clone();
        let known = sent(&world, customer).await;
        let mut watcher = Watcher::open(&world, customer, Some(&foreign));
        let first = watcher.first(&world, customer).await;
        let first = first["id"].as_str().unwrap().to_owned();
        assert!(
            !known.contains(&first),
            "another's message is no place to continue"
        );
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn messages_are_read_by_their_customer_only() {
    for world in worlds().await {
        let (customer, other) = (Uuid::now_v7(), Uuid::now_v7());
        for sequence in 0..3 {
            send(&world, customer, sequence).await;
        }
        let ids = sent(&world, customer).await;
        let document = "mutation($ids: [ID!]!) { notificationRead(ids: $ids) { read unread } }";
        let subgraph = world.subgraph();
        let read = async |caller: Uuid, ids: &[String]| {
            let answer = execute(&subgraph, Some(caller), document, json!({ "ids": ids })).await;
            answer["data"]["notificationRead"].clone()
        };
        assert_eq!(read(other, &ids).await, json!({ "read": 0, "unread": 0 }));
        assert_eq!(
            read(customer, &ids[..2]).await,
            json!({ "read": 2, "unread": 1 })
        );
        assert_eq!(
            read(customer, &ids).await,
            json!({ "read": 1, "unread": 0 })
        );
        let many = vec![ids[0].clone(); 101];
        let answer = execute(&subgraph, Some(customer), document, json!({ "ids": many })).await;
        assert_eq!(resolvers::testing::code(&answer), "BAD_USER_INPUT");
        let order = IdKind::Order.format(Uuid::now_v7());
        let wrong = json!({ "ids": [ids[0], order] });
        let answer = execute(&subgraph, Some(customer), document, wrong).await;
        assert_eq!(resolvers::testing::code(&answer), "BAD_USER_INPUT");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        let place = format!("ids.1 (\"{order}\") is not a valid id");
        assert!(message.starts_with(&place), "{message}");
        world.scratch.drop().await;
    }
}
