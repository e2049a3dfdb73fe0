//! Determines a parcel's status from all reports. Carriers report late, twice and in any order; the result depends on
//! when things happened, never on when we learned of them.

use chrono::{DateTime, Utc};

use super::status::TrackingStatus as Status;

/// A reported status with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimedStatus {
    pub status: Status,
    pub location: Option<String>,
    pub at: DateTime<Utc>,
}

/// Where a parcel is, based on all reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CurrentStatus {
    /// The decisive report; for a parcel returned to its sender, when that happened.
    pub latest: TimedStatus,
    /// Whether it was returned to its sender. Its status remains "returning", since it was not delivered.
    pub returned_to_sender: bool,
}

/// The newest report wins, unless it cannot follow the ones before it.
pub(crate) fn current_status(mut status_history: Vec<TimedStatus>) -> Option<CurrentStatus> {
    status_history.sort_by_key(|latest| (latest.at, order_at_once(latest.status)));
    let mut status_history = status_history.into_iter();
    let first = status_history.next()?;
    // An exception on the way back does not end the return.
    let mut is_returning = first.status == Status::Returning;
    let first = CurrentStatus {
        latest: first,
        returned_to_sender: false,
    };
    Some(status_history.fold(first, |current_status, next| {
        let before = current_status.latest.status;
        if current_status.returned_to_sender {
            current_status
        } else if is_returning && next.status == Status::Delivered {
            CurrentStatus {
                latest: TimedStatus {
                    status: Status::Returning,
                    ..next
                },
                returned_to_sender: true,
            }
        } else if may_follow(before, next.status) && !(is_returning && is_outward(next.status)) {
            is_returning |= next.status == Status::Returning;
            CurrentStatus {
                latest: next,
                ..current_status
            }
        } else {
            current_status
        }
    }))
}

/// Whether it is a step on the way to the customer.
const fn is_outward(status: Status) -> bool {
    match status {
        Status::LabelCreated
        | Status::Shipped
        | Status::InTransit
        | Status::OutForDelivery
        | Status::DeliveryAttempted
        | Status::AvailableForPickup => true,
        Status::Delivered | Status::Exception | Status::Returning => false,
    }
}

/// Whether a newer event may change the status. A parcel never goes back to its beginning; a delivered or returning
/// parcel stays so to the end. It is delivered once.
fn may_follow(before: Status, next: Status) -> bool {
    match next {
        Status::LabelCreated => before == Status::LabelCreated,
        Status::Shipped => matches!(
            before,
            Status::LabelCreated | Status::Shipped | Status::Exception
        ),
        Status::Delivered | Status::Exception => before != Status::Delivered,
        Status::Returning => true,
        Status::InTransit
        | Status::OutForDelivery
        | Status::DeliveryAttempted
        | Status::AvailableForPickup => !matches!(before, Status::Delivered | Status::Returning),
    }
}

/// Which of two events in the same second came first: carriers round their times.
pub(super) const fn order_at_once(status: Status) -> u8 {
    match status {
        Status::LabelCreated => 0,
        Status::Shipped => 1,
        Status::InTransit => 2,
        Status::Exception => 3,
        Status::OutForDelivery => 4,
        Status::DeliveryAttempted => 5,
        Status::AvailableForPickup => 6,
        Status::Returning => 7,
        Status::Delivered => 8,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn latest(status: Status, minute: i64) -> TimedStatus {
        TimedStatus {
            status,
            location: None,
            at: DateTime::from_timestamp(60 * minute, 0).unwrap(),
        }
    }

    #[test]
    fn the_newest_event_decides_unless_it_cannot_follow() {
        use Status::*;
        let cases: [(&[(Status, i64)], Status); 10] = [
            (&[(LabelCreated, 0)], LabelCreated),
            (&[(Shipped, 1), (InTransit, 2)], InTransit),
            // Late: it happened before what is already known.
            (&[(OutForDelivery, 9), (InTransit, 8)], OutForDelivery),
            // Newer, and back at a depot: that is where it is.
            (&[(OutForDelivery, 8), (InTransit, 9)], InTransit),
            (&[(InTransit, 1), (LabelCreated, 2)], InTransit),
            (&[(InTransit, 1), (Shipped, 2)], InTransit),
            (&[(Delivered, 3), (InTransit, 4)], Delivered),
            (&[(Delivered, 3), (Returning, 4)], Returning),
            (&[(Returning, 3), (InTransit, 4)], Returning),
            // At the same time.
            (&[(Delivered, 3), (OutForDelivery, 3)], Delivered),
        ];
        for (events, expected) in cases {
            let told = events.iter().map(|&(s, at)| latest(s, at)).collect();
            let status = current_status(told).unwrap().latest.status;
            assert_eq!(status, expected, "{events:?}");
        }
        assert_eq!(current_status(Vec::new()), None);
    }

    #[test]
    fn what_is_handed_over_on_the_way_back_the_sender_has() {
        use Status::*;
        for (events, returned, at) in [
            (&[(InTransit, 1), (Returning, 3)][..], false, 3),
            (&[(InTransit, 1), (Returning, 3), (Delivered, 5)], true, 5),
            // In any order, even at the same moment.
            (&[(Delivered, 5), (Returning, 3)], true, 5),
            (&[(Delivered, 5), (Returning, 5)], true, 5),
            // Nothing follows it.
            (
                &[
                    (Returning, 3),
                    (Delivered, 5),
                    (Delivered, 6),
                    (InTransit, 7),
                ],
                true,
                5,
            ),
            // The customer had received it and sent it back.
            (&[(Delivered, 2), (Returning, 3)], false, 3),
            // Held up on its way back.
            (&[(Returning, 1), (Exception, 2), (Delivered, 3)], true, 3),
            (
                &[
                    (Returning, 1),
                    (Exception, 2),
                    (InTransit, 3),
                    (Delivered, 4),
                ],
                true,
                4,
            ),
            (&[(Delivered, 2), (Returning, 3), (Delivered, 4)], true, 4),
        ] {
            let told = events.iter().map(|&(s, at)| latest(s, at)).collect();
            let expected = CurrentStatus {
                latest: latest(Returning, at),
                returned_to_sender: returned,
            };
            assert_eq!(current_status(told), Some(expected), "{events:?}");
        }
        let twice = vec![latest(Delivered, 4), latest(Delivered, 3)];
        assert_eq!(current_status(twice).unwrap().latest, latest(Delivered, 3));
    }

    /// How far a parcel is, roughly.
    fn phase(status: Status) -> u8 {
        match status {
            Status::LabelCreated => 0,
            Status::Shipped => 1,
            Status::Delivered | Status::Returning => 3,
            _ => 2,
        }
    }

    fn status() -> impl Strategy<Value = Status> {
        (0..Status::ALL.len()).prop_map(|index| Status::ALL[index])
    }

    proptest! {
        #[test]
        fn the_order_of_hearing_makes_no_difference(
            events in prop::collection::vec((status(), 0_i64..20), 1..12).prop_shuffle(),
        ) {
            let told: Vec<_> = events.iter().map(|&(s, at)| latest(s, at)).collect();
            let mut sorted = told.clone();
            sorted.sort_by_key(|s| (s.at, s.status.as_str()));
            prop_assert_eq!(current_status(told), current_status(sorted));
        }

        #[test]
        fn a_late_event_never_takes_a_parcel_back(
            events in prop::collection::vec((status(), 0_i64..20), 1..12),
            late in status(),
            minutes in 1_i64..20,
        ) {
            let mut told: Vec<_> = events.iter().map(|&(s, at)| latest(s, at)).collect();
            let before = current_status(told.clone()).unwrap().latest;
            let at = before.at.timestamp() / 60 - minutes;
            told.push(latest(late, at));
            let after = current_status(told).unwrap().latest;
            prop_assert!(phase(after.status) >= phase(before.status), "{:?} {:?}", before, after);
        }
    }
}
