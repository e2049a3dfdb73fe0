//! The client against responses as EasyPost writes them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request as Asked, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;

use super::*;

/// Returns canned responses in order and records the requests.
#[derive(Clone, Default)]
struct Canned {
    answers: Arc<Mutex<Vec<(u16, String)>>>,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

async fn answer(State(canned): State<Canned>, asked: Asked) -> Response {
    let (parts, body) = asked.into_parts();
    if !parts.uri.path().starts_with("/labels/") {
        assert_eq!(parts.headers["authorization"], "Basic RVpUSzE6");
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    canned.asked.lock().unwrap().push((
        format!("{} {}", parts.method, parts.uri),
        serde_json::from_slice(&body).unwrap_or_default(),
    ));
    let (status, body) = canned.answers.lock().unwrap().remove(0);
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

async fn easypost() -> (Canned, Easypost, Url) {
    let canned = Canned::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base: Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let app = Router::new().fallback(answer).with_state(canned.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let key = Secret::new("EZTK1");
    let easypost = Easypost::new(base.clone(), key, Clock::system(), None).unwrap();
    (canned, easypost, base)
}

impl Canned {
    fn then(&self, status: u16, body: impl ToString) {
        let answer = (status, body.to_string());
        self.answers.lock().unwrap().push(answer);
    }
}

fn rate(service: &str, price: &str) -> Value {
    json!({
        "id": format!("rate_{service}"), "object": "Rate", "service": service, "carrier": "USPS",
        "rate": price, "currency": "USD", "list_rate": price, "delivery_days": 3
    })
}

fn shipment(base: &Url, bought: bool) -> Value {
    let label =
        json!({"id": "pl_1", "label_url": format!("{base}labels/1.pdf?v=1"), "label_size": "4x6"});
    json!({
        "id": "shp_1", "object": "Shipment", "mode": "test", "reference": "ret_1", "messages": [],
        "rates": [rate("Priority", "8.45"), rate("GroundAdvantage", "6.45")],
        "selected_rate": bought.then(|| rate("GroundAdvantage", "6.45")),
        "tracking_code": bought.then_some("9205590036297012345678"),
        "postage_label": bought.then_some(label)
    })
}

fn warehouse() -> Address {
    Address {
        street1: "500 Warehouse Drive".into(),
        country: "US".into(),
        ..Address::default()
    }
}

fn customer() -> Address {
    Address {
        name: Some("Ana".into()),
        street1: "1 Main St".into(),
        city: "Austin".into(),
        state: Some("TX".into()),
        zip: "78701".into(),
        country: "US".into(),
        ..Address::default()
    }
}

#[tokio::test]
async fn a_label_is_rated_bought_downloaded_and_voided() {
    let (canned, easypost, base) = easypost().await;
    canned.then(201, shipment(&base, false));
    canned.then(200, shipment(&base, true));
    canned.then(200, "%PDF-1.4 …");
    canned.then(200, shipment(&base, true));
    let ounces = "20.42".parse().unwrap();
    let (warehouse, customer) = (warehouse(), customer());
    let mut new = NewReturn {
        warehouse: &warehouse,
        customer: &customer,
        parcel: Parcel {
            ounces,
            inches: None,
        },
        customs: None,
        reference: "ret_1",
    };
    let rated = easypost.create_return(&new).await.unwrap();
    assert_eq!(rated.rates[1].service, "GroundAdvantage");
    let label = easypost.buy(&rated.id, &rated.rates[1].id).await.unwrap();
    assert_eq!(label.tracking_code, "9205590036297012345678");
    assert_eq!(label.rate.cents(), Some(645));
    let file = easypost.download(&label).await.unwrap();
    assert!(file.starts_with(b"%PDF"));
    easypost.void("shp_1").await.unwrap();

    let asked = canned.asked.lock().unwrap().clone();
    assert_eq!(asked[0].0, "POST /v2/shipments");
    let sent = &asked[0].1["shipment"];
    assert_eq!(sent["parcel"], json!({"weight": 20.5}));
    assert_eq!(sent["options"]["label_size"], "4x6");
    assert_eq!(sent["is_return"], true);
    // As for the outward shipment: EasyPost switches them.
    assert_eq!(sent["from_address"]["street1"], "500 Warehouse Drive");
    assert_eq!(sent["to_address"]["street1"], "1 Main St");
    assert_eq!(sent["to_address"].get("street2"), None);
    assert_eq!(sent.get("customs_info"), None);
    assert_eq!(asked[1].0, "POST /v2/shipments/shp_1/buy");
    assert_eq!(asked[1].1["rate"]["id"], "rate_GroundAdvantage");
    assert_eq!(asked[2].0, "GET /labels/1.pdf?v=1");
    assert_eq!(asked[3].0, "POST /v2/shipments/shp_1/refund");

    canned.then(201, shipment(&base, false));
    let customs = CustomsInfo {
        contents_type: "returned_goods",
        contents_explanation: "Returned goods".to_owned(),
        restriction_type: "none",
        non_delivery_option: "return",
        eel_pfc: "NOEEI 30.37(a)",
        customs_certify: true,
        customs_signer: "Ana".to_owned(),
        customs_items: vec![CustomsItem {
            description: "Mug".to_owned(),
            quantity: 2,
            value: "19.98".parse().unwrap(),
            currency: "EUR".to_owned(),
            weight: "25.4".parse().unwrap(),
            hs_tariff_number: Some("691200".to_owned()),
            origin_country: "PT".to_owned(),
        }],
    };
    new.customs = Some(&customs);
    new.parcel.inches = Some(["10.01", "8", "4"].map(|inches| inches.parse().unwrap()));
    easypost.create_return(&new).await.unwrap();
    let asked = canned.asked.lock().unwrap().clone();
    let sent = &asked[4].1["shipment"];
    let parcel = json!({"weight": 20.5, "length": 10.1, "width": 8.0, "height": 4.0});
    assert_eq!(sent["parcel"], parcel);
    let item = &sent["customs_info"]["customs_items"][0];
    assert_eq!(item["value"], 19.98);
    assert_eq!(item["weight"], 25.4);
    assert_eq!(item["hs_tariff_number"], "691200");
    assert_eq!(sent["customs_info"]["customs_certify"], true);
}

#[tokio::test]
async fn a_purchase_of_unknown_outcome_finds_the_label_that_was_bought() {
    let (canned, easypost, base) = easypost().await;
    canned.then(502, "");
    let exists =
        json!({"error": {"code": "SHIPMENT.POSTAGE.EXISTS", "message": "…", "errors": []}});
    canned.then(422, exists);
    canned.then(200, shipment(&base, true));
    let label = easypost.buy("shp_1", "rate_1").await.unwrap();
    assert_eq!(label.tracking_code, "9205590036297012345678");
    assert_eq!(canned.asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn what_is_no_label_is_an_error() {
    let (canned, easypost, base) = easypost().await;
    canned.then(200, shipment(&base, false));
    let error = easypost.buy("shp_1", "rate_1").await.unwrap_err();
    assert!(matches!(error, EasypostError::Incomplete(_)), "{error:?}");

    let invalid =
        json!({"error": {"code": "ADDRESS.VERIFY.FAILURE", "message": "…", "errors": []}});
    canned.then(422, invalid);
    let error = easypost.buy("shp_1", "rate_1").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "EasyPost refused with 422: ADDRESS.VERIFY.FAILURE"
    );

    canned.then(200, shipment(&base, true));
    canned.then(200, "<html>");
    let label = easypost.buy("shp_1", "rate_1").await.unwrap();
    let error = easypost.download(&label).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "easypost_files (download_label) returned an invalid response: no PDF"
    );
}
