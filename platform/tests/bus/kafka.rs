//! The bus over a Kafka broker. `VANTAGE_TEST_KAFKA_BROKER` is its address; one port above, it has TLS and SASL.
//! `VANTAGE_TEST_KAFKA_CA` is the file with its certificate.

use krafka::admin::{DeleteTopicsOptions, DescribeTopicsOptions};
use krafka::consumer::AutoOffsetReset;
use krafka::{Kafka, Record};
use platform::bus::{KafkaBus, KafkaConfig, KafkaSasl, KafkaTls, SaslMechanism};
use platform::config::Secret;

use super::*;
use crate::contract::{Views, contract};

/// The broker's address; `None` without one.
fn broker() -> Option<String> {
    std::env::var("VANTAGE_TEST_KAFKA_BROKER").ok()
}

fn config(broker: &str) -> KafkaConfig {
    KafkaConfig {
        brokers: vec![broker.to_owned()],
        ..KafkaConfig::default()
    }
}

fn bus(broker: &str) -> Arc<KafkaBus> {
    Arc::new(KafkaBus::new(config(broker)).unwrap())
}

fn views() -> Option<Views> {
    let broker = broker()?;
    Some(Views {
        here: bus(&broker),
        there: bus(&broker),
    })
}

contract!(views);

/// A client of the tests' own.
async fn client(broker: &str) -> Kafka {
    Kafka::builder(broker).connect().await.unwrap()
}

#[tokio::test]
async fn a_broker_that_is_away_is_said_to_be_and_nothing_is_lost() {
    let nobody = contract::nobody();
    contract::a_server_that_is_away_is_said_to_be(&*bus(&nobody.to_string())).await;
}

#[tokio::test]
async fn a_topic_is_created_as_configured_unless_that_is_not_allowed() {
    let Some(broker) = broker() else { return };
    let topic = unique_name();
    let forbidden = KafkaBus::new(KafkaConfig {
        create_topics: false,
        ..config(&broker)
    })
    .unwrap();
    let outcome = forbidden.publish(&events(&topic, 1..=1)).await.remove(0);
    let problem = outcome.unwrap_err().to_string();
    assert!(problem.contains(&topic), "{problem}");
    assert!(problem.contains("kafka.create_topics"), "{problem}");

    publish(&*bus(&broker), &events(&topic, 1..=1)).await;
    let admin = client(&broker).await.admin();
    let described = admin
        .describe_topics([&topic], DescribeTopicsOptions::default())
        .await
        .unwrap()
        .remove(&topic)
        .unwrap()
        .unwrap();
    assert_eq!(described.partitions.len(), 6);
    // As many copies as there are brokers.
    assert_eq!(described.partitions[0].replicas.len(), 1);
}

#[tokio::test]
async fn a_message_that_is_no_event_goes_to_the_dead_letters_and_blocks_nobody() {
    let Some(broker) = broker() else { return };
    let topic = unique_name();
    let bus = bus(&broker);
    let published = events(&topic, 1..=2);
    publish(&*bus, &published[..1]).await;
    let kafka = client(&broker).await;
    let producer = kafka.producer().build().await.unwrap();
    // Of the same key, so of the same partition.
    for poison in ["{not json", "{\"id\":1}"] {
        let record = Record::new(topic.as_str(), poison).key("a");
        assert!(producer.send(record).await.unwrap().is_success());
    }
    let tombstone = Record::tombstone(topic.as_str(), "a");
    assert!(producer.send(tombstone).await.unwrap().is_success());
    publish(&*bus, &published[1..]).await;

    let mut member = bus.subscribe(&[&topic], &topic).unwrap();
    assert_eq!(receive_all(&mut member, 2).await, published);
    member.leave().await;

    let consumer = kafka.consumer(format!("{topic}-reader"));
    let consumer = consumer.auto_offset_reset(AutoOffsetReset::Earliest);
    let consumer = consumer.build().await.unwrap();
    let dead_letters = format!("{topic}.dead-letter");
    consumer.subscribe([&dead_letters]).await.unwrap();
    let mut dead = Vec::new();
    while dead.len() < 3 {
        let next = tokio::time::timeout(PATIENCE, consumer.recv()).await;
        dead.extend(next.expect("a dead letter").unwrap());
    }
    consumer.close().await.unwrap();
    assert_eq!(dead[0].value_str(), Some("{not json"));
    assert_eq!(dead[0].key_str(), Some("a"));
    assert_eq!(dead[0].header_str("dead-letter-topic"), Some(&*topic));
    assert_eq!(dead[0].header_str("dead-letter-offset"), Some("1"));
    assert_eq!(dead[0].header_str("dead-letter-group"), Some(&*topic));
    assert!(dead[1].header_str("dead-letter-error").is_some());
    assert_eq!(dead[2].header_str("dead-letter-offset"), Some("3"));
}

#[tokio::test]
async fn logs_say_how_far_groups_are_and_are_others_when_the_topic_is_created_again() {
    let Some(broker) = broker() else { return };
    let topic = unique_name();
    let bus = bus(&broker);
    let receipts = publish(&*bus, &events(&topic, 1..=3)).await;
    let Receipt::Logged(last) = receipts.last().unwrap() else {
        panic!("{receipts:?}");
    };
    let logs = async || bus.logs(&topic, &[&topic]).await.unwrap().unwrap();
    let before = logs().await;
    assert_eq!(before.len(), 6, "a log for each partition");
    let log = before.iter().find(|log| log.log == last.log).unwrap();
    assert!(log.oldest.as_ref().unwrap() < &last.offset);
    assert!(log.groups.is_empty());

    let mut member = bus.subscribe(&[&topic], &topic).unwrap();
    receive_all(&mut member, 3).await;
    let log = logs().await.into_iter().find(|log| log.log == last.log);
    assert_eq!(log.unwrap().groups[&topic], last.offset);
    member.leave().await;

    let admin = client(&broker).await.admin();
    admin
        .delete_topics([&topic], DeleteTopicsOptions::default())
        .await
        .unwrap()
        .remove(&topic)
        .unwrap()
        .unwrap();
    let after = logs().await;
    assert!(
        after
            .iter()
            .all(|log| !before.iter().any(|old| old.log == log.log))
    );
    // The same bus goes on with the new topic.
    let more = events(&topic, 4..=5);
    publish(&*bus, &more).await;
    let mut member = bus.subscribe(&[&topic], &format!("{topic}-again")).unwrap();
    assert_eq!(receive_all(&mut member, 2).await, more);
    member.leave().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_for_the_broker_is_refused() {
    let Some(broker) = broker() else { return };
    let topic = unique_name();
    let mut large = Arc::unwrap_or_clone(event(&topic, "a", 1));
    large.data = serde_json::json!({ "text": "x".repeat(2_000_000) });
    let events = [Arc::new(large), event(&topic, "b", 1)];
    let bus = bus(&broker);
    let outcomes = bus.publish(&events).await;
    assert!(
        matches!(outcomes[0], Err(BusError::Refused(_))),
        "{outcomes:?}"
    );
    publish(&*bus, &events[1..]).await;
}

#[tokio::test]
async fn tls_and_every_mechanism_of_sasl_work_and_a_wrong_password_is_told() {
    let (Some(broker), Ok(ca)) = (broker(), std::env::var("VANTAGE_TEST_KAFKA_CA")) else {
        return;
    };
    let port: u16 = broker.rsplit_once(':').unwrap().1.parse().unwrap();
    let with = |mechanism, password: &str, ca_file: Option<&str>| KafkaConfig {
        brokers: vec![format!("localhost:{}", port + 1)],
        tls: KafkaTls {
            enabled: Some(true),
            ca_file: ca_file.map(Into::into),
            ..KafkaTls::default()
        },
        sasl: KafkaSasl {
            mechanism: Some(mechanism),
            username: Some("vantage".to_owned()),
            password: Some(Secret::new(password)),
        },
        ..KafkaConfig::default()
    };
    for mechanism in [
        SaslMechanism::Plain,
        SaslMechanism::ScramSha256,
        SaslMechanism::ScramSha512,
    ] {
        let topic = unique_name();
        let config = with(mechanism, "secret-of-the-tests", Some(&ca));
        let bus = KafkaBus::new(config).unwrap();
        let published = events(&topic, 1..=2);
        publish(&bus, &published).await;
        let mut member = bus.subscribe(&[&topic], &topic).unwrap();
        assert_eq!(receive_all(&mut member, 2).await, published);
        member.leave().await;

        let wrong = KafkaBus::new(with(mechanism, "something-else", Some(&ca))).unwrap();
        let outcome = wrong.publish(&published).await.remove(0);
        let problem = outcome.unwrap_err().to_string();
        assert!(problem.contains("uthentication"), "{problem}");
    }
    let untrusted = with(SaslMechanism::Plain, "secret-of-the-tests", None);
    let outcome = KafkaBus::new(untrusted)
        .unwrap()
        .publish(&events("a", 1..=1))
        .await;
    assert!(matches!(outcome[0], Err(BusError::Unavailable(_))));
    let missing = with(
        SaslMechanism::Plain,
        "secret-of-the-tests",
        Some("/nowhere/ca.pem"),
    );
    assert!(matches!(KafkaBus::new(missing), Err(BusError::Address(_))));
}
