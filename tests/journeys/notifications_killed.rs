//! Kills the process while it sends messages: each is sent, and whoever gets one twice can tell.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use chrono::Utc;
use entities::notifications::notification::{self, DeliveryStatus, Listed};
use entities::orders::order;
use platform::database::{Database, DatabaseConfig};
use platform::outbox::{self, NewEvent};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use resolvers::id::IdKind;
use sea_orm::EntityTrait;
use serde_json::json;

use crate::kit::{Process, vantage};
use crate::third_parties::ThirdParties;
use crate::wait::until_it;

async fn serve(data: &Path, listen: &str, third_parties: &ThirdParties) -> Process {
    let mut command = vantage(data);
    command
        .env("VANTAGE_DEMO__ORDERS", "60")
        .env("VANTAGE_TELEMETRY__LOG_LEVEL", "off")
        .envs(third_parties.settings())
        .env("VANTAGE_PROVIDERS__SMTP__URL", &third_parties.mail_server)
        .args(["serve", "--listen", listen]);
    Process::start(command).await
}

async fn database(data: &Path, domain: &str) -> Database {
    let config = DatabaseConfig::sqlite(data.to_owned());
    Database::open(&config, domain).await.unwrap()
}

#[tokio::test]
async fn every_message_is_sent_although_its_process_is_killed() {
    kill_while_sending(6, 20).await;
}

#[tokio::test]
#[ignore = "takes minutes: cargo test --test journeys -- --ignored every_message_is_sent"]
async fn every_message_is_sent_although_its_process_is_killed_a_hundred_times() {
    // The sandbox keeps a thousand emails.
    kill_while_sending(100, 8).await;
}

async fn kill_while_sending(rounds: usize, events: usize) {
    let scratch = tempfile::tempdir().unwrap();
    let data = tempfile::tempdir().unwrap();
    let third_parties = ThirdParties::start(scratch.path()).await;
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let listen = free.to_string();
    let mut process = serve(data.path(), &listen, &third_parties).await;
    let orders = database(data.path(), "orders").await;
    let notifications = database(data.path(), "notifications").await;
    let rows = order::Entity::find().all(orders.read()).await.unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(16);
    for round in 0..rounds {
        let transaction = orders.begin().await.unwrap();
        for index in 0..events {
            let row = &rows[(round * events + index) % rows.len()];
            let order_id = IdKind::Order.format(row.id);
            let event = NewEvent {
                topic: "orders.events",
                event_type: "order.shipped",
                aggregate_id: &order_id,
                data: json!({
                    "version": 1, "orderId": order_id,
                    "customerId": IdKind::Customer.format(row.customer_id),
                    "status": "shipped", "previousStatus": "confirmed", "actor": "carrier",
                }),
            };
            outbox::append(&transaction, event, Utc::now())
                .await
                .unwrap();
        }
        transaction.commit().await.unwrap();
        // This test is about the moment; there is no state to wait for.
        tokio::time::sleep(Duration::from_millis(random.random_range(20..1_500))).await;
        process.child.kill().await.unwrap();
        process = serve(data.path(), &listen, &third_parties).await;
    }
    let expected = rounds * events;
    let is_email =
        |row: &notification::Model| row.event_id.is_some() && row.channel.as_str() == "email";
    let sent = until_it(
        async || {
            let listed =
                notification::list(notifications.read(), &Listed::default(), 100_000).await;
            let rows: Vec<_> = listed.unwrap().into_iter().filter(is_email).collect();
            let open = rows
                .iter()
                .filter(|row| row.status != DeliveryStatus::Sent)
                .count();
            (rows.len(), open)
        },
        |(all, open)| *all >= expected && *open == 0,
    )
    .await;
    assert_eq!(sent.0, expected, "one message for each event");
    let mails = third_parties.get("/_control/mails").await;
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for mail in mails["mails"].as_array().unwrap() {
        *times
            .entry(mail["message_id"].as_str().unwrap())
            .or_default() += 1;
    }
    let repeated = times.values().filter(|times| **times > 1).count();
    println!(
        "{rounds} kills, {expected} emails, {repeated} transmitted again with the same identity"
    );
    assert_eq!(times.len(), expected, "as many identities as messages");
    process.stop().await;
}
