//! A carrier's report of a parcel, from a poll or a webhook: what is new in it is recorded.

use entities::tracking::{event, shipment};

use crate::State;
use crate::carriers::Report;
use crate::record::{Observation, RecordError, record};
use crate::rules::news::{Known, news};
use crate::status::TrackingStatus;

/// Records what the report tells that was not known, in the order in which it happened, and gives the number
/// of things. That the carrier answered is noted in any case.
pub(crate) async fn take_in(
    state: &State,
    parcel: &shipment::Model,
    report: Report,
) -> Result<usize, RecordError> {
    let now = state.clock.now();
    let Report {
        scans,
        estimated_delivery,
        ..
    } = report;
    let mut observations = news(&known(state, parcel).await?, scans, now);
    if let Some(newest) = observations.last_mut() {
        newest.estimated_delivery = estimated_delivery;
    } else if estimated_delivery.is_some() && estimated_delivery != parcel.estimated_delivery {
        observations.extend(standing(parcel)?.map(|standing| Observation {
            estimated_delivery,
            ..standing
        }));
    }
    for observation in &observations {
        record(state, parcel, observation).await?;
    }
    if observations.is_empty() {
        shipment::answered(state.database.write(), parcel.id, now).await?;
    }
    Ok(observations.len())
}

async fn known(state: &State, parcel: &shipment::Model) -> Result<Known, RecordError> {
    let parse = |stored: &str| TrackingStatus::parse(stored).ok_or(RecordError::Status(parcel.id));
    let events = event::of_shipments(state.database.read(), &[parcel.id])
        .await?
        .remove(&parcel.id)
        .unwrap_or_default();
    let mut events = events
        .into_iter()
        .map(|event| Ok((parse(&event.status)?, event.occurred_at)))
        .collect::<Result<Vec<_>, RecordError>>()?;
    let status = parse(&parcel.status)?;
    // Where the parcel is may be known without its history.
    events.extend(parcel.last_update.map(|at| (status, at)));
    Ok(Known {
        status,
        location: parcel.location.clone(),
        created_at: parcel.created_at,
        events,
    })
}

/// How the parcel stands, as if it were told again.
fn standing(parcel: &shipment::Model) -> Result<Option<Observation>, RecordError> {
    let status = TrackingStatus::parse(&parcel.status).ok_or(RecordError::Status(parcel.id))?;
    Ok(parcel.last_update.map(|time| Observation {
        status,
        location: parcel.location.clone(),
        time,
        estimated_delivery: None,
    }))
}
