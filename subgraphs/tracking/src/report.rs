//! A carrier's report of a parcel, from a poll or a webhook: what is new in it is recorded.

use entities::tracking::{event, shipment};

use crate::State;
use crate::carriers::Report;
use crate::record::{Estimate, RecordError, record, record_estimate, record_with};
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
    let newest = report.scans.iter().filter_map(|scan| scan.at);
    let newest = newest.map(|moment| moment.at).max();
    let estimate = report.estimated_delivery.map(|delivery| Estimate {
        delivery,
        told_at: newest.unwrap_or(now),
    });
    let observations = news(&known(state, parcel).await?, report.scans, now);
    let Some((newest, others)) = observations.split_last() else {
        match estimate {
            Some(estimate) => record_estimate(state, parcel, estimate).await?,
            None => shipment::answered(state.database.write(), parcel.id, now).await?,
        }
        return Ok(0);
    };
    for observation in others {
        record(state, parcel, observation).await?;
    }
    record_with(state, parcel, newest, estimate).await?;
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
        .map(|event| Ok((parse(&event.status)?, event.carrier_time)))
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
