//! Interprets the carrier's scans of a return's package. Scans arrive late, repeated and in any order, so the outcome
//! depends on the set of scans and not on their order of arrival.

use chrono::{DateTime, Utc};
use platform::carriers::Moment;

use super::status::ReturnStatus;

/// The package's known state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScanSummary {
    /// When the carrier received it.
    pub scanned_at: Option<DateTime<Utc>>,
    /// When it was delivered to the warehouse.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it was turned back to the customer; a later delivery is to the customer.
    pub turned_back_at: Option<DateTime<Utc>>,
}

/// What a scan says, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanStatus {
    /// The carrier has the package.
    UnderWay,
    Delivered,
    /// It was turned back to the customer.
    TurnedBack,
    /// Nothing about where the package is.
    Other,
}

impl ScanStatus {
    /// From EasyPost's name; `None` if it is unknown.
    pub(crate) fn of(status: &str) -> Option<Self> {
        Some(match status {
            "in_transit" | "out_for_delivery" | "available_for_pickup" => Self::UnderWay,
            "delivered" => Self::Delivered,
            "return_to_sender" => Self::TurnedBack,
            "unknown" | "pre_transit" | "failure" | "cancelled" | "error" => Self::Other,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan {
    pub status: ScanStatus,
    /// `None` if it cannot be read; the scan's position in the list then determines it.
    pub at: Option<Moment>,
}

/// A tracker's scans.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrackerScans {
    /// The details, oldest first.
    pub details: Vec<Scan>,
    /// The tracker's own status, for carriers without details.
    pub current: Option<Scan>,
}

impl TrackerScans {
    pub(crate) fn is_empty(&self) -> bool {
        self.details.is_empty() && self.current.is_none()
    }

    /// The scans of the parcel that was registered then, oldest first; the others are those of earlier parcels with the
    /// same number. A detail without a readable time belongs with the one before it.
    pub(crate) fn of_parcel(self, registered_at: DateTime<Utc>) -> Vec<Scan> {
        let is_earlier = |scan: &Scan| Some(scan.at?.is_of_earlier_parcel(registered_at));
        let mut own = self.details;
        let reported = own.len();
        let mut is_of_earlier = own.iter().find_map(is_earlier).unwrap_or(false);
        own.retain(|scan| {
            is_of_earlier = is_earlier(scan).unwrap_or(is_of_earlier);
            !is_of_earlier
        });
        // Its time is that of EasyPost's last look, so it does not tell which parcel it is about.
        if own.len() == reported {
            let current = self.current;
            own.extend(current.filter(|scan| is_earlier(scan) != Some(true)));
        }
        own
    }
}

impl ScanSummary {
    /// Summarizes scans, oldest first. A scan in the future counts as now, since the carrier's clock is wrong.
    pub(crate) fn of(scans: &[Scan], now: DateTime<Utc>) -> Self {
        let mut summary = Self::default();
        let earlier = |known: Option<DateTime<Utc>>, at| known.map_or(at, |known| known.min(at));
        for (&Scan { status, .. }, at) in scans.iter().zip(times(scans, now)) {
            if matches!(status, ScanStatus::UnderWay | ScanStatus::Delivered) {
                summary.scanned_at = Some(earlier(summary.scanned_at, at));
            }
            if status == ScanStatus::Delivered {
                summary.delivered_at = Some(earlier(summary.delivered_at, at));
            }
            if status == ScanStatus::TurnedBack {
                summary.turned_back_at = Some(earlier(summary.turned_back_at, at));
            }
        }
        summary.turned_back(None)
    }

    /// Adjusts the summary for a package known to have been turned back at that time: later scans say nothing about its
    /// way to the warehouse.
    pub(crate) fn turned_back(mut self, known: Option<DateTime<Utc>>) -> Self {
        self.turned_back_at = [self.turned_back_at, known].into_iter().flatten().min();
        if let Some(turned) = self.turned_back_at {
            let prior = |at: &DateTime<Utc>| *at < turned;
            self.scanned_at = self.scanned_at.filter(prior);
            self.delivered_at = self.delivered_at.filter(prior);
        }
        self
    }
}

/// When each of these scans happened, oldest first. Exact times are used as they are. A time without an offset, a date
/// alone or no time lies between the exact times around it, as late as possible if nothing else is known: a scan that
/// follows the turn back must never seem to precede it.
fn times(scans: &[Scan], now: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let exact = |scan: &Scan| {
        let moment = scan.at.filter(Moment::is_exact)?;
        Some(moment.at.min(now))
    };
    let mut next = now;
    let mut times = Vec::with_capacity(scans.len());
    for scan in scans.iter().rev() {
        times.push(match (exact(scan), scan.at) {
            (Some(at), _) => {
                next = at;
                at
            }
            (None, Some(moment)) if scan.status == ScanStatus::Delivered => {
                moment.latest().min(next)
            }
            (None, Some(moment)) => moment.at.min(next),
            (None, None) => next,
        });
    }
    times.reverse();
    let mut previous = None;
    for (scan, at) in scans.iter().zip(&mut times) {
        match (exact(scan), previous) {
            (Some(exact), _) => previous = Some(exact),
            (None, Some(previous)) => *at = previous.max(*at),
            (None, None) => {}
        }
    }
    times
}

/// The consequence of the scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanOutcome {
    Nothing,
    /// The carrier has the package: the refund is due.
    Scanned(DateTime<Utc>),
    /// It was delivered after the refund was issued.
    Completed,
    /// The package was no longer expected; needs manual review.
    Unexpected,
    /// The customer is getting the package back: a person has to look at it.
    TurnedBack,
}

/// The consequence for a return in this status.
pub(crate) fn outcome(status: ReturnStatus, summary: &ScanSummary) -> ScanOutcome {
    if summary.turned_back_at.is_some()
        && matches!(
            status,
            ReturnStatus::LabelGenerated | ReturnStatus::RefundIssued
        )
    {
        return ScanOutcome::TurnedBack;
    }
    let Some(scanned_at) = summary.scanned_at else {
        return ScanOutcome::Nothing;
    };
    match status {
        // Support is already reviewing it.
        ReturnStatus::ManualReview if summary.turned_back_at.is_some() => ScanOutcome::Nothing,
        ReturnStatus::LabelGenerated | ReturnStatus::ManualReview => {
            ScanOutcome::Scanned(scanned_at)
        }
        ReturnStatus::RefundIssued if summary.delivered_at.is_some() => ScanOutcome::Completed,
        ReturnStatus::Cancelled => ScanOutcome::Unexpected,
        ReturnStatus::Initiated
        | ReturnStatus::CarrierScanned
        | ReturnStatus::RefundIssued
        | ReturnStatus::Completed => ScanOutcome::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    fn noon() -> DateTime<Utc> {
        "2025-10-09T12:00:00Z".parse().unwrap()
    }

    fn summary(scans: &[(&str, i64)]) -> ScanSummary {
        let scans: Vec<_> = scans
            .iter()
            .map(|&(status, hours)| Scan {
                status: ScanStatus::of(status).unwrap(),
                at: Moment::exact(noon() + Duration::hours(hours)),
            })
            .collect();
        ScanSummary::of(&scans, noon())
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
        ] {
            let expected = ScanSummary {
                scanned_at,
                delivered_at,
                turned_back_at: None,
            };
            assert_eq!(summary(scans), expected, "{scans:?}");
        }
    }

    #[test]
    fn a_package_on_its_way_back_to_the_customer_is_neither_picked_up_nor_delivered() {
        let at = |hours| Some(noon() + Duration::hours(hours));
        let seen = |scanned_at, delivered_at| ScanSummary {
            scanned_at,
            delivered_at,
            turned_back_at: at(-4),
        };
        for (scans, expected) in [
            (&[("return_to_sender", -4)][..], seen(None, None)),
            (
                &[("return_to_sender", -4), ("delivered", -2)],
                seen(None, None),
            ),
            (
                &[
                    ("delivered", -2),
                    ("in_transit", -5),
                    ("return_to_sender", -4),
                ],
                seen(at(-5), None),
            ),
            // Delivered to the warehouse, which sent it back.
            (
                &[
                    ("in_transit", -9),
                    ("delivered", -6),
                    ("return_to_sender", -4),
                ],
                seen(at(-9), at(-6)),
            ),
        ] {
            assert_eq!(summary(scans), expected, "{scans:?}");
        }
        // Reported by another webhook.
        let later = summary(&[("in_transit", -3), ("delivered", -2)]);
        assert_eq!(later.turned_back(at(-4)), seen(None, None));
        let back = summary(&[("return_to_sender", -4), ("delivered", -2)]);
        for (status, expected) in [
            (ReturnStatus::LabelGenerated, ScanOutcome::TurnedBack),
            (ReturnStatus::CarrierScanned, ScanOutcome::Nothing),
            (ReturnStatus::RefundIssued, ScanOutcome::TurnedBack),
            (ReturnStatus::ManualReview, ScanOutcome::Nothing),
            (ReturnStatus::Completed, ScanOutcome::Nothing),
            (ReturnStatus::Cancelled, ScanOutcome::Nothing),
        ] {
            assert_eq!(outcome(status, &back), expected, "{status:?}");
        }
    }

    #[test]
    fn scans_of_an_earlier_parcel_with_the_same_number_are_left_out() {
        let scan = |status, time| Scan {
            status,
            at: Moment::read(time, None),
        };
        let (moving, arrived) = (ScanStatus::UnderWay, ScanStatus::Delivered);
        let (past, later, today) = (
            "2024-03-01T08:00:00Z",
            "2024-03-04T08:00:00Z",
            "2025-10-09T11:30:00Z",
        );
        for (details, current, expected) in [
            (
                &[(moving, past), (arrived, later)][..],
                (arrived, today),
                &[][..],
            ),
            (&[(moving, past), (arrived, "")], (arrived, today), &[]),
            (&[(moving, ""), (arrived, later)], (arrived, today), &[]),
            (
                &[(arrived, later), (moving, today)],
                (moving, today),
                &[moving],
            ),
            (
                &[(arrived, later), (moving, today), (arrived, "")],
                (arrived, today),
                &[moving, arrived],
            ),
            (&[(moving, today)], (arrived, today), &[moving, arrived]),
            (&[(moving, "")], (moving, today), &[moving, moving]),
            (&[], (arrived, today), &[arrived]),
            (&[], (arrived, later), &[]),
        ] {
            let scans = TrackerScans {
                details: details
                    .iter()
                    .map(|&(status, at)| scan(status, at))
                    .collect(),
                current: Some(scan(current.0, current.1)),
            };
            let own = scans.of_parcel(noon());
            let statuses: Vec<_> = own.iter().map(|scan| scan.status).collect();
            assert_eq!(statuses, expected, "{details:?}");
        }
    }

    #[test]
    fn a_scan_without_an_exact_time_happened_where_the_list_has_it() {
        let turned = |turned_back_at: &str| ScanSummary {
            turned_back_at: turned_back_at.parse().ok(),
            ..ScanSummary::default()
        };
        let back = "return_to_sender";
        for (scans, expected) in [
            // Turned before it was handed over, whatever its own time says.
            (
                &[
                    (back, "2025-10-09T08:00:00"),
                    ("delivered", "2025-10-09T09:00:00Z"),
                ][..],
                turned("2025-10-09T08:00:00Z"),
            ),
            (
                &[
                    (back, "2025-10-09T11:00:00"),
                    ("delivered", "2025-10-09T09:00:00Z"),
                ],
                turned("2025-10-09T09:00:00Z"),
            ),
            (
                &[(back, "soon"), ("delivered", "2025-10-09T09:00:00Z")],
                turned("2025-10-09T09:00:00Z"),
            ),
            (
                &[
                    (back, "2025-10-09T08:00:00Z"),
                    ("delivered", "2025-10-09T07:00:00"),
                ],
                turned("2025-10-09T08:00:00Z"),
            ),
            (
                &[(back, "2025-10-09T08:00:00Z"), ("delivered", "2025-10-09")],
                turned("2025-10-09T08:00:00Z"),
            ),
            (
                &[(back, "2025-10-09T08:00:00Z"), ("delivered", "")],
                turned("2025-10-09T08:00:00Z"),
            ),
            (
                &[(back, ""), ("delivered", "")],
                turned("2025-10-09T12:00:00Z"),
            ),
            // On its way before.
            (
                &[
                    ("in_transit", "2025-10-08"),
                    ("delivered", "2025-10-09T06:00:00Z"),
                    (back, "soon"),
                ],
                ScanSummary {
                    scanned_at: "2025-10-08T00:00:00Z".parse().ok(),
                    delivered_at: "2025-10-09T06:00:00Z".parse().ok(),
                    turned_back_at: Some(noon()),
                },
            ),
            (
                &[("in_transit", "2025-10-09T23:00:00")],
                ScanSummary {
                    scanned_at: Some(noon()),
                    ..ScanSummary::default()
                },
            ),
        ] {
            let scans: Vec<_> = scans
                .iter()
                .map(|&(status, at)| Scan {
                    status: ScanStatus::of(status).unwrap(),
                    at: Moment::read(at, None),
                })
                .collect();
            assert_eq!(ScanSummary::of(&scans, noon()), expected, "{scans:?}");
        }
    }

    #[test]
    fn each_status_follows_from_what_was_seen() {
        let (unseen, scanned) = (summary(&[]), summary(&[("in_transit", -5)]));
        let delivered = summary(&[("in_transit", -5), ("delivered", -1)]);
        let scan = ScanOutcome::Scanned(noon() - Duration::hours(5));
        for (status, by_scan, by_delivery) in [
            (
                ReturnStatus::Initiated,
                ScanOutcome::Nothing,
                ScanOutcome::Nothing,
            ),
            (ReturnStatus::LabelGenerated, scan, scan),
            (ReturnStatus::ManualReview, scan, scan),
            (
                ReturnStatus::CarrierScanned,
                ScanOutcome::Nothing,
                ScanOutcome::Nothing,
            ),
            (
                ReturnStatus::RefundIssued,
                ScanOutcome::Nothing,
                ScanOutcome::Completed,
            ),
            (
                ReturnStatus::Completed,
                ScanOutcome::Nothing,
                ScanOutcome::Nothing,
            ),
            (
                ReturnStatus::Cancelled,
                ScanOutcome::Unexpected,
                ScanOutcome::Unexpected,
            ),
        ] {
            assert_eq!(outcome(status, &unseen), ScanOutcome::Nothing);
            assert_eq!(outcome(status, &scanned), by_scan, "{status:?}");
            assert_eq!(outcome(status, &delivered), by_delivery, "{status:?}");
        }
    }
}
