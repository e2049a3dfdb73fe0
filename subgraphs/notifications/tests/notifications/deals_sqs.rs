//! Deals that are carried by an SQS FIFO queue, which `tests/sqs/run.sh` starts.

use std::time::Duration;

use chrono::TimeDelta;
use entities::notifications::deal_queue::{self, DealState};
use notifications::deals::{self, DealDelivery, DealTaskState, Drained};
use platform::clock::Clock;
use platform::config::ConnectionUrl;
use platform::providers::sqs::{SqsConfig, SqsQueue};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::deals_once::assert_all_sent_once;
use crate::shop::{Shop, customer, shops};

const END: &str = "2026-06-03T00:00:00Z";

/// Calls the server as any client does.
async fn call(action: &str, body: Value) -> Value {
    let server = std::env::var("VANTAGE_TEST_SQS_URL").unwrap();
    let answer = reqwest::Client::new()
        .post(server)
        .header("x-amz-target", format!("AmazonSQS.{action}"))
        .header("content-type", "application/x-amz-json-1.0")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let body = answer.text().await.unwrap();
    serde_json::from_str(&body).unwrap_or(Value::String(body))
}

/// A new queue, and its URL.
async fn queue() -> (SqsQueue, String) {
    let name = format!("deals-{}.fifo", Uuid::now_v7().simple());
    let attributes = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "false" });
    let created = call(
        "CreateQueue",
        json!({ "QueueName": name, "Attributes": attributes }),
    )
    .await;
    let url = created["QueueUrl"].as_str().expect("a queue").to_owned();
    let config = SqsConfig {
        queue_url: ConnectionUrl::from(url.parse::<Url>().unwrap()),
        region: "us-east-1".to_owned(),
        kms_key: None,
        access_key_id: Some("a key".to_owned()),
        secret_access_key: Some(platform::config::Secret::new("a secret")),
    };
    (SqsQueue::new(&config, Clock::system()).unwrap(), url)
}

fn state(shop: &Shop, queue: &SqsQueue) -> DealTaskState {
    DealTaskState {
        delivery: DealDelivery {
            queue: Some(queue.clone()),
            ..shop.deals().delivery
        },
        ..shop.deals()
    }
}

async fn drain(state: &DealTaskState) -> Drained {
    deals::drain_once(state).await.unwrap()
}

async fn consume(state: &DealTaskState, queue: &SqsQueue) -> Drained {
    let wait = Duration::from_secs(1);
    deals::consume_once(state, queue, wait).await.unwrap()
}

/// Hands over and sends until nothing is left.
async fn work(state: &DealTaskState, queue: &SqsQueue) {
    loop {
        let handed = drain(state).await.queued;
        let sent = consume(state, queue).await;
        if handed == 0 && sent == Drained::default() {
            return;
        }
    }
}

#[tokio::test]
#[ignore = "needs a queue server: run tests/sqs/run.sh"]
async fn a_fifo_queue_refuses_a_delay_on_a_single_message_so_the_window_is_ours() {
    let (_, url) = queue().await;
    let entry = |id: &str, delay: u32| {
        json!({
            "Id": id, "MessageBody": "{}", "MessageGroupId": "g", "MessageDeduplicationId": id,
            "DelaySeconds": delay,
        })
    };
    let entries = json!({ "QueueUrl": url, "Entries": [entry("later", 60), entry("now", 0)] });
    let answer = call("SendMessageBatch", entries).await;
    assert_eq!(answer["Failed"][0]["Id"], "later", "{answer}");
    assert_eq!(answer["Successful"][0]["Id"], "now", "{answer}");
}

#[tokio::test]
#[ignore = "needs a queue server: run tests/sqs/run.sh"]
async fn every_deal_is_sent_once_and_in_order() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let (queue, _) = queue().await;
        let state = state(&shop, &queue);
        let customers: Vec<_> = (1..=12).map(customer).collect();
        for title in ["one", "two", "three"] {
            shop.schedule(title, &customers, END, json!({})).await;
        }
        // Two processes.
        tokio::join!(work(&state, &queue), work(&state, &queue));
        work(&state, &queue).await;
        assert_all_sent_once(&shop, 3).await;
        let mut sent: Vec<_> = shop
            .messages()
            .await
            .into_iter()
            .map(|row| (row.customer_id, row.position, row.title))
            .collect();
        sent.sort();
        for of_one in sent.chunks(3) {
            let titles: Vec<_> = of_one.iter().map(|(.., title)| title.as_str()).collect();
            assert_eq!(titles, ["one", "two", "three"], "{}", shop.scratch.name);
        }
        shop.scratch.drop().await;
    }
}

#[tokio::test]
#[ignore = "needs a queue server: run tests/sqs/run.sh"]
async fn what_a_process_that_dies_has_received_is_received_again_and_sent_once() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let (queue, _) = queue().await;
        let state = state(&shop, &queue);
        shop.schedule("Sale", &[customer(1), customer(2)], END, json!({}))
            .await;
        assert_eq!(drain(&state).await.queued, 2);
        let second = Duration::from_secs(1);
        // It dies before it has done anything.
        assert_eq!(queue.receive(second, second).await.unwrap().len(), 2);
        // Another one dies after it has sent them, before it deletes the messages.
        let received = loop {
            let received = queue
                .receive(second, Duration::from_secs(30))
                .await
                .unwrap();
            if !received.is_empty() {
                break received;
            }
        };
        assert_eq!(received.len(), 2, "{}", shop.scratch.name);
        for message in &received {
            queue.hide(&message.receipt, Duration::ZERO).await.unwrap();
        }
        work(&state, &queue).await;
        for message in &received {
            queue.hide(&message.receipt, Duration::ZERO).await.ok();
        }
        work(&state, &queue).await;
        assert_all_sent_once(&shop, 1).await;
        shop.scratch.drop().await;
    }
}

#[tokio::test]
#[ignore = "needs a queue server: run tests/sqs/run.sh"]
async fn what_was_recorded_and_not_handed_over_is_handed_over_later() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let (queue, _) = queue().await;
        let state = state(&shop, &queue);
        shop.schedule("Sale", &[customer(1)], END, json!({})).await;
        let ids: Vec<_> = shop
            .queue()
            .await
            .iter()
            .map(|deal| deal.notification_id)
            .collect();
        let db = shop.scratch.database.write();
        deal_queue::begin_round(db, &ids, shop.clock.now())
            .await
            .unwrap();
        shop.clock.advance(TimeDelta::minutes(14));
        assert_eq!(
            drain(&state).await,
            Drained::default(),
            "{}",
            shop.scratch.name
        );
        shop.clock.advance(TimeDelta::minutes(2));
        assert_eq!(drain(&state).await.queued, 1);
        assert_eq!(consume(&state, &queue).await.sent, 1);
        assert_all_sent_once(&shop, 1).await;
        shop.scratch.drop().await;
    }
}

#[tokio::test]
#[ignore = "needs a queue server: run tests/sqs/run.sh"]
async fn quiet_hours_that_began_while_it_was_queued_bring_a_deal_back() {
    for shop in shops("2026-06-01T21:59:00Z").await {
        let (queue, _) = queue().await;
        let state = state(&shop, &queue);
        shop.quiet_nights(customer(1), "UTC").await;
        shop.schedule("Sale", &[customer(1)], END, json!({})).await;
        assert_eq!(drain(&state).await.queued, 1);
        shop.set_time("2026-06-01T22:01:00Z");
        let consumed = consume(&state, &queue).await;
        assert_eq!(
            (consumed.sent, consumed.put_off),
            (0, 1),
            "{}",
            shop.scratch.name
        );
        let deals = shop.queue().await;
        assert_eq!(deals[0].state, DealState::Waiting);
        assert_eq!(consume(&state, &queue).await, Drained::default());
        shop.set_time("2026-06-02T07:00:00Z");
        // The queue remembers the first message for five minutes, so this is another one.
        assert_eq!(drain(&state).await.queued, 1);
        assert_eq!(consume(&state, &queue).await.sent, 1);
        assert_all_sent_once(&shop, 1).await;
        shop.scratch.drop().await;
    }
}

#[tokio::test]
#[ignore = "needs a queue server: run tests/sqs/run.sh"]
async fn a_queue_that_is_away_keeps_deals_waiting() {
    for shop in shops("2026-06-01T12:00:00Z").await {
        let config = SqsConfig {
            queue_url: ConnectionUrl::from(
                "http://127.0.0.1:9/queue/deals.fifo"
                    .parse::<Url>()
                    .unwrap(),
            ),
            region: "us-east-1".to_owned(),
            kms_key: None,
            access_key_id: Some("a key".to_owned()),
            secret_access_key: Some(platform::config::Secret::new("a secret")),
        };
        let away = SqsQueue::new(&config, Clock::system()).unwrap();
        shop.schedule("Sale", &[customer(1)], END, json!({})).await;
        assert!(deals::drain_once(&state(&shop, &away)).await.is_err());
        assert_eq!(
            shop.queue().await[0].state,
            DealState::Waiting,
            "{}",
            shop.scratch.name
        );
        let (queue, _) = queue().await;
        work(&state(&shop, &queue), &queue).await;
        assert_all_sent_once(&shop, 1).await;
        shop.scratch.drop().await;
    }
}

#[tokio::test]
#[ignore = "needs a queue server: run tests/sqs/run.sh"]
async fn a_queue_gets_the_attributes_that_it_should_have() {
    let server = std::env::var("VANTAGE_TEST_SQS_URL").unwrap();
    let name = format!("deals-{}.fifo", Uuid::now_v7().simple());
    let url = format!("{server}/000000000000/{name}");
    let config = SqsConfig {
        queue_url: ConnectionUrl::from(url.parse::<Url>().unwrap()),
        region: "us-east-1".to_owned(),
        kms_key: None,
        access_key_id: Some("a key".to_owned()),
        secret_access_key: Some(platform::config::Secret::new("a secret")),
    };
    let queue = SqsQueue::new(&config, Clock::system()).unwrap();
    assert_eq!(queue.differences(&deals::QUEUE).await.unwrap(), None);
    queue.create(&deals::QUEUE).await.unwrap();
    let differences = async || {
        let mut differences = queue.differences(&deals::QUEUE).await.unwrap().unwrap();
        // What this server does not implement.
        let missing = ["MessageRetentionPeriod", "SqsManagedSseEnabled"];
        differences.retain(|difference| !missing.contains(&difference.name));
        differences
    };
    assert!(differences().await.is_empty());
    let changed = json!({ "QueueUrl": url, "Attributes": { "VisibilityTimeout": "30" } });
    call("SetQueueAttributes", changed).await;
    let found = differences().await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].name, "VisibilityTimeout");
    assert_eq!(found[0].present.as_deref(), Some("30"));
    assert_eq!(found[0].desired, "120");
    queue.apply(&found[0]).await.unwrap();
    assert!(differences().await.is_empty());
}
