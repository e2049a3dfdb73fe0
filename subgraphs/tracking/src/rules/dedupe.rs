//! Finds the new scans in a carrier's report. Carriers report a parcel's whole history each time.

use chrono::{DateTime, Utc};

use super::current_status::order_at_once;
use super::observation::{Observation, Scan};
use super::status::TrackingStatus;

/// A parcel's recorded events.
#[derive(Clone, Debug)]
pub(crate) struct RecordedHistory {
    pub status: TrackingStatus,
    pub location: Option<String>,
    pub created_at: DateTime<Utc>,
    /// The carrier's events by the carrier's own time.
    pub events: Vec<(TrackingStatus, DateTime<Utc>)>,
}

/// The scans not recorded yet, in the order they happened.
pub(crate) fn new_observations(
    known: &RecordedHistory,
    scans: Vec<Scan>,
    now: DateTime<Utc>,
) -> Vec<Observation> {
    let mut new_observations: Vec<_> = scans
        .into_iter()
        .filter_map(|scan| {
            let status = scan.status;
            let is_known = match scan.at {
                // Carriers report times to the second.
                Some(moment) => {
                    moment.is_of_earlier_parcel(known.created_at)
                        || known.events.iter().any(|&(seen, time)| {
                            seen == status && time.timestamp() == moment.at.timestamp()
                        })
                }
                // Without a time it describes the current state.
                None => known.status == status && known.location == scan.location,
            };
            (!is_known).then(|| Observation {
                status,
                location: scan.location,
                time: scan.at.map_or(now, |moment| moment.at),
                zone_assumed: scan.at.is_some_and(|moment| moment.zone_assumed),
                estimated_delivery: None,
            })
        })
        .collect();
    new_observations
        .sort_by_key(|observation| (observation.time, order_at_once(observation.status)));
    new_observations
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use platform::carriers::Moment;

    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_759_500_000 + 60 * minute, 0).unwrap()
    }

    fn scan(status: TrackingStatus, minute: Option<i64>) -> Scan {
        Scan {
            status,
            location: Some("Newark NJ".to_owned()),
            at: minute.and_then(|minute| Moment::exact(at(minute))),
        }
    }

    fn known() -> RecordedHistory {
        RecordedHistory {
            status: TrackingStatus::InTransit,
            location: Some("Newark NJ".to_owned()),
            created_at: at(0),
            // Recorded with a fraction of a second that the carrier does not report.
            events: vec![(
                TrackingStatus::InTransit,
                at(5) + TimeDelta::milliseconds(250),
            )],
        }
    }

    #[test]
    fn only_what_was_not_known_is_news_and_in_the_order_it_happened() {
        use TrackingStatus::{Delivered, InTransit, OutForDelivery, Shipped};
        let told = vec![
            scan(Delivered, Some(9)),
            scan(OutForDelivery, Some(8)),
            scan(InTransit, Some(5)),
            scan(Shipped, Some(-120)),
        ];
        let statuses: Vec<_> = new_observations(&known(), told, at(10))
            .into_iter()
            .map(|observation| (observation.status, observation.time))
            .collect();
        assert_eq!(statuses, [(OutForDelivery, at(8)), (Delivered, at(9))]);
    }

    #[test]
    fn an_answer_without_a_time_is_news_when_it_says_something_else() {
        let same = scan(TrackingStatus::InTransit, None);
        assert_eq!(new_observations(&known(), vec![same], at(10)), []);
        let other = scan(TrackingStatus::OutForDelivery, None);
        let told = new_observations(&known(), vec![other], at(10));
        assert_eq!(told[0].time, at(10));
    }
}
