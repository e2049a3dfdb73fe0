//! Carriers' webhooks.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use platform::config::Secret;
use platform::testing::hmac_sha256;
use serde_json::{Value, json};
use tower::ServiceExt;
use tracking::{Carrier, Carriers, routes};

use crate::carrier::report;
use crate::fixture::{Fixture, fixtures, parcel};

const SECRET: &str = "a secret of the carrier's";
const SHIPPED: [&str; 4] = ["transit", "Picked up", "Chicago IL", "2025-10-03T10:00:00Z"];
const MOVING: [&str; 4] = ["transit", "In transit", "Newark NJ", "2025-10-03T14:02:00Z"];
const DELIVERED: [&str; 4] = [
    "delivered",
    "Delivered",
    "Brooklyn NY",
    "2025-10-03T15:08:00Z",
];

fn signature(secret: &str, body: &str) -> String {
    let hex = hmac_sha256(secret, &[body.as_bytes()]);
    format!("hmac-sha256-hex={hex}")
}

async fn post(
    fixture: &Fixture,
    carrier: &str,
    signature: Option<String>,
    body: &str,
) -> StatusCode {
    let mut request = Request::post(format!("/webhooks/tracking/{carrier}"));
    if let Some(signature) = signature {
        request = request.header("X-Hmac-Signature", signature);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let app = routes(fixture.state.clone());
    app.oneshot(request).await.unwrap().status()
}

async fn told(fixture: &Fixture, carrier: &str, body: &Value) -> StatusCode {
    let body = body.to_string();
    post(fixture, carrier, Some(signature(SECRET, &body)), &body).await
}

async fn believing_fixtures() -> Vec<Fixture> {
    let mut fixtures = fixtures().await;
    for fixture in &mut fixtures {
        fixture.state.carriers = Carriers::default()
            .with_webhook_secret(Carrier::Dhl, Secret::new(SECRET))
            .with_webhook_secret(Carrier::Ups, Secret::new(SECRET))
            .with_webhook_secret(Carrier::Usps, Secret::new(SECRET));
    }
    fixtures
}

#[tokio::test]
async fn repeated_and_shuffled_webhooks_end_in_one_state_with_each_event_once() {
    for fixture in believing_fixtures().await {
        let parcel = fixture.ship().await;
        let mut watch = fixture.watch(parcel.order_id);
        watch.update().await;
        let number = &parcel.tracking_number;
        for scans in [
            &[SHIPPED, MOVING, DELIVERED][..],
            &[SHIPPED],
            &[SHIPPED, MOVING],
            &[SHIPPED, MOVING, DELIVERED],
        ] {
            let status = told(&fixture, "dhl", &report(number, scans)).await;
            assert_eq!(status, StatusCode::OK);
        }
        let shown = fixture.shipment(&parcel).await;
        assert_eq!(shown["status"], "DELIVERED", "{}", fixture.scratch.name);
        assert_eq!(shown["history"].as_array().map(Vec::len), Some(3));
        assert_eq!(watch.sequences(3).await, [1, 2, 3]);
        assert_eq!(fixture.events().await.len(), 3);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn forged_webhooks_are_refused_and_have_no_effect() {
    for fixture in believing_fixtures().await {
        let parcel = fixture.ship().await;
        let body = report(&parcel.tracking_number, &[DELIVERED]).to_string();
        let real = signature(SECRET, &body);
        let forged = [
            ("dhl", None),
            ("dhl", Some(signature("another", &body))),
            ("dhl", Some(signature(SECRET, "{}"))),
            ("dhl", Some(real.replace("hmac-sha256-hex=", ""))),
            ("dhl", Some("hmac-sha256-hex=".to_owned())),
        ];
        for (carrier, signature) in forged {
            let status = post(&fixture, carrier, signature.clone(), &body).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{carrier} {signature:?}");
        }
        let unreadable = post(&fixture, "dhl", Some(signature(SECRET, "{")), "{").await;
        assert_eq!(unreadable, StatusCode::BAD_REQUEST);
        // No webhook secret is configured for FedEx.
        let unknown = post(&fixture, "fedex", Some(real), &body).await;
        assert_eq!(unknown, StatusCode::NOT_FOUND);
        let nobody = told(&fixture, "pigeon", &json!({})).await;
        assert_eq!(nobody, StatusCode::NOT_FOUND);
        let shown = fixture.shipment(&parcel).await;
        assert_eq!(shown["status"], "LABEL_CREATED");
        assert_eq!(shown["history"], json!([]));
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn easypost_tells_of_parcels_of_usps_and_of_other_carriers() {
    for fixture in believing_fixtures().await {
        let parcel = fixture.ship().await;
        let event = |carrier: &str| {
            json!({"description": "tracker.updated", "result": {
                "tracking_code": parcel.tracking_number, "carrier": carrier, "est_delivery_date": null,
                "tracking_details": [{"status": "out_for_delivery", "status_detail": "out_for_delivery",
                    "datetime": "2025-10-03T14:08:00Z",
                    "tracking_location": {"city": "BROOKLYN", "state": "NY"}}]}})
        };
        // A foreign parcel is not an error.
        assert_eq!(told(&fixture, "usps", &event("USPS")).await, StatusCode::OK);
        assert_eq!(fixture.shipment(&parcel).await["status"], "LABEL_CREATED");
        assert_eq!(
            told(&fixture, "usps", &event("DHLExpress")).await,
            StatusCode::OK
        );
        let shown = fixture.shipment(&parcel).await;
        assert_eq!(shown["status"], "OUT_FOR_DELIVERY");
        assert_eq!(shown["history"][0]["location"], "Brooklyn NY");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_earlier_parcel_with_the_same_number_decides_nothing() {
    for fixture in believing_fixtures().await {
        let parcel = fixture.ship().await;
        let event = json!({"description": "tracker.updated", "result": {
        "tracking_code": parcel.tracking_number, "carrier": "DHLExpress",
        "est_delivery_date": "2024-03-05T12:00:00Z",
        "status": "delivered", "updated_at": "2025-10-03T14:00:00Z",
        "tracking_details": [
            {"status": "in_transit", "datetime": "2024-03-01T12:00:00Z"},
            {"status": "delivered", "datetime": "2024-03-04T12:00:00Z"},
        ]}});
        assert_eq!(told(&fixture, "usps", &event).await, StatusCode::OK);
        let shown = fixture.shipment(&parcel).await;
        assert_eq!(shown["status"], "LABEL_CREATED");
        assert_eq!(shown["estimatedDelivery"], Value::Null);
        assert_eq!(shown["history"], json!([]));
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_scan_in_an_unknown_zone_may_follow_a_parcel_that_seems_younger() {
    for fixture in believing_fixtures().await {
        // Registered at 09:00 UTC, and scanned half an hour later, at 04:30 in Chicago.
        let parcel = fixture.ship().await;
        let body = json!({"shipments": [{"id": parcel.tracking_number, "events": [
            {"timestamp": "2025-10-03T04:30:00", "statusCode": "transit", "location": "Chicago"},
            {"timestamp": "2025-10-03T04:10:00", "statusCode": "transit",
             "description": "Picked up"},
        ]}]});
        assert_eq!(told(&fixture, "dhl", &body).await, StatusCode::OK);
        let expected = [
            json!(["SHIPPED", "2025-10-03T04:10:00.000Z", true]),
            json!(["IN_TRANSIT", "2025-10-03T04:30:00.000Z", true]),
        ];
        assert_eq!(history(&fixture, &parcel).await, expected);
        assert_eq!(fixture.shipment(&parcel).await["status"], "IN_TRANSIT");
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_number_may_be_written_in_small_letters_and_with_spaces() {
    for fixture in believing_fixtures().await {
        for (stored, sent) in [
            ("JD014600001", "jd 0146 00001"),
            ("jd014600002", "JD01 4600002"),
            ("jd014600003", "jd014600003"),
        ] {
            let row = entities::tracking::shipment::Model {
                tracking_number: stored.to_owned(),
                ..parcel(uuid::Uuid::now_v7(), fixture.customer)
            };
            fixture.insert(row.clone()).await;
            let body = report(sent, &[SHIPPED]);
            assert_eq!(told(&fixture, "dhl", &body).await, StatusCode::OK);
            assert_eq!(fixture.shipment(&row).await["status"], "SHIPPED", "{sent}");
        }
        fixture.scratch.drop().await;
    }
}

/// Status, time and whether UTC was assumed, of each event in order.
async fn history(fixture: &Fixture, parcel: &entities::tracking::shipment::Model) -> Vec<Value> {
    let document =
        "query($id: ID!) { shipment(id: $id) { history { status timestamp timeZoneAssumed } } }";
    let id = resolvers::id::IdKind::Shipment.format(parcel.id);
    let answer = fixture.ask(document, json!({ "id": id })).await;
    let history = answer["data"]["shipment"]["history"].as_array().unwrap();
    history
        .iter()
        .map(|event| {
            json!([
                event["status"],
                event["timestamp"],
                event["timeZoneAssumed"]
            ])
        })
        .collect()
}

async fn parcel_of(fixture: &Fixture, carrier: &str) -> entities::tracking::shipment::Model {
    let row = entities::tracking::shipment::Model {
        carrier: Carrier::from_stored(carrier).unwrap(),
        ..parcel(uuid::Uuid::now_v7(), fixture.customer)
    };
    fixture.insert(row.clone()).await;
    row
}

#[tokio::test]
async fn an_event_that_cannot_be_read_costs_itself_and_a_local_time_is_marked() {
    for fixture in believing_fixtures().await {
        let parcel = fixture.ship().await;
        let body = json!({"shipments": [{"id": parcel.tracking_number, "service": null, "details": null,
        "status": {"timestamp": "2025-10-03T13:00:00", "statusCode": "delivered"},
        "events": [
            {"timestamp": "2025-10-03T13:00:00", "status": "delivered", "description": "Delivered"},
            {"timestamp": "2025-10-03T11:00:00", "statusCode": "transit",
             "location": {"address": {"countryCode": "DE"}}, "description": null},
            {"timestamp": "soon", "statusCode": "transit"}, null, "lost",
            {"timestamp": "2025-10-03T08:00:00Z", "description": "Shipment picked up", "location": "Bonn"},
        ]}]});
        assert_eq!(told(&fixture, "dhl", &body).await, StatusCode::OK);
        let expected = [
            json!(["SHIPPED", "2025-10-03T08:00:00.000Z", false]),
            json!(["IN_TRANSIT", "2025-10-03T08:00:00.000Z", false]),
            json!(["IN_TRANSIT", "2025-10-03T09:00:00.000Z", false]),
            json!(["DELIVERED", "2025-10-03T13:00:00.000Z", true]),
        ];
        assert_eq!(history(&fixture, &parcel).await, expected);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_local_time_of_ups_is_read_by_the_offset_beside_it() {
    for fixture in believing_fixtures().await {
        let parcel = parcel_of(&fixture, "ups").await;
        let place = json!({"address": {"city": "OAKLAND", "stateProvince": "CA"}});
        let body = json!({"trackResponse": {"shipment": [{"package": [{
        "trackingNumber": parcel.tracking_number,
        "currentStatus": {"code": "021", "statusCode": "021", "description": "Out for Delivery"},
        "activity": [
            {"location": place, "status": {"type": "O", "code": "OF", "statusCode": "021"},
             "date": "20251003", "time": "053000", "gmtOffset": "-08:00"},
            {"location": place, "status": {"type": "I", "code": "AR", "statusCode": "005"},
             "date": "20251003", "time": "040000", "gmtDate": "20251003", "gmtTime": "12:00:00",
             "gmtOffset": "-08:00"},
        ]}]}]}});
        assert_eq!(told(&fixture, "ups", &body).await, StatusCode::OK);
        let expected = [
            json!(["IN_TRANSIT", "2025-10-03T12:00:00.000Z", false]),
            json!(["OUT_FOR_DELIVERY", "2025-10-03T13:30:00.000Z", false]),
        ];
        assert_eq!(history(&fixture, &parcel).await, expected);
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_at_all_is_sent_again_and_the_rest_is_recorded() {
    for fixture in believing_fixtures().await {
        let (lost, read) = (fixture.ship().await, fixture.ship().await);
        let broken = json!({"id": lost.tracking_number, "status": {"timestamp": [], "statusCode": {}},
            "events": [{"timestamp": {}, "statusCode": "transit"}]});
        let mut body = report(&read.tracking_number, &[SHIPPED]);
        body["shipments"].as_array_mut().unwrap().insert(0, broken);
        assert_eq!(told(&fixture, "dhl", &body).await, StatusCode::BAD_REQUEST);
        assert_eq!(fixture.shipment(&read).await["status"], "SHIPPED");
        let nameless = json!({"shipments": [{"status": {"statusCode": "transit"}}]});
        assert_eq!(
            told(&fixture, "dhl", &nameless).await,
            StatusCode::BAD_REQUEST
        );

        let tracker = |result: Value| json!({"description": "tracker.updated", "result": result});
        for result in [
            json!(null),
            json!({"carrier": "USPS", "tracking_details": []}),
            json!({"tracking_code": lost.tracking_number, "carrier": "DHLExpress",
                "tracking_details": [{"status": "in_transit", "datetime": "soon"}]}),
        ] {
            let status = told(&fixture, "usps", &tracker(result)).await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn easyposts_names_of_its_accounts_are_those_of_their_carriers_and_a_number_will_do() {
    for fixture in believing_fixtures().await {
        for (account, carrier) in [
            ("UPSDAP", "ups"),
            ("FedExDefault", "fedex"),
            ("FedExSmartPost", "fedex"),
            ("DhlEcs", "dhl"),
            ("Stamps", "usps"),
        ] {
            let parcel = parcel_of(&fixture, carrier).await;
            let event = json!({"description": "tracker.updated", "result": {
                "tracking_code": parcel.tracking_number, "carrier": account, "weight": {}, "fees": null,
                "tracking_details": [{"status": "in_transit", "datetime": "2025-10-03T14:08:00Z"}]}});
            assert_eq!(told(&fixture, "usps", &event).await, StatusCode::OK);
            let status = &fixture.shipment(&parcel).await["status"];
            assert_eq!(status, "IN_TRANSIT", "{account}");
        }
        fixture.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_nobody_reads_of_a_webhook_decides_nothing() {
    for fixture in believing_fixtures().await {
        let parcel = fixture.ship().await;
        let mut body = report(&parcel.tracking_number, &[SHIPPED, MOVING]);
        body["note"] = json!("NOTE");
        body["weight"] = json!("WEIGHT");
        let body = body.to_string();
        let body = body.replace("NOTE", r"\ud83d");
        let body = body.replace(r#""WEIGHT""#, "1e999");
        let status = post(&fixture, "dhl", Some(signature(SECRET, &body)), &body).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(fixture.shipment(&parcel).await["status"], "IN_TRANSIT");
        fixture.scratch.drop().await;
    }
}
