//! Parcels that move by themselves, so that a newcomer sees something live.

use chrono::{DateTime, Duration, Utc};
use entities::tracking::{event, shipment};
use futures::try_join;
use rand::Rng;

use crate::State;
use crate::record::{Journey, Observation, RecordError, record, tell_watchers};
use crate::rules::route::{self, MOVING};
use crate::status::TrackingStatus;

/// Parcels that move in one tick beside those that are watched.
const AT_ONCE: u64 = 20;
/// With fewer on their way than this, some that arrived start over.
const ALWAYS_MOVING: usize = 5;
/// How often, in a hundred, nobody is home.
const NOBODY_HOME: u32 = 10;

/// Moves parcels of orders one stop along their routes: those that somebody watches, and some of
/// the others in turn. Parcels that it delivered start over when they are watched, or when too few
/// are left. Gives the number of parcels moved; the same random numbers make the same moves.
pub async fn demo_tick(state: &State, rng: &mut (impl Rng + ?Sized)) -> Result<usize, RecordError> {
    let db = state.database.read();
    let watched = state.watchers.orders();
    let arrived = [TrackingStatus::Delivered.as_str()];
    let (mut parcels, others, mut done) = try_join!(
        shipment::of_orders_in(db, &watched, &MOVING),
        shipment::outward_least_recently_polled(db, &MOVING, AT_ONCE),
        shipment::of_orders_in(db, &watched, &arrived),
    )?;
    add(&mut parcels, others);
    if parcels.len() + done.len() < ALWAYS_MOVING {
        let longest = shipment::outward_longest_in(db, &arrived, ALWAYS_MOVING as u64).await?;
        add(&mut done, longest);
    }
    // Those without a change were delivered when the demo shop was made: they stay.
    done.retain(|parcel| parcel.sequence > 0);
    for parcel in &done {
        start_over(state, parcel).await?;
    }
    let mut moved = 0;
    for parcel in parcels {
        let nobody_home = rng.random_ratio(NOBODY_HOME, 100);
        let now = state.clock.now();
        if let Some(observation) = next(&parcel, nobody_home, now)? {
            record(state, &parcel, &observation).await?;
            moved += 1;
        }
    }
    Ok(moved)
}

fn add(parcels: &mut Vec<shipment::Model>, more: Vec<shipment::Model>) {
    for parcel in more {
        if !parcels.iter().any(|known| known.id == parcel.id) {
            parcels.push(parcel);
        }
    }
}

fn next(
    parcel: &shipment::Model,
    nobody_home: bool,
    now: DateTime<Utc>,
) -> Result<Option<Observation>, RecordError> {
    let status = TrackingStatus::parse(&parcel.status).ok_or(RecordError::Status(parcel.id))?;
    let stop = route::next(
        parcel.id.as_u128(),
        status,
        parcel.location.as_deref(),
        nobody_home,
    );
    Ok(stop.map(|stop| Observation {
        status: stop.status,
        location: Some(stop.place.to_owned()),
        time: now,
        estimated_delivery: match stop.status {
            TrackingStatus::Shipped => Some(now + Duration::days(2)),
            TrackingStatus::OutForDelivery => Some(now + Duration::hours(3)),
            TrackingStatus::DeliveryAttempted => Some(now + Duration::days(1)),
            _ => None,
        },
    }))
}

/// Makes a parcel that arrived a new one, with a label and no history. Its watchers are told; the
/// other domains are not, for they have seen it arrive.
async fn start_over(state: &State, parcel: &shipment::Model) -> Result<(), RecordError> {
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    let mut journey = Journey::lock(&transaction, parcel).await?;
    event::delete_of_shipment(&transaction, parcel.id).await?;
    let row = &mut journey.parcel;
    row.status = TrackingStatus::LabelCreated.as_str().to_owned();
    // The place stays: the next parcel goes to the same door.
    row.last_update = Some(now);
    row.estimated_delivery = None;
    row.last_polled_at = Some(now);
    row.last_answered_at = Some(now);
    // What the carrier tells of before was another parcel.
    row.created_at = now;
    let (row, change) = journey.change(&transaction, now).await?;
    transaction.commit().await?;
    tell_watchers(state, &row, &change).await;
    Ok(())
}
