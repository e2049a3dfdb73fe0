//! Responses with real carriers' irregularities.

use reqwest::Method;
use sandbox::Config;
use serde_json::{Value, json};

use crate::kit::{Kit, answer};

const NUMBER: &str = "1Z999AA10123456784";

async fn odd(kit: &Kit, number: &str, oddities: Value) {
    let path = format!("/_control/shipments/{number}/oddities");
    kit.control(&path, json!({ "oddities": oddities })).await;
}

async fn scan(kit: &Kit, number: &str, status: &str) {
    let path = format!("/_control/shipments/{number}/status");
    kit.control(&path, json!({"status": status, "location": "Brooklyn NY"}))
        .await;
}

async fn dhl(kit: &Kit, number: &str) -> Value {
    let path = format!("/track/shipments?trackingNumber={number}");
    let request = kit.request(Method::GET, &path).header("DHL-API-Key", "key");
    answer(request).await.1["shipments"][0].clone()
}

async fn fedex(kit: &Kit, number: &str) -> Value {
    let (_, granted) = answer(
        kit.request(Method::POST, "/oauth/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials&client_id=a&client_secret=b"),
    )
    .await;
    let body = json!({"trackingInfo": [{"trackingNumberInfo": {"trackingNumber": number}}],
        "includeDetailedScans": true});
    let request = kit
        .request(Method::POST, "/track/v1/trackingnumbers")
        .bearer_auth(granted["access_token"].as_str().unwrap())
        .json(&body);
    answer(request).await.1["output"]["completeTrackResults"][0]["trackResults"][0].clone()
}

async fn ups(kit: &Kit, number: &str) -> Value {
    let (_, granted) = answer(
        kit.request(Method::POST, "/security/v1/oauth/token")
            .basic_auth("client", Some("secret"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials"),
    )
    .await;
    let request = kit
        .request(Method::GET, &format!("/api/track/v1/details/{number}"))
        .bearer_auth(granted["access_token"].as_str().unwrap())
        .header("transId", "t1");
    answer(request).await.1["trackResponse"]["shipment"][0]["package"][0].clone()
}

#[tokio::test]
async fn local_times_have_no_offset_and_say_where_they_are() {
    let kit = Kit::start().await;
    for number in ["DHL1", "FX1", NUMBER] {
        odd(&kit, number, json!(["local_times"])).await;
        scan(&kit, number, "IN_TRANSIT").await;
        scan(&kit, number, "OUT_FOR_DELIVERY").await;
    }
    // 10:15 in UTC.
    let event = &dhl(&kit, "DHL1").await["events"][0];
    assert_eq!(event["timestamp"], "2025-10-09T06:15:00");
    assert_eq!(event["location"]["address"]["postalCode"], "11201");
    let scan = &fedex(&kit, "FX1").await["scanEvents"][0];
    assert_eq!(scan["date"], "2025-10-09T06:15:00");
    assert_eq!(scan["scanLocation"]["countryCode"], "US");
    let package = ups(&kit, NUMBER).await;
    let [with_offset, with_place] = [&package["activity"][0], &package["activity"][1]];
    assert_eq!(with_offset["time"], "061500");
    assert_eq!(with_offset["gmtOffset"], "-04:00");
    assert_eq!(with_offset["gmtTime"], Value::Null);
    assert_eq!(with_place["gmtOffset"], Value::Null);
    let address = &with_place["location"]["address"];
    assert_eq!(address["postalCode"], "11201");
}

#[tokio::test]
async fn codes_are_missing_numeric_or_those_of_an_account() {
    let kit = Kit::start().await;
    for (number, oddities) in [
        ("DHL1", json!(["missing_codes"])),
        ("FX1", json!(["missing_codes"])),
        (NUMBER, json!(["numeric_codes", "account_names"])),
    ] {
        odd(&kit, number, oddities).await;
        scan(&kit, number, "DELIVERED").await;
    }
    let event = &dhl(&kit, "DHL1").await["events"][0];
    assert_eq!(
        (event.get("statusCode"), &event["status"]),
        (None, &json!("Delivered"))
    );
    let scan = &fedex(&kit, "FX1").await["scanEvents"][0];
    assert_eq!(
        (scan.get("derivedStatusCode"), &scan["eventType"]),
        (None, &json!("DL"))
    );
    let package = ups(&kit, NUMBER).await;
    let status = &package["activity"][0]["status"];
    assert_eq!(
        (&status["type"], &status["code"], &status["statusCode"]),
        (&json!("D"), &json!("FS"), &json!("011"))
    );
    assert_eq!(package["currentStatus"]["code"], "011");
    assert_eq!(package["currentStatus"]["statusCode"], "FS");
}

#[tokio::test]
async fn elements_are_null_numbers_days_ahead_of_time_or_none() {
    let kit = Kit::start().await;
    let all = json!([
        "nulls",
        "retyped",
        "unreadable_scan",
        "days_only",
        "future_times"
    ]);
    for number in ["DHL1", NUMBER] {
        odd(&kit, number, all.clone()).await;
        scan(&kit, number, "IN_TRANSIT").await;
    }
    let shipment = dhl(&kit, "DHL1").await;
    assert_eq!(shipment["service"], 7);
    let events = shipment["events"].as_array().unwrap();
    // One five days ahead, one with a date only, and three invalid ones.
    assert_eq!(events.len(), 5);
    assert_eq!(events[0]["timestamp"], "2025-10-14T10:15:00Z");
    assert_eq!(events[0]["status"], Value::Null);
    assert_eq!(events[1]["timestamp"], "2025-09-25");
    assert_eq!(events[1]["location"], Value::Null);
    assert_eq!(events[2], Value::Null);
    let activity = &ups(&kit, NUMBER).await["activity"];
    assert_eq!(activity[0]["time"], 101_500);
    assert_eq!(activity[1]["time"], Value::Null);
}

#[tokio::test]
async fn a_share_of_the_parcels_is_odd_by_the_seed_and_their_number() {
    let config = |seed, oddities| Config {
        seed,
        oddities,
        ..Config::default()
    };
    let mut odd = Vec::new();
    for config in [
        config(1, 0),
        config(1, 50),
        config(1, 50),
        config(2, 50),
        config(1, 100),
    ] {
        let kit = Kit::with(config).await;
        let mut local = Vec::new();
        for number in 0..40 {
            let number = format!("DHL{number}");
            scan(&kit, &number, "OUT_FOR_DELIVERY").await;
            let event = &dhl(&kit, &number).await["events"][0];
            local.push(!event["timestamp"].as_str().unwrap().ends_with('Z'));
        }
        odd.push(local);
    }
    let count = |local: &[bool]| local.iter().filter(|local| **local).count();
    assert_eq!((count(&odd[0]), count(&odd[4])), (0, 40));
    assert!((8..=32).contains(&count(&odd[1])), "{:?}", odd[1]);
    assert_eq!(odd[1], odd[2]);
    assert_ne!(odd[1], odd[3]);
}
