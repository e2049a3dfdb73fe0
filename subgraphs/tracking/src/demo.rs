//! Demo parcels that move by themselves. A delivered parcel stays delivered; new ones are dispatched for the customer
//! the demo is shown to.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use entities::tracking::shipment;
use futures::try_join;
use rand::RngExt;
use uuid::Uuid;

use crate::State;
use crate::record_event::{RecordError, record_event};
use crate::rules::demo_route::{self, MOVING};
use crate::rules::observation::Observation;
use crate::rules::status::{Carrier, TrackingStatus};

/// Unwatched parcels moved per tick.
const CONCURRENCY: u64 = 20;
/// Percentage of failed delivery attempts.
const NOBODY_HOME: u32 = 10;

/// Moves parcels that the warehouse has not registered one stop along their routes: all watched ones, and some of the others in turn. Parcels of
/// `shown_to` only move while watched, and the last one of each carrier is not delivered, so that this customer always
/// has one in transit. Returns the number of parcels moved; the same random numbers give the same moves.
pub async fn demo_tick(
    state: &State,
    rng: &mut (impl RngExt + ?Sized),
    shown_to: Option<Uuid>,
) -> Result<usize, RecordError> {
    let db = state.database.read();
    let watched = state.watchers.orders();
    let (mut parcels, others, shown) = try_join!(
        shipment::of_orders_in(db, &watched, &MOVING),
        shipment::outward_least_recently_polled(db, &MOVING, true, CONCURRENCY),
        under_way(state, shown_to),
    )?;
    for parcel in others {
        let is_moving = parcels.iter().any(|known| known.id == parcel.id);
        if !is_moving && Some(parcel.customer_id) != shown_to {
            parcels.push(parcel);
        }
    }
    let mut of_carrier: HashMap<Carrier, usize> = HashMap::new();
    for parcel in &shown {
        *of_carrier.entry(parcel.carrier).or_default() += 1;
    }
    let mut moved = 0;
    for parcel in parcels {
        let nobody_home = rng.random_ratio(NOBODY_HOME, 100);
        let now = state.clock.now();
        let Some(observation) = next(&parcel, nobody_home, now) else {
            continue;
        };
        if observation.status == TrackingStatus::Delivered && Some(parcel.customer_id) == shown_to {
            let left = of_carrier.entry(parcel.carrier).or_default();
            if *left < 2 {
                continue;
            }
            *left -= 1;
        }
        record_event(state, &parcel, &observation).await?;
        moved += 1;
    }
    Ok(moved)
}

/// The carriers for which this customer has no parcel in transit, or only one that is about to arrive: the next one
/// should be dispatched.
pub async fn demo_missing_carriers(
    state: &State,
    customer: Uuid,
) -> Result<Vec<Carrier>, RecordError> {
    let parcels = under_way(state, Some(customer)).await?;
    let watched = state.watchers.orders();
    let needs = Carrier::ALL.iter().copied().filter(|carrier| {
        let own: Vec<_> = parcels
            .iter()
            .filter(|parcel| parcel.carrier == *carrier)
            .collect();
        match own[..] {
            [] => true,
            [parcel] => watched.contains(&parcel.order_id),
            _ => false,
        }
    });
    Ok(needs.collect())
}

/// The customer's parcels of orders that are in transit.
async fn under_way(
    state: &State,
    customer: Option<Uuid>,
) -> Result<Vec<shipment::Model>, sea_orm::DbErr> {
    const UNDER_WAY: [TrackingStatus; 5] = [
        TrackingStatus::Shipped,
        TrackingStatus::InTransit,
        TrackingStatus::OutForDelivery,
        TrackingStatus::DeliveryAttempted,
        TrackingStatus::AvailableForPickup,
    ];
    match customer {
        Some(customer) => {
            shipment::outward_of_customer_in(state.database.read(), customer, &UNDER_WAY).await
        }
        None => Ok(Vec::new()),
    }
}

/// Dispatches a new parcel of an order: the carrier has it now.
pub async fn demo_dispatch(state: &State, parcel: &shipment::Model) -> Result<(), RecordError> {
    shipment::insert(state.database.write(), parcel.clone()).await?;
    if let Some(observation) = next(parcel, false, state.clock.now()) {
        record_event(state, parcel, &observation).await?;
    }
    Ok(())
}

fn next(parcel: &shipment::Model, nobody_home: bool, now: DateTime<Utc>) -> Option<Observation> {
    let stop = demo_route::next(
        parcel.id.as_u128(),
        parcel.status,
        parcel.location.as_deref(),
        nobody_home,
    );
    stop.map(|stop| Observation {
        status: stop.status,
        location: Some(stop.place.to_owned()),
        time: now,
        zone_assumed: false,
        estimated_delivery: match stop.status {
            TrackingStatus::Shipped => Some(now + Duration::days(2)),
            TrackingStatus::OutForDelivery => Some(now + Duration::hours(3)),
            TrackingStatus::DeliveryAttempted => Some(now + Duration::days(1)),
            _ => None,
        },
    })
}
