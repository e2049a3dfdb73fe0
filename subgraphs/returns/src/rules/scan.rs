//! What a carrier's scans say of a return's package. They come late, repeated and in any order, so
//! what follows from them depends on what was seen, and not on when.

use chrono::{DateTime, Utc};

use super::status::ReturnStatus;

/// What is known of the package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// Since when the carrier has it.
    pub scanned_at: Option<DateTime<Utc>>,
    /// When it was handed over at the warehouse.
    pub delivered_at: Option<DateTime<Utc>>,
}

/// A carrier's status, as EasyPost calls it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan<'a> {
    pub status: &'a str,
    pub at: DateTime<Utc>,
}

/// Statuses that a package only has once the carrier has it.
const UNDER_WAY: [&str; 5] = [
    "in_transit",
    "out_for_delivery",
    "available_for_pickup",
    "delivered",
    "return_to_sender",
];

impl Sighting {
    /// What these scans say together. A scan of the future is of now: a carrier's clock is wrong.
    pub(crate) fn of<'a>(scans: impl IntoIterator<Item = Scan<'a>>, now: DateTime<Utc>) -> Self {
        let mut sighting = Self::default();
        let earlier = |known: Option<DateTime<Utc>>, at| known.map_or(at, |known| known.min(at));
        for Scan { status, at } in scans {
            let at = at.min(now);
            if UNDER_WAY.contains(&status) {
                sighting.scanned_at = Some(earlier(sighting.scanned_at, at));
            }
            if status == "delivered" {
                sighting.delivered_at = Some(earlier(sighting.delivered_at, at));
            }
        }
        sighting
    }
}

/// What follows from a sighting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    Nothing,
    /// The carrier has it: the refund is due.
    Scanned(DateTime<Utc>),
    /// It was delivered, and the refund was issued before.
    Completed,
    /// A person has to look: nobody expected the package anymore.
    Unexpected,
}

/// What follows for a return in this status.
pub(crate) fn follows(status: ReturnStatus, sighting: &Sighting) -> Follows {
    let Some(scanned_at) = sighting.scanned_at else {
        return Follows::Nothing;
    };
    match status {
        ReturnStatus::LabelGenerated | ReturnStatus::ManualReview => Follows::Scanned(scanned_at),
        ReturnStatus::RefundIssued if sighting.delivered_at.is_some() => Follows::Completed,
        ReturnStatus::Cancelled => Follows::Unexpected,
        ReturnStatus::Initiated
        | ReturnStatus::CarrierScanned
        | ReturnStatus::RefundIssued
        | ReturnStatus::Completed => Follows::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    fn noon() -> DateTime<Utc> {
        "2025-10-09T12:00:00Z".parse().unwrap()
    }

    fn sighting(scans: &[(&str, i64)]) -> Sighting {
        let scans = scans.iter().map(|&(status, hours)| Scan {
            status,
            at: noon() + Duration::hours(hours),
        });
        Sighting::of(scans, noon())
    }

    #[test]
    fn a_label_is_no_scan_and_the_earliest_scan_counts() {
        let at = |hours| Some(noon() + Duration::hours(hours));
        for (scans, scanned_at, delivered_at) in [
            (&[("pre_transit", -5)][..], None, None),
            (
                &[("failure", -5), ("unknown", -4), ("cancelled", -4)],
                None,
                None,
            ),
            (
                &[("pre_transit", -9), ("in_transit", -5), ("in_transit", -3)],
                at(-5),
                None,
            ),
            (&[("delivered", -1), ("in_transit", -5)], at(-5), at(-1)),
            (&[("delivered", -1)], at(-1), at(-1)),
            (&[("in_transit", 3)], at(0), None),
            (&[("return_to_sender", -2)], at(-2), None),
        ] {
            let expected = Sighting {
                scanned_at,
                delivered_at,
            };
            assert_eq!(sighting(scans), expected, "{scans:?}");
        }
    }

    #[test]
    fn each_status_follows_from_what_was_seen() {
        let (unseen, scanned) = (sighting(&[]), sighting(&[("in_transit", -5)]));
        let delivered = sighting(&[("in_transit", -5), ("delivered", -1)]);
        let scan = Follows::Scanned(noon() - Duration::hours(5));
        for (status, by_scan, by_delivery) in [
            (ReturnStatus::Initiated, Follows::Nothing, Follows::Nothing),
            (ReturnStatus::LabelGenerated, scan, scan),
            (ReturnStatus::ManualReview, scan, scan),
            (
                ReturnStatus::CarrierScanned,
                Follows::Nothing,
                Follows::Nothing,
            ),
            (
                ReturnStatus::RefundIssued,
                Follows::Nothing,
                Follows::Completed,
            ),
            (ReturnStatus::Completed, Follows::Nothing, Follows::Nothing),
            (
                ReturnStatus::Cancelled,
                Follows::Unexpected,
                Follows::Unexpected,
            ),
        ] {
            assert_eq!(follows(status, &unseen), Follows::Nothing);
            assert_eq!(follows(status, &scanned), by_scan, "{status:?}");
            assert_eq!(follows(status, &delivered), by_delivery, "{status:?}");
        }
    }
}
