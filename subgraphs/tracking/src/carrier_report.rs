//! Ingests a carrier's report of a parcel, from a poll or a webhook, and records its new observations.

use entities::tracking::{event, shipment};

use crate::State;
use crate::carriers::Report;
use crate::record_event::{
    Estimate, RecordError, record_estimate, record_event, record_event_with_estimate,
};
use crate::rules::dedupe::{RecordedHistory, new_observations};

/// Records the report's new observations in the order they happened, and returns how many. Marks the parcel as answered
/// in any case.
pub(crate) async fn ingest(
    state: &State,
    parcel: &shipment::Model,
    report: Report,
) -> Result<usize, RecordError> {
    let now = state.clock.now();
    let newest = report.scans.iter().filter_map(|scan| scan.at);
    let newest = newest.max_by_key(|moment| moment.at);
    let is_of_earlier_parcel =
        newest.is_some_and(|moment| moment.is_of_earlier_parcel(parcel.created_at));
    let estimate = report.estimated_delivery.filter(|_| !is_of_earlier_parcel);
    let estimate = estimate.map(|delivery| Estimate {
        delivery,
        reported_at: newest.map_or(now, |moment| moment.at),
    });
    let observations = new_observations(&recorded_history(state, parcel).await?, report.scans, now);
    let Some((newest, others)) = observations.split_last() else {
        match estimate {
            Some(estimate) => record_estimate(state, parcel, estimate).await?,
            None => shipment::answered(state.database.write(), parcel.id, now).await?,
        }
        return Ok(0);
    };
    for observation in others {
        record_event(state, parcel, observation).await?;
    }
    record_event_with_estimate(state, parcel, newest, estimate).await?;
    Ok(observations.len())
}

async fn recorded_history(
    state: &State,
    parcel: &shipment::Model,
) -> Result<RecordedHistory, RecordError> {
    let events = event::of_shipments(state.database.read(), &[parcel.id])
        .await?
        .remove(&parcel.id)
        .unwrap_or_default();
    let mut events = events
        .into_iter()
        .map(|event| (event.status, event.carrier_time))
        .collect::<Vec<_>>();
    let status = parcel.status;
    // Some reports give the current status without a history.
    events.extend(parcel.last_update.map(|at| (status, at)));
    Ok(RecordedHistory {
        status,
        location: parcel.location.clone(),
        created_at: parcel.created_at,
        events,
    })
}
