//! What a parcel's status is, from all that was told of it. Carriers tell late, twice and in any
//! order; the answer depends on when things happened, never on when we heard of them.

use chrono::{DateTime, Utc};

use crate::status::TrackingStatus as Status;

/// Something that was told of a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub status: Status,
    pub location: Option<String>,
    pub at: DateTime<Utc>,
}

/// The sighting that says where the parcel is now: the newest, unless it cannot follow what was
/// before it.
pub(crate) fn standing(mut sightings: Vec<Sighting>) -> Option<Sighting> {
    sightings.sort_by_key(|sighting| (sighting.at, order_at_once(sighting.status)));
    sightings.into_iter().reduce(|standing, next| {
        if may_follow(standing.status, next.status) {
            next
        } else {
            standing
        }
    })
}

/// Whether a newer event may change the status. A parcel never goes back to its beginning, and one
/// that was delivered, or is on its way back, stays so until that ends.
fn may_follow(before: Status, next: Status) -> bool {
    match next {
        Status::LabelCreated => before == Status::LabelCreated,
        Status::Shipped => matches!(
            before,
            Status::LabelCreated | Status::Shipped | Status::Exception
        ),
        Status::Delivered => true,
        Status::Returning => true,
        Status::Exception => before != Status::Delivered,
        Status::InTransit
        | Status::OutForDelivery
        | Status::DeliveryAttempted
        | Status::AvailableForPickup => !matches!(before, Status::Delivered | Status::Returning),
    }
}

/// Which of two events of the same second was first: carriers round their times.
const fn order_at_once(status: Status) -> u8 {
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

    fn sighting(status: Status, minute: i64) -> Sighting {
        Sighting {
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
            // Late: happened before what is known already.
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
            let told = events.iter().map(|&(s, at)| sighting(s, at)).collect();
            assert_eq!(standing(told).unwrap().status, expected, "{events:?}");
        }
        assert_eq!(standing(Vec::new()), None);
    }

    /// How far a parcel is, coarsely.
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
            let told: Vec<_> = events.iter().map(|&(s, at)| sighting(s, at)).collect();
            let mut sorted = told.clone();
            sorted.sort_by_key(|s| (s.at, s.status.as_str()));
            prop_assert_eq!(standing(told), standing(sorted));
        }

        #[test]
        fn a_late_event_never_takes_a_parcel_back(
            events in prop::collection::vec((status(), 0_i64..20), 1..12),
            late in status(),
            minutes in 1_i64..20,
        ) {
            let mut told: Vec<_> = events.iter().map(|&(s, at)| sighting(s, at)).collect();
            let before = standing(told.clone()).unwrap();
            let at = before.at.timestamp() / 60 - minutes;
            told.push(sighting(late, at));
            let after = standing(told).unwrap();
            prop_assert!(phase(after.status) >= phase(before.status), "{:?} {:?}", before, after);
        }
    }
}
