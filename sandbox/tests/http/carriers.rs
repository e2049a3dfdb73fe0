//! DHL, FedEx and UPS: documented samples, expiring tokens, and parcels that move by scenario.

use reqwest::Method;
use sandbox::Config;
use serde_json::{Value, json};

use crate::kit::{Kit, answer, documented_forms};

async fn dhl(kit: &Kit, number: &str) -> (u16, Value) {
    let path = format!("/track/shipments?trackingNumber={number}");
    answer(kit.request(Method::GET, &path).header("DHL-API-Key", "key")).await
}

async fn fedex_token(kit: &Kit) -> String {
    let (status, granted) = answer(
        kit.request(Method::POST, "/oauth/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials&client_id=a&client_secret=b"),
    )
    .await;
    assert_eq!((status, &granted["expires_in"]), (200, &json!(3600)));
    granted["access_token"].as_str().unwrap().to_owned()
}

async fn fedex(kit: &Kit, token: &str, numbers: &[&str]) -> (u16, Value) {
    let info: Vec<_> = numbers
        .iter()
        .map(|number| json!({"trackingNumberInfo": {"trackingNumber": number}}))
        .collect();
    answer(
        kit.request(Method::POST, "/track/v1/trackingnumbers")
            .bearer_auth(token)
            .json(&json!({"trackingInfo": info, "includeDetailedScans": true})),
    )
    .await
}

async fn ups_token(kit: &Kit) -> String {
    let (status, granted) = answer(
        kit.request(Method::POST, "/security/v1/oauth/token")
            .basic_auth("client", Some("secret"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials"),
    )
    .await;
    assert_eq!((status, &granted["status"]), (200, &json!("approved")));
    granted["access_token"].as_str().unwrap().to_owned()
}

async fn ups(kit: &Kit, token: &str, number: &str) -> (u16, Value) {
    let path = format!("/api/track/v1/details/{number}");
    answer(
        kit.request(Method::GET, &path)
            .bearer_auth(token)
            .header("transId", "t1"),
    )
    .await
}

async fn set(kit: &Kit, number: &str, status: &str, location: &str) {
    let path = format!("/_control/shipments/{number}/status");
    kit.control(&path, json!({"status": status, "location": location}))
        .await;
}

#[tokio::test]
async fn dhl_answers_as_in_its_sample() {
    let kit = Kit::start().await;
    let known = json!({
        "number": "DHL1234567890", "carrier": "dhl", "status": "IN_TRANSIT", "location": "Newark NJ",
        "at": "2025-10-03T14:02:00Z", "estimated_delivery": "2025-10-04T18:00:00Z",
    });
    kit.control("/_control/shipments", known).await;
    let (status, told) = dhl(&kit, "DHL1234567890").await;
    assert_eq!(status, 200);
    let shipment = &told["shipments"][0];
    assert_eq!(shipment["id"], "DHL1234567890");
    assert_eq!(
        shipment["status"],
        json!({
            "statusCode": "transit",
            "status": "In transit",
            "description": "Shipment is in transit to destination",
            "location": {"address": {"addressLocality": "Newark NJ"}},
            "timestamp": "2025-10-03T14:02:00Z",
        })
    );
    assert_eq!(shipment["details"]["estimatedDeliveryDate"], "2025-10-04");

    set(
        &kit,
        "DHL1234567890",
        "OUT_FOR_DELIVERY",
        "Local Delivery Vehicle, Brooklyn NY",
    )
    .await;
    let (_, told) = dhl(&kit, "DHL1234567890").await;
    let shipment = &told["shipments"][0];
    assert_eq!(shipment["status"]["status"], "Out for delivery");
    assert_eq!(
        shipment["status"]["location"]["address"]["addressLocality"],
        "Local Delivery Vehicle, Brooklyn NY"
    );
    assert_eq!(shipment["events"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn fedex_answers_as_in_its_sample_for_many_numbers_at_once() {
    let kit = Kit::start().await;
    set(&kit, "FX9876543210", "IN_TRANSIT", "Memphis TN").await;
    let token = fedex_token(&kit).await;
    let (status, told) = fedex(&kit, &token, &["FX9876543210", "1Z999AA10123456784"]).await;
    assert_eq!(status, 200);
    let results = &told["output"]["completeTrackResults"];
    let detail = &results[0]["trackResults"][0]["latestStatusDetail"];
    assert_eq!(detail["statusByLocale"], "In Transit");
    assert_eq!(detail["scanLocation"]["city"], "MEMPHIS");
    assert_eq!(detail["scanLocation"]["stateOrProvinceCode"], "TN");
    assert_eq!(
        results[1]["trackResults"][0]["error"]["code"],
        "TRACKING.TRACKINGNUMBER.NOTFOUND"
    );
    let many = vec!["FX1"; 31];
    assert_eq!(fedex(&kit, &token, &many).await.0, 400);
}

#[tokio::test]
async fn ups_answers_as_in_its_sample() {
    let kit = Kit::start().await;
    set(&kit, "1Z999AA10123456784", "IN_TRANSIT", "Louisville KY").await;
    let token = ups_token(&kit).await;
    let (status, told) = ups(&kit, &token, "1Z999AA10123456784").await;
    assert_eq!(status, 200);
    let package = &told["trackResponse"]["shipment"][0]["package"][0];
    assert_eq!(
        package["currentStatus"],
        json!({"description": "On The Way", "code": "I"})
    );
    let activity = &package["activity"][0];
    assert_eq!(activity["location"]["address"]["city"], "LOUISVILLE");
    assert_eq!(activity["location"]["address"]["stateProvince"], "KY");
    assert_eq!(
        (&activity["date"], &activity["time"]),
        (&json!("20251009"), &json!("101500"))
    );
}

#[tokio::test]
async fn every_status_has_a_code_of_each_carrier() {
    let kit = Kit::start().await;
    let (fedex_token, ups_token) = (fedex_token(&kit).await, ups_token(&kit).await);
    for (status, at_dhl, at_fedex, at_ups) in [
        ("LABEL_CREATED", "pre-transit", "OC", "M"),
        ("SHIPPED", "transit", "PU", "P"),
        ("IN_TRANSIT", "transit", "IT", "I"),
        ("OUT_FOR_DELIVERY", "transit", "OD", "O"),
        ("DELIVERY_ATTEMPTED", "failure", "DE", "DA"),
        ("AVAILABLE_FOR_PICKUP", "transit", "HL", "W"),
        ("DELIVERED", "delivered", "DL", "D"),
        ("RETURNING", "transit", "RS", "RS"),
        ("EXCEPTION", "failure", "SE", "X"),
    ] {
        for number in ["DHL1", "FX1", "1Z999AA10123456784"] {
            set(&kit, number, status, "Brooklyn NY").await;
        }
        let told = dhl(&kit, "DHL1").await.1;
        assert_eq!(
            told["shipments"][0]["status"]["statusCode"], at_dhl,
            "{status}"
        );
        let told = fedex(&kit, &fedex_token, &["FX1"]).await.1;
        let detail =
            &told["output"]["completeTrackResults"][0]["trackResults"][0]["latestStatusDetail"];
        assert_eq!(detail["derivedCode"], at_fedex, "{status}");
        let told = ups(&kit, &ups_token, "1Z999AA10123456784").await.1;
        let package = &told["trackResponse"]["shipment"][0]["package"][0];
        assert_eq!(package["currentStatus"]["code"], at_ups, "{status}");
    }
}

#[tokio::test]
async fn credentials_are_asked_for_and_tokens_expire() {
    let kit = Kit::start().await;
    let path = "/track/shipments?trackingNumber=DHL1";
    assert_eq!(answer(kit.request(Method::GET, path)).await.0, 401);
    assert_eq!(fedex(&kit, "made-up", &["FX1"]).await.0, 401);
    let (status, refused) = ups(&kit, "made-up", "1Z999AA10123456784").await;
    assert_eq!(
        (status, &refused["response"]["errors"][0]["code"]),
        (401, &json!("250002"))
    );

    let (at_fedex, at_ups) = (fedex_token(&kit).await, ups_token(&kit).await);
    // One carrier's token is not valid for another.
    assert_eq!(ups(&kit, &at_fedex, "1Z999AA10123456784").await.0, 401);
    kit.clock.advance(chrono::Duration::seconds(3_600));
    assert_eq!(fedex(&kit, &at_fedex, &["FX1"]).await.0, 401);
    assert_eq!(ups(&kit, &at_ups, "1Z999AA10123456784").await.0, 200);
    kit.clock.advance(chrono::Duration::hours(1) * 3);
    assert_eq!(ups(&kit, &at_ups, "1Z999AA10123456784").await.0, 401);
}

#[tokio::test]
async fn a_number_of_no_carriers_form_is_not_found() {
    let kit = Kit::start().await;
    let (status, refused) = dhl(&kit, "1Z999AA10123456784").await;
    assert_eq!(status, 404);
    assert_eq!(
        refused["detail"],
        "No shipment with given tracking number found."
    );
    let token = ups_token(&kit).await;
    let (status, refused) = ups(&kit, &token, "hello").await;
    assert_eq!(
        (status, &refused["response"]["errors"][0]["code"]),
        (404, &json!("TW0001"))
    );
    let path = "/_control/shipments/hello/scan";
    let told = answer(
        kit.request(Method::POST, path)
            .json(&json!({"kind": "pickup"})),
    )
    .await;
    assert_eq!(told.0, 404);
}

#[tokio::test]
async fn a_parcel_takes_the_way_of_its_scenario_at_the_sandboxes_pace() {
    let kit = Kit::with(Config {
        pace: platform::config::Duration::from_secs(60),
        ..documented_forms()
    })
    .await;
    let path = "/_control/shipments/DHL42/scenario";
    kit.control(path, json!({"scenario": "attempted", "to": "Brooklyn NY"}))
        .await;
    let mut told = Vec::new();
    for _ in 0..80 {
        let (_, answer) = dhl(&kit, "DHL42").await;
        let status = &answer["shipments"][0]["status"];
        let line = format!(
            "{} at {}",
            status["status"].as_str().unwrap(),
            status["location"]["address"]["addressLocality"]
                .as_str()
                .unwrap()
        );
        if told.last() != Some(&line) {
            told.push(line);
        }
        kit.clock.advance(chrono::Duration::minutes(1));
    }
    assert_eq!(
        told[1..],
        [
            "In transit at Sort Facility, Cincinnati OH",
            "In transit at Distribution Center, Brooklyn NY",
            "Out for delivery at Local Delivery Vehicle, Brooklyn NY",
            "Delivery attempted at Brooklyn NY",
            "Out for delivery at Local Delivery Vehicle, Brooklyn NY",
            "Delivered at Brooklyn NY",
        ]
    );

    // A control call takes a parcel out of its scenario.
    kit.control(
        "/_control/shipments/DHL43/scenario",
        json!({"scenario": "standard"}),
    )
    .await;
    set(&kit, "DHL43", "EXCEPTION", "Newark NJ").await;
    kit.clock.advance(chrono::Duration::days(7));
    let (_, answer) = dhl(&kit, "DHL43").await;
    assert_eq!(answer["shipments"][0]["status"]["status"], "Exception");
}
