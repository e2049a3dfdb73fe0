//! The demo's parcels.

use chrono::Duration;
use entities::insert_many;
use entities::tracking::{event, shipment};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use sea_orm::{EntityTrait, QueryOrder};
use tracking::{Carrier, TrackingStatus, demo_dispatch, demo_missing_carriers, demo_tick};
use uuid::Uuid;

use crate::fixture::{Fixture, fixtures, parcel};

/// Every parcel's status and place, by id.
async fn parcels(fixture: &Fixture) -> Vec<(TrackingStatus, Option<String>)> {
    shipment::Entity::find()
        .order_by_asc(shipment::Column::Id)
        .all(fixture.state.database.read())
        .await
        .unwrap()
        .into_iter()
        .map(|row| (row.status, row.location))
        .collect()
}

/// A parcel in transit with this carrier, in an order of its own.
async fn on_the_way(fixture: &Fixture, carrier: Carrier, customer: Uuid) -> shipment::Model {
    let row = shipment::Model {
        carrier,
        status: TrackingStatus::InTransit,
        location: Some("Sort Facility, Columbus OH".to_owned()),
        ..parcel(Uuid::now_v7(), customer)
    };
    fixture.insert(row.clone()).await;
    row
}

#[tokio::test]
async fn what_arrives_has_arrived_and_the_customer_always_has_a_parcel_of_each_carrier_on_the_way()
{
    for fixture in fixtures().await {
        let shown_to = fixture.customer;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for &carrier in Carrier::ALL {
            on_the_way(&fixture, carrier, shown_to).await;
        }
        let still = parcels(&fixture).await;
        assert_eq!(
            demo_missing_carriers(&fixture.state, shown_to)
                .await
                .unwrap(),
            []
        );
        for _ in 0..10 {
            demo_tick(&fixture.state, &mut rng, Some(shown_to))
                .await
                .unwrap();
        }
        assert_eq!(parcels(&fixture).await, still, "nobody watches");

        let watched = shipment::Entity::find()
            .one(fixture.state.database.read())
            .await
            .unwrap()
            .unwrap();
        let mut watcher = fixture.watch(watched.order_id);
        watcher.update().await;
        let own = watched.carrier;
        assert_eq!(
            demo_missing_carriers(&fixture.state, shown_to)
                .await
                .unwrap(),
            [own]
        );
        let mut seen = Vec::new();
        for _ in 0..30 {
            fixture.state.clock.advance(Duration::seconds(3));
            demo_tick(&fixture.state, &mut rng, Some(shown_to))
                .await
                .unwrap();
            let statuses = parcels(&fixture).await;
            seen.push(
                statuses
                    .iter()
                    .any(|(status, _)| *status == TrackingStatus::Delivered),
            );
        }
        // The last parcel of a carrier is not delivered until the next one is dispatched.
        assert!(seen.iter().all(|delivered| !delivered), "{seen:?}");
        let next = shipment::Model {
            carrier: watched.carrier,
            ..parcel(Uuid::now_v7(), shown_to)
        };
        demo_dispatch(&fixture.state, &next).await.unwrap();
        assert_eq!(
            demo_missing_carriers(&fixture.state, shown_to)
                .await
                .unwrap(),
            []
        );
        let mut last = watcher.update().await;
        while last["status"] != "DELIVERED" {
            fixture.state.clock.advance(Duration::seconds(3));
            demo_tick(&fixture.state, &mut rng, Some(shown_to))
                .await
                .unwrap();
            last = watcher.update().await;
        }
        let after = parcels(&fixture).await;
        for _ in 0..10 {
            demo_tick(&fixture.state, &mut rng, Some(shown_to))
                .await
                .unwrap();
        }
        assert_eq!(parcels(&fixture).await, after, "what arrived has arrived");
        let delivered = after
            .iter()
            .filter(|(status, _)| *status == TrackingStatus::Delivered);
        assert_eq!((delivered.count(), after.len()), (1, 5));
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_same_seed_makes_the_same_moves() {
    for fixture in fixtures().await {
        let mut runs = Vec::new();
        for run in 0..2_u128 {
            // These ids give the same routes in the same order in both runs.
            let rows: Vec<_> = (0..30_u128)
                .map(|number| shipment::Model {
                    id: Uuid::from_u128(1 + number),
                    tracking_number: format!("{run}-{number}"),
                    ..parcel(Uuid::now_v7(), fixture.customer)
                })
                .collect();
            let db = fixture.state.database.write();
            shipment::Entity::delete_many().exec(db).await.unwrap();
            event::Entity::delete_many().exec(db).await.unwrap();
            insert_many::<shipment::Entity>(db, rows).await.unwrap();
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            for _ in 0..12 {
                fixture.state.clock.advance(Duration::seconds(3));
                demo_tick(&fixture.state, &mut rng, None).await.unwrap();
            }
            runs.push(parcels(&fixture).await);
        }
        assert_eq!(runs[0], runs[1], "{}", fixture.scratch.name);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn deliveries_and_parcels_of_returns_stay_as_they_are() {
    for fixture in fixtures().await {
        let delivered = shipment::Model {
            status: TrackingStatus::Delivered,
            sequence: 4,
            ..parcel(Uuid::now_v7(), fixture.customer)
        };
        let back = shipment::Model {
            return_id: Some(Uuid::now_v7()),
            ..parcel(Uuid::now_v7(), fixture.customer)
        };
        fixture.insert(delivered).await;
        fixture.insert(back).await;
        let before = parcels(&fixture).await;
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for _ in 0..5 {
            let moved = demo_tick(&fixture.state, &mut rng, None).await.unwrap();
            assert_eq!(moved, 0);
        }
        assert_eq!(parcels(&fixture).await, before);
        fixture.scratch.drop().await;
    }
}
