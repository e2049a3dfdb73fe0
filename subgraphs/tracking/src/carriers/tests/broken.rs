//! Samples with any field removed, nulled or of another type: nothing fails, and only the broken part is lost.

use chrono::Datelike;
use proptest::prelude::*;

use super::*;

/// A sample, where its elements are, and its unused fields.
struct Case {
    carrier: Carrier,
    body: &'static str,
    elements: &'static str,
    unread: &'static [&'static str],
}

const CASES: [Case; 4] = [
    Case {
        carrier: Carrier::Dhl,
        body: samples::DHL,
        elements: "/shipments/0/events",
        unread: &[
            "/url",
            "/firstUrl",
            "/shipments/0/service",
            "/shipments/0/origin",
            "/shipments/0/serviceUrl",
            "/shipments/0/estimatedTimeOfDeliveryRemark",
            "/shipments/0/details/weight",
            "/shipments/0/details/proofOfDelivery",
            "/shipments/0/status/nextSteps",
            "/shipments/0/events/0/pieceIds",
        ],
    },
    Case {
        carrier: Carrier::Fedex,
        body: samples::FEDEX,
        elements: "/output/completeTrackResults/0/trackResults/0/scanEvents",
        unread: &[
            "/transactionId",
            "/output/alerts",
            "/output/completeTrackResults/0/trackResults/0/shipperInformation",
            "/output/completeTrackResults/0/trackResults/0/dateAndTimes/0",
            "/output/completeTrackResults/0/trackResults/0/dateAndTimes/1/dateTime",
            "/output/completeTrackResults/0/trackResults/0/packageDetails",
            "/output/completeTrackResults/0/trackResults/0/scanEvents/0/locationType",
            "/output/completeTrackResults/0/trackResults/0/scanEvents/2/delayDetail",
        ],
    },
    Case {
        carrier: Carrier::Ups,
        body: samples::UPS,
        elements: "/trackResponse/shipment/0/package/0/activity",
        unread: &[
            "/trackResponse/shipment/0/userRelation",
            "/trackResponse/shipment/0/package/0/packageCount",
            "/trackResponse/shipment/0/package/0/milestones",
            "/trackResponse/shipment/0/package/0/weight",
            "/trackResponse/shipment/0/package/0/activity/0/location/slic",
        ],
    },
    Case {
        carrier: Carrier::Usps,
        body: samples::EASYPOST,
        elements: "/result/tracking_details",
        unread: &[
            "/id",
            "/previous_attributes",
            "/completed_urls",
            "/result/id",
            "/result/weight",
            "/result/fees",
            "/result/updated_at",
            "/result/tracking_details/0/source",
            "/result/tracking_details/2/description",
        ],
    },
];

/// Paths of everything in it.
fn paths(value: &Value, path: String, found: &mut Vec<String>) {
    let children: Vec<_> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect(),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        let path = format!("{path}/{name}");
        found.push(path.clone());
        paths(child, path, found);
    }
}

const WAYS: usize = 12;

fn break_at(body: &mut Value, path: &str, way: usize) {
    if way == 0 {
        let (parent, name) = path.rsplit_once('/').unwrap();
        match body.pointer_mut(parent) {
            Some(Value::Object(fields)) => drop(fields.remove(name)),
            Some(Value::Array(elements)) => {
                let index: usize = name.parse().unwrap();
                if index < elements.len() {
                    elements.remove(index);
                }
            }
            _ => {}
        }
        return;
    }
    let odd = [
        json!(null),
        json!(""),
        json!("\u{0}odd text"),
        json!(7),
        json!(-1.5e300),
        json!(true),
        json!([]),
        json!([null, 3]),
        json!({}),
        json!("9999-12-31T23:59:59Z"),
        json!("+262142-12-31T23:59:59"),
    ];
    if let Some(place) = body.pointer_mut(path) {
        *place = odd[way - 1].clone();
    }
}

#[test]
fn one_broken_field_costs_no_other_element() {
    for Case {
        carrier,
        body,
        elements,
        ..
    } in CASES
    {
        let whole = only(carrier, &parse(body)).scans;
        assert_eq!(whole.len(), 4);
        let mut all = Vec::new();
        paths(&parse(body), String::new(), &mut all);
        for path in all {
            for way in 0..WAYS {
                let mut broken = parse(body);
                break_at(&mut broken, &path, way);
                let reports = webhook_reports(carrier, &broken);
                let Some(element) = path.strip_prefix(elements).filter(|rest| !rest.is_empty())
                else {
                    continue;
                };
                let index: usize = element[1..].split('/').next().unwrap().parse().unwrap();
                let scans = &reports.unwrap()[0].scans;
                for (other, scan) in whole.iter().enumerate() {
                    assert!(
                        other == index || scans.contains(scan),
                        "{path} broken in way {way} costs element {other}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_field_that_nobody_reads_decides_nothing() {
    for Case {
        carrier,
        body,
        unread,
        ..
    } in CASES
    {
        let whole = only(carrier, &parse(body));
        for path in unread {
            assert!(parse(body).pointer(path).is_some(), "{path}");
            for way in 0..WAYS {
                let mut broken = parse(body);
                break_at(&mut broken, path, way);
                assert_eq!(only(carrier, &broken), whole, "{path} in way {way}");
            }
        }
    }
}

#[test]
fn a_scan_without_a_readable_time_takes_its_neighbours_earlier_one() {
    for Case {
        carrier,
        body,
        elements,
        ..
    } in CASES
    {
        let whole = only(carrier, &parse(body)).scans;
        for broken in 0..whole.len() {
            let mut body = parse(body);
            for field in ["timestamp", "date", "gmtDate", "datetime"] {
                if let Some(time) = body.pointer_mut(&format!("{elements}/{broken}/{field}")) {
                    *time = json!("soon");
                }
            }
            let report = only(carrier, &body);
            assert!(report.issues.contains(&ParseIssue::Time), "{carrier:?}");
            let mut expected = whole.clone();
            let neighbours = [broken.checked_sub(1), Some(broken + 1)];
            let neighbours = neighbours
                .into_iter()
                .flatten()
                .filter_map(|at| whole.get(at));
            expected[broken].at = neighbours
                .filter_map(|scan| scan.at)
                .min_by_key(|time| time.at);
            // DHL's current status may be a scan of its own.
            let scans = &report.scans[..whole.len()];
            assert_eq!(scans, expected, "{carrier:?}, element {broken}");
        }
    }
}

proptest! {
    #[test]
    fn nothing_that_is_broken_fails(
        case in 0..CASES.len(),
        breaks in prop::collection::vec((any::<prop::sample::Index>(), 0..WAYS), 1..8),
    ) {
        let Case { carrier, body, .. } = CASES[case];
        let mut broken = parse(body);
        for (index, way) in breaks {
            let mut all = Vec::new();
            paths(&broken, String::new(), &mut all);
            if !all.is_empty() {
                break_at(&mut broken, index.get(&all), way);
            }
        }
        for scan in webhook_reports(carrier, &broken).into_iter().flatten().flat_map(|report| report.scans) {
            if let Some(moment) = scan.at {
                prop_assert!((1_990..2_200).contains(&moment.at.year()), "{:?}", scan);
            }
        }
    }
}
