//! Parsing the carriers' formats: samples, special cases, and broken samples.

mod broken;
mod samples;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::report::ParseIssue;
use super::*;
use crate::rules::status::TrackingStatus::{
    self, Delivered, InTransit, LabelCreated, OutForDelivery, Returning, Shipped,
};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn parse(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

/// The only report of a webhook.
fn only(carrier: Carrier, body: &Value) -> Report {
    let mut reports = webhook_reports(carrier, body).unwrap();
    assert_eq!(reports.len(), 1, "{reports:?}");
    reports.remove(0)
}

/// Status, place, time, and whether UTC was assumed, of each scan in reported order.
fn scans(report: &Report) -> Vec<(TrackingStatus, &str, Option<String>, bool)> {
    let scans = report.scans.iter();
    scans
        .map(|scan| {
            (
                scan.status,
                scan.location.as_deref().unwrap_or_default(),
                scan.at.map(|moment| moment.at.to_rfc3339()),
                scan.at.is_some_and(|moment| moment.zone_assumed),
            )
        })
        .collect()
}

fn seen(
    status: TrackingStatus,
    place: &'static str,
    time: &str,
    zone_assumed: bool,
) -> (TrackingStatus, &'static str, Option<String>, bool) {
    (status, place, Some(at(time).to_rfc3339()), zone_assumed)
}

#[test]
fn dhls_answer_is_read_event_by_event() {
    let report = only(Carrier::Dhl, &parse(samples::DHL));
    assert_eq!(report.number.as_deref(), Some("00340434161094022115"));
    let expected = [
        seen(InTransit, "Köln", "2025-10-03T12:02:00Z", false),
        seen(InTransit, "", "2025-10-03T04:00:00Z", false),
        seen(Shipped, "", "2025-10-02T18:15:00Z", false),
        seen(LabelCreated, "", "2025-09-30T22:00:00Z", false),
    ];
    assert_eq!(scans(&report), expected);
    // Only the day is given, so the estimate is its end in Bonn.
    assert_eq!(report.estimated_delivery, Some(at("2025-10-04T21:59:59Z")));
    assert_eq!(report.issues, []);
}

#[test]
fn fedexs_answer_is_read_scan_by_scan() {
    let report = only(Carrier::Fedex, &parse(samples::FEDEX));
    let expected = [
        seen(OutForDelivery, "Brooklyn NY", "2025-10-03T12:10:00Z", false),
        seen(InTransit, "Memphis TN", "2025-10-03T04:40:00Z", false),
        seen(Shipped, "", "2025-10-01T22:30:00Z", false),
        seen(LabelCreated, "", "2025-10-01T09:00:00Z", true),
    ];
    assert_eq!(scans(&report), expected);
    assert_eq!(report.estimated_delivery, Some(at("2025-10-04T00:00:00Z")));
    assert_eq!(report.issues, [ParseIssue::Zone]);
}

#[test]
fn upss_answer_is_read_activity_by_activity() {
    let report = only(Carrier::Ups, &parse(samples::UPS));
    let expected = [
        seen(OutForDelivery, "Oakland CA", "2025-10-03T16:30:00Z", false),
        seen(InTransit, "Oakland CA", "2025-10-03T14:00:00Z", false),
        seen(InTransit, "Oakland CA", "2025-10-03T05:30:00Z", false),
        seen(LabelCreated, "", "2025-10-01T09:30:00Z", true),
    ];
    assert_eq!(scans(&report), expected);
    // Rescheduled, until the end of the window in Oakland.
    assert_eq!(report.estimated_delivery, Some(at("2025-10-05T01:15:00Z")));
    assert_eq!(report.issues, [ParseIssue::Zone]);
}

#[test]
fn easyposts_tracker_is_of_the_carrier_behind_its_account() {
    let report = only(Carrier::Usps, &parse(samples::EASYPOST));
    assert_eq!(report.carrier, Some(Carrier::Ups));
    let expected = [
        seen(LabelCreated, "", "2025-10-01T16:30:00Z", false),
        seen(OutForDelivery, "Oakland CA", "2025-10-03T16:30:00Z", false),
        seen(InTransit, "Oakland CA", "2025-10-03T14:00:00Z", false),
        seen(InTransit, "", "2025-10-01T23:00:00Z", false),
    ];
    assert_eq!(scans(&report), expected);
    for (account, carrier) in [
        ("USPS", Some(Carrier::Usps)),
        ("UPS", Some(Carrier::Ups)),
        ("FedExDefault", Some(Carrier::Fedex)),
        ("FedExSmartPost", Some(Carrier::Fedex)),
        ("DHLExpress", Some(Carrier::Dhl)),
        ("DhlEcs", Some(Carrier::Dhl)),
        ("CanadaPost", None),
    ] {
        let mut event = parse(samples::EASYPOST);
        event["result"]["carrier"] = json!(account);
        assert_eq!(only(Carrier::Usps, &event).carrier, carrier, "{account}");
    }
    let other = json!({"description": "batch.created", "result": {"object": "Batch"}});
    assert_eq!(webhook_reports(Carrier::Usps, &other), Some(Vec::new()));
}

#[test]
fn easyposts_statuses_are_read_in_any_letter_case() {
    for status in ["in_transit", "IN_TRANSIT", " In Transit ", "in-transit"] {
        let event = json!({"description": "tracker.updated", "result": {"tracking_code": "1",
            "tracking_details": [{"status": status, "datetime": "2025-10-03T14:02:00Z"}]}});
        let expected = [seen(InTransit, "", "2025-10-03T14:02:00Z", false)];
        assert_eq!(scans(&only(Carrier::Usps, &event)), expected, "{status}");
    }
}

#[test]
fn short_answers_say_how_things_stand() {
    let dhl = json!({"shipments": [{"id": "DHL1234567890", "status": {"statusCode": "transit",
        "status": "In transit", "description": "Shipment is in transit to destination",
        "location": {"address": {"addressLocality": "Newark NJ"}}, "timestamp": "2025-10-03T14:02:00Z"},
        "details": {"estimatedDeliveryDate": "2025-10-04"}}]});
    let report = only(Carrier::Dhl, &dhl);
    let newark = seen(InTransit, "Newark NJ", "2025-10-03T14:02:00Z", false);
    assert_eq!(scans(&report), [newark]);
    assert_eq!(report.estimated_delivery, Some(at("2025-10-04T23:59:59Z")));

    let fedex = json!({"output": {"completeTrackResults": [{"trackResults": [{"latestStatusDetail":
        {"statusByLocale": "In Transit", "scanLocation": {"city": "MEMPHIS", "stateOrProvinceCode": "TN"}},
        "dateAndTimes": [{"type": "ESTIMATED_DELIVERY", "dateTime": "2025-10-05T20:00:00Z"}]}]}]}});
    let report = only(Carrier::Fedex, &fedex);
    assert_eq!(scans(&report), [(InTransit, "Memphis TN", None, false)]);
    assert_eq!(report.estimated_delivery, Some(at("2025-10-05T20:00:00Z")));
    assert_eq!(
        report_of("FX9876543210", vec![report]).unwrap().number,
        None
    );

    // The newest activity has no status of its own.
    let ups = json!({"trackResponse": {"shipment": [{"package": [{"trackingNumber": "1Z999AA10123456784",
        "currentStatus": {"description": "On The Way", "code": "I"},
        "activity": [{"location": {"address": {"city": "LOUISVILLE", "stateProvince": "KY"}},
        "date": "20251003", "time": "140000"}], "deliveryDate": [{"type": "SDD", "date": "20251004"}]}]}]}});
    let report = only(Carrier::Ups, &ups);
    let louisville = seen(InTransit, "Louisville KY", "2025-10-03T14:00:00Z", true);
    assert_eq!(scans(&report), [louisville]);
    assert_eq!(report.estimated_delivery, Some(at("2025-10-04T23:59:59Z")));

    let numeric = json!({"trackResponse": {"shipment": [{"package": [{"trackingNumber": "1Z",
        "currentStatus": {"description": "Delivered", "code": "011", "statusCode": "011"}}]}]}});
    let report = only(Carrier::Ups, &numeric);
    assert_eq!(scans(&report), [(Delivered, "", None, false)]);
}

#[test]
fn fedex_says_of_each_number_whether_it_knows_it() {
    let result =
        |error: Value| json!({"trackingNumber": "FX1", "trackResults": [{"error": error}]});
    let body = json!({"output": {"completeTrackResults": [
        result(json!({"code": "TRACKING.TRACKINGNUMBER.NOTFOUND"})),
        result(json!({"code": "SYSTEM.UNAVAILABLE"})),
        {"trackResults": null},
    ]}});
    let results: Vec<_> = fedex::results(&body).collect();
    assert!(
        matches!(
            &results[..],
            [
                Err(CarrierError::Unknown),
                Err(CarrierError::Refused(code)),
                Err(CarrierError::Unknown)
            ] if code == "SYSTEM.UNAVAILABLE"
        ),
        "{results:?}"
    );
    assert_eq!(webhook_reports(Carrier::Fedex, &body), Some(Vec::new()));
}

#[test]
fn a_delivery_to_the_sender_turns_back_first() {
    let event = |code: &str, said: &str| {
        json!({"statusCode": code, "description": said,
        "timestamp": "2025-10-03T14:02:00Z"})
    };
    let dhl = |event: Value| json!({"shipments": [{"id": "1", "events": [event]}]});
    let statuses = |report: Report| -> Vec<TrackingStatus> {
        report.scans.into_iter().map(|scan| scan.status).collect()
    };
    let back = dhl(event("delivered", "Delivered, returned to the shipper"));
    assert_eq!(statuses(only(Carrier::Dhl, &back)), [Returning, Delivered]);
    let mut flagged = dhl(event("delivered", "Delivered"));
    assert_eq!(statuses(only(Carrier::Dhl, &flagged)), [Delivered]);
    for flag in [json!(true), json!("true"), json!("Y"), json!(1)] {
        flagged["shipments"][0]["returnFlag"] = flag;
        let statuses = statuses(only(Carrier::Dhl, &flagged));
        assert_eq!(statuses, [Delivered, Returning], "{flagged}");
    }
    for flag in [
        json!(false),
        json!("false"),
        json!("N"),
        json!(0),
        json!(null),
    ] {
        flagged["shipments"][0]["returnFlag"] = flag;
        let statuses = statuses(only(Carrier::Dhl, &flagged));
        assert_eq!(statuses, [Delivered], "{flagged}");
    }
    let ups = json!({"trackResponse": {"shipment": [{"package": [{"trackingNumber": "1Z", "activity": [
        {"date": "20251003", "time": "120000", "gmtOffset": "+00:00",
         "status": {"type": "D", "statusCode": "011", "description": "RETURNED TO SHIPPER"}}]}]}]}});
    assert_eq!(statuses(only(Carrier::Ups, &ups)), [Returning, Delivered]);
}

#[test]
fn a_code_that_nobody_knows_costs_its_scan_and_is_said() {
    let body = json!({"shipments": [{"id": "DHL1", "status": {"statusCode": "teleported",
        "timestamp": "2025-10-03T14:02:00Z"}}]});
    let report = only(Carrier::Dhl, &body);
    assert_eq!(
        report.issues,
        [ParseIssue::UnknownCode("teleported".to_owned())]
    );
    // It was parsed, and is irrelevant to us.
    assert!(!report.is_unreadable());
}

#[test]
fn what_has_nothing_to_read_is_said_to_be_so() {
    for &carrier in Carrier::ALL {
        for body in [json!({}), json!([]), json!("x"), json!(null), json!(7)] {
            assert_eq!(webhook_reports(carrier, &body), None, "{body}");
        }
    }
    let tracker = |result: Value| json!({"description": "tracker.updated", "result": result});
    for (carrier, body) in [
        (
            Carrier::Dhl,
            json!({"shipments": [{"id": "1", "status": {"timestamp": "soon"}}]}),
        ),
        (
            Carrier::Dhl,
            json!({"shipments": [{"id": "1", "events": ["lost"]}]}),
        ),
        (
            Carrier::Ups,
            json!({"trackResponse": {"shipment": [{"package": [{"trackingNumber": "1",
                "activity": [{"date": "soon", "status": {"type": "I"}}]}]}]}}),
        ),
        (
            Carrier::Usps,
            tracker(json!({"tracking_code": "1", "status": {}})),
        ),
        (
            Carrier::Usps,
            tracker(json!({"tracking_code": "1", "tracking_details": [{"status": "in_transit"}]})),
        ),
    ] {
        assert!(only(carrier, &body).is_unreadable(), "{body}");
    }
}
