//! What carriers' scans mean for a return.

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
