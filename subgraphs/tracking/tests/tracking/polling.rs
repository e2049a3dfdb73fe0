//! Polling carriers.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Duration;
use entities::tracking::shipment;
use platform::pubsub::{InProcess, PubSub, PubSubError, Subscription};
use serde_json::Value;
use tracking::{Carrier, TrackingConfig, TrackingStatus, change_message, flag_overdue, poll};
use uuid::Uuid;

use crate::carrier::Dhl;
use crate::fixture::{Fixture, fixtures, parcel};

const SHIPPED: [&str; 4] = ["transit", "Picked up", "Chicago IL", "2025-10-03T10:00:00Z"];
const MOVING: [&str; 4] = ["transit", "In transit", "Newark NJ", "2025-10-03T14:02:00Z"];
const OUT: [&str; 4] = [
    "transit",
    "Out for delivery",
    "Brooklyn NY",
    "2025-10-03T14:08:00Z",
];

fn budget(hourly: u32) -> TrackingConfig {
    let mut config = TrackingConfig::default();
    config.dhl.hourly_budget = hourly;
    config
}

async fn row(fixture: &Fixture, id: Uuid) -> shipment::Model {
    let db = fixture.state.database.read();
    shipment::by_id(db, id).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_a_carrier_tells_reaches_watchers_once_however_often_it_is_told() {
    for mut fixture in fixtures().await {
        let dhl = Dhl::of(&mut fixture, TrackingConfig::default()).await;
        let parcel = fixture.ship().await;
        dhl.tells(&parcel.tracking_number, &[SHIPPED, MOVING]);
        let mut watch = fixture.watch(parcel.order_id);
        assert_eq!(watch.update().await["snapshot"], true);
        assert_eq!(poll(&fixture.state, Carrier::Dhl).await.unwrap(), 1);
        assert_eq!(watch.sequences(2).await, [1, 2]);

        // Not before it is due; then the same report again, which changes nothing.
        assert_eq!(poll(&fixture.state, Carrier::Dhl).await.unwrap(), 0);
        fixture.state.clock.advance(Duration::seconds(60));
        assert_eq!(poll(&fixture.state, Carrier::Dhl).await.unwrap(), 1);
        dhl.tells(&parcel.tracking_number, &[SHIPPED, MOVING, OUT]);
        fixture.state.clock.advance(Duration::seconds(60));
        poll(&fixture.state, Carrier::Dhl).await.unwrap();
        let update = watch.update().await;
        assert_eq!(update["sequence"], 3);
        assert_eq!(update["location"], "Brooklyn NY");
        let history = fixture.shipment(&parcel).await["history"].clone();
        assert_eq!(history.as_array().map(Vec::len), Some(3));
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn of_more_parcels_than_the_budget_allows_the_watched_ones_come_first() {
    for mut fixture in fixtures().await {
        let dhl = Dhl::of(&mut fixture, budget(80)).await;
        for _ in 0..6 {
            let parcel = fixture.ship().await;
            dhl.tells(&parcel.tracking_number, &[MOVING]);
        }
        let watched = fixture.ship().await;
        dhl.tells(&watched.tracking_number, &[MOVING]);
        let mut watch = fixture.watch(watched.order_id);
        watch.update().await;
        // A burst of four from eighty per hour, two of which are reserved for watched parcels.
        assert_eq!(poll(&fixture.state, Carrier::Dhl).await.unwrap(), 2);
        let asked = dhl.asked();
        assert!(asked.contains(&watched.tracking_number), "{asked:?}");
        // The budget refills with time, and parcels are not polled again before the others.
        fixture.state.clock.advance(Duration::minutes(59));
        poll(&fixture.state, Carrier::Dhl).await.unwrap();
        let again = dhl.asked();
        assert!(again.contains(&watched.tracking_number), "{again:?}");
        let others = |numbers: &[String]| {
            let mut others = numbers.to_vec();
            others.retain(|number| *number != watched.tracking_number);
            others
        };
        assert!(others(&asked).iter().all(|number| !again.contains(number)));
        assert!(!others(&again).is_empty());
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn instances_that_poll_at_once_ask_about_each_parcel_once() {
    for mut fixture in fixtures().await {
        let dhl = Dhl::of(&mut fixture, TrackingConfig::default()).await;
        for _ in 0..20 {
            let parcel = fixture.ship().await;
            dhl.tells(&parcel.tracking_number, &[MOVING]);
        }
        let polls = (0..4).map(|_| poll(&fixture.state, Carrier::Dhl));
        let asked: usize = futures::future::try_join_all(polls)
            .await
            .unwrap()
            .iter()
            .sum();
        assert_eq!(asked, 20, "{}", fixture.scratch.name);
        let mut numbers = dhl.asked();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 20);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_carrier_in_trouble_leaves_the_last_status_and_ten_errors_flag_the_parcel() {
    for mut fixture in fixtures().await {
        let dhl = Dhl::of(&mut fixture, TrackingConfig::default()).await;
        let parcel = fixture.ship().await;
        dhl.tells(&parcel.tracking_number, &[SHIPPED, MOVING]);
        poll(&fixture.state, Carrier::Dhl).await.unwrap();
        dhl.asked();
        dhl.fails(Some(503));
        for turn in 1..=10 {
            fixture.state.clock.advance(Duration::seconds(60));
            poll(&fixture.state, Carrier::Dhl).await.unwrap();
            assert_eq!(dhl.asked().len(), 1, "once a turn, turn {turn}");
            let errors = row(&fixture, parcel.id).await.consecutive_errors;
            assert_eq!(errors, turn, "{}", fixture.scratch.name);
        }
        let shown = fixture.shipment(&parcel).await;
        assert_eq!(shown["status"], "IN_TRANSIT");
        let flags = |events: Vec<platform::tables::outbox_event::Model>| {
            events
                .into_iter()
                .filter(|event| event.event_type == "tracking.shipment_flagged")
                .map(|event| event.data["failures"].clone())
                .collect::<Vec<Value>>()
        };
        assert_eq!(flags(fixture.events().await), [10]);

        dhl.fails(None);
        dhl.tells(&parcel.tracking_number, &[SHIPPED, MOVING, OUT]);
        fixture.state.clock.advance(Duration::seconds(60));
        poll(&fixture.state, Carrier::Dhl).await.unwrap();
        assert_eq!(
            fixture.shipment(&parcel).await["status"],
            "OUT_FOR_DELIVERY"
        );
        assert_eq!(row(&fixture, parcel.id).await.consecutive_errors, 0);
        assert_eq!(flags(fixture.events().await).len(), 1);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_label_that_the_carrier_has_not_scanned_is_no_error_and_a_delivered_parcel_is_left_alone()
{
    for mut fixture in fixtures().await {
        let dhl = Dhl::of(&mut fixture, TrackingConfig::default()).await;
        let label = fixture.ship().await;
        let delivered = shipment::Model {
            status: TrackingStatus::Delivered,
            ..parcel(Uuid::now_v7(), fixture.customer)
        };
        fixture.insert(delivered).await;
        assert_eq!(poll(&fixture.state, Carrier::Dhl).await.unwrap(), 1);
        assert_eq!(dhl.asked(), [label.tracking_number]);
        assert_eq!(row(&fixture, label.id).await.consecutive_errors, 0);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_parcel_that_never_arrives_is_left_alone_after_a_while_and_flagged_once() {
    for mut fixture in fixtures().await {
        let dhl = Dhl::of(&mut fixture, TrackingConfig::default()).await;
        let lost = fixture.ship().await;
        let arrived = shipment::Model {
            status: TrackingStatus::Delivered,
            ..parcel(Uuid::now_v7(), fixture.customer)
        };
        fixture.insert(arrived).await;
        let unused = shipment::Model {
            return_id: Some(Uuid::now_v7()),
            carrier: Carrier::Usps,
            ..parcel(Uuid::now_v7(), fixture.customer)
        };
        fixture.insert(unused).await;
        dhl.tells(&lost.tracking_number, &[MOVING]);
        assert_eq!(poll(&fixture.state, Carrier::Dhl).await.unwrap(), 1);
        assert_eq!(flag_overdue(&fixture.state).await.unwrap(), 0);

        fixture.state.clock.advance(Duration::days(45));
        assert_eq!(poll(&fixture.state, Carrier::Dhl).await.unwrap(), 0);
        assert_eq!(flag_overdue(&fixture.state).await.unwrap(), 1);
        assert_eq!(flag_overdue(&fixture.state).await.unwrap(), 0);
        let flags: Vec<_> = fixture
            .events()
            .await
            .into_iter()
            .filter(|event| event.event_type == "tracking.shipment_flagged")
            .map(|event| event.data)
            .collect();
        assert_eq!(flags.len(), 1, "{}", fixture.scratch.name);
        assert_eq!(flags[0]["reason"], "overdue");
        assert_eq!(flags[0]["trackingNumber"], lost.tracking_number);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_answer_of_which_nothing_can_be_read_is_a_failure_and_one_bad_scan_is_none() {
    for mut fixture in fixtures().await {
        let dhl = Dhl::of(&mut fixture, TrackingConfig::default()).await;
        let (bad, good) = (fixture.ship().await, fixture.ship().await);
        let odd = ["", "", "", "soon"];
        dhl.tells(&bad.tracking_number, &[odd]);
        dhl.tells(&good.tracking_number, &[SHIPPED, odd, MOVING]);
        assert_eq!(poll(&fixture.state, Carrier::Dhl).await.unwrap(), 2);
        assert_eq!(row(&fixture, bad.id).await.consecutive_errors, 1);
        assert_eq!(row(&fixture, good.id).await.consecutive_errors, 0);
        let shown = fixture.shipment(&good).await;
        assert_eq!(shown["status"], "IN_TRANSIT");
        assert_eq!(shown["history"].as_array().map(Vec::len), Some(2));
        fixture.scratch.drop().await;
    }
}

/// Panics at what is published to one channel.
#[derive(Debug)]
struct PanickingPubSub {
    inner: InProcess,
    channel: String,
}

#[async_trait]
impl PubSub for PanickingPubSub {
    async fn publish(&self, channel: &str, message: Bytes) -> Result<(), PubSubError> {
        assert_ne!(channel, self.channel, "as a defect would");
        self.inner.publish(channel, message).await
    }

    async fn subscribe(&self, channel: &str) -> Result<Subscription, PubSubError> {
        self.inner.subscribe(channel).await
    }
}

#[tokio::test]
async fn a_panic_over_one_parcel_costs_no_other_its_poll() {
    for mut fixture in fixtures().await {
        let dhl = Dhl::of(&mut fixture, TrackingConfig::default()).await;
        let mut parcels = Vec::new();
        // More than are polled at once.
        for _ in 0..20 {
            let parcel = fixture.ship().await;
            dhl.tells(&parcel.tracking_number, &[MOVING]);
            parcels.push(parcel);
        }
        let bad = parcels.swap_remove(3);
        fixture.state.pubsub = Arc::new(PanickingPubSub {
            inner: InProcess::new(),
            channel: change_message(&bad).unwrap().0,
        });
        assert_eq!(poll(&fixture.state, Carrier::Dhl).await.unwrap(), 20);
        assert_eq!(row(&fixture, bad.id).await.consecutive_errors, 1);
        for parcel in &parcels {
            let polled = row(&fixture, parcel.id).await;
            assert_eq!(polled.status, TrackingStatus::InTransit);
        }
        fixture.scratch.drop().await;
    }
}
