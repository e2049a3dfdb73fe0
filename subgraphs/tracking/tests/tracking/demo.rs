//! The demo's parcels.

use chrono::Duration;
use entities::insert_many;
use entities::tracking::{event, shipment};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sea_orm::{EntityTrait, QueryOrder};
use tracking::demo_tick;
use uuid::Uuid;

use crate::support::{Fixture, fixtures, parcel};

/// Every parcel's status and place, by id.
async fn parcels(fixture: &Fixture) -> Vec<(String, Option<String>)> {
    shipment::Entity::find()
        .order_by_asc(shipment::Column::Id)
        .all(fixture.state.database.read())
        .await
        .unwrap()
        .into_iter()
        .map(|row| (row.status, row.location))
        .collect()
}

#[tokio::test]
async fn parcels_arrive_and_start_over_so_that_something_always_moves() {
    for fixture in fixtures().await {
        let row = fixture.ship().await;
        let mut watcher = fixture.watch(row.order_id);
        watcher.update().await;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut seen = Vec::new();
        for step in 0..40 {
            fixture.state.clock.advance(Duration::seconds(3));
            demo_tick(&fixture.state, &mut rng).await.unwrap();
            let update = watcher.update().await;
            assert_eq!(update["sequence"], step + 1);
            seen.push(update["status"].as_str().unwrap().to_owned());
        }
        let arrived = seen.iter().filter(|status| *status == "DELIVERED").count();
        assert!(arrived >= 2, "{seen:?}");
        for pair in seen.windows(2) {
            if pair[0] == "DELIVERED" {
                assert_eq!(pair[1], "LABEL_CREATED", "{seen:?}");
            }
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_same_seed_makes_the_same_moves() {
    for fixture in fixtures().await {
        let mut runs = Vec::new();
        for run in 0..2_u128 {
            // Ids that lead to the same routes in the same order in both runs.
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
                demo_tick(&fixture.state, &mut rng).await.unwrap();
            }
            runs.push(parcels(&fixture).await);
        }
        assert_eq!(runs[0], runs[1], "{}", fixture.scratch.name);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn seeded_deliveries_and_parcels_of_returns_stay_as_they_are() {
    for fixture in fixtures().await {
        let delivered = shipment::Model {
            status: "delivered".to_owned(),
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
            assert_eq!(demo_tick(&fixture.state, &mut rng).await.unwrap(), 0);
        }
        assert_eq!(parcels(&fixture).await, before);
        fixture.scratch.drop().await;
    }
}
