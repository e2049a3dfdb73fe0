//! Carriers that call us.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use platform::config::Secret;
use platform::testing::hmac_sha256;
use serde_json::{Value, json};
use tower::ServiceExt;
use tracking::{Carrier, Carriers, routes};

use crate::carrier::report;
use crate::support::{Fixture, fixtures};

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
            .believe(Carrier::Dhl, Secret::new(SECRET))
            .believe(Carrier::Usps, Secret::new(SECRET));
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
            // Nobody has said what UPS signs with.
            ("ups", Some(real)),
        ];
        for (carrier, signature) in forged {
            let status = post(&fixture, carrier, signature.clone(), &body).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{carrier} {signature:?}");
        }
        let unreadable = post(&fixture, "dhl", Some(signature(SECRET, "{")), "{").await;
        assert_eq!(unreadable, StatusCode::BAD_REQUEST);
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
        // Not a parcel of ours, which is nobody's fault.
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
