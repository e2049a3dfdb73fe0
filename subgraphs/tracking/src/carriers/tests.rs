//! The carriers' own samples, read.

use super::*;

fn at(text: &str) -> Option<DateTime<Utc>> {
    Some(text.parse().unwrap())
}

fn only(carrier: Carrier, body: &str) -> Report {
    let mut reports = told(carrier, body.as_bytes()).unwrap();
    assert_eq!(reports.len(), 1, "{reports:?}");
    let (told_of, report) = reports.remove(0);
    assert_eq!(told_of, carrier);
    report
}

#[test]
fn dhls_sample_says_where_the_parcel_is() {
    let body = r#"{"shipments":[{"id":"DHL1234567890","status":{"statusCode":"transit",
        "status":"In transit","description":"Shipment is in transit to destination",
        "location":{"address":{"addressLocality":"Newark NJ"}},"timestamp":"2025-10-03T14:02:00Z"},
        "details":{"estimatedDeliveryDate":"2025-10-04"}}]}"#;
    let expected = Report {
        number: "DHL1234567890".to_owned(),
        scans: vec![Scan {
            status: Some(TrackingStatus::InTransit),
            location: Some("Newark NJ".to_owned()),
            at: at("2025-10-03T14:02:00Z"),
        }],
        estimated_delivery: at("2025-10-04T23:59:59Z"),
    };
    assert_eq!(only(Carrier::Dhl, body), expected);
}

#[test]
fn fedexs_sample_has_words_and_no_time() {
    let body = r#"{"output":{"completeTrackResults":[{"trackResults":[{"latestStatusDetail":
        {"statusByLocale":"In Transit","scanLocation":{"city":"MEMPHIS","stateOrProvinceCode":"TN"}},
        "dateAndTimes":[{"type":"ESTIMATED_DELIVERY","dateTime":"2025-10-05T20:00:00Z"}]}]}]}}"#;
    let report = only(Carrier::Fedex, body);
    let expected = Scan {
        status: Some(TrackingStatus::InTransit),
        location: Some("Memphis TN".to_owned()),
        at: None,
    };
    assert_eq!(report.scans, [expected]);
    assert_eq!(report.estimated_delivery, at("2025-10-05T20:00:00Z"));
}

#[test]
fn fedex_says_of_each_number_whether_it_knows_it() {
    let body = r#"{"output":{"completeTrackResults":[{"trackingNumber":"FX1","trackResults":[{"error":
        {"code":"TRACKING.TRACKINGNUMBER.NOTFOUND","message":"Tracking number cannot be found."}}]}]}}"#;
    let reports = fedex::reports(serde_json::from_str(body).unwrap());
    assert!(matches!(reports[..], [Err(CarrierError::Unknown)]));
}

#[test]
fn upss_sample_leaves_the_newest_status_to_the_package() {
    let body = r#"{"trackResponse":{"shipment":[{"package":[{"trackingNumber":"1Z999AA10123456784",
        "currentStatus":{"description":"On The Way","code":"I"},
        "activity":[{"location":{"address":{"city":"LOUISVILLE","stateProvince":"KY"}},
        "date":"20251003","time":"140000"}],"deliveryDate":[{"type":"SDD","date":"20251004"}]}]}]}}"#;
    let expected = Report {
        number: "1Z999AA10123456784".to_owned(),
        scans: vec![Scan {
            status: Some(TrackingStatus::InTransit),
            location: Some("Louisville KY".to_owned()),
            at: at("2025-10-03T14:00:00Z"),
        }],
        estimated_delivery: at("2025-10-04T23:59:59Z"),
    };
    assert_eq!(only(Carrier::Ups, body), expected);
}

#[test]
fn easypost_tells_of_usps_and_of_nothing_but_trackers() {
    let body = r#"{"description":"tracker.updated","result":{"object":"Tracker",
        "tracking_code":"9205590036297012345678","carrier":"USPS","est_delivery_date":null,
        "tracking_details":[{"status":"out_for_delivery","status_detail":"out_for_delivery",
        "datetime":"2025-10-03T14:08:00Z","tracking_location":{"city":"BROOKLYN","state":"NY"}}]}}"#;
    let report = only(Carrier::Usps, body);
    assert_eq!(report.scans[0].location.as_deref(), Some("Brooklyn NY"));
    assert_eq!(report.scans[0].status, Some(TrackingStatus::OutForDelivery));
    let other = br#"{"description":"batch.created","result":{"object":"Batch"}}"#;
    assert_eq!(told(Carrier::Usps, other).unwrap(), []);
}

#[test]
fn a_code_that_nobody_knows_is_a_scan_without_a_status() {
    let body = r#"{"shipments":[{"id":"DHL1","status":{"statusCode":"teleported",
        "timestamp":"2025-10-03T14:02:00Z"}}]}"#;
    assert_eq!(only(Carrier::Dhl, body).scans[0].status, None);
    assert!(told(Carrier::Dhl, b"{\"shipments\":[{").is_err());
}
