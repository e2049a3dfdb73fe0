//! EasyPost: rates, labels, trackers and refunds, in its API's formats.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Kit, answer};

fn shipment(ounces: f64) -> Value {
    json!({"shipment": {
        // As for the outward shipment: EasyPost switches them for a return.
        "to_address": {"name": "Zoë (Customer)", "street1": "417 Montgomery St", "city": "Brooklyn", "state": "NY", "zip": "11225", "country": "US"},
        "from_address": {"company": "Vantage Commerce Returns Center", "street1": "500 Warehouse Drive", "city": "Louisville", "state": "KY", "zip": "40218", "country": "US"},
        "parcel": {"length": 20.2, "width": 10.9, "height": 5, "weight": ounces},
        "options": {"label_format": "PDF", "label_size": "4x6"},
        "is_return": true,
        "reference": "ret_1",
    }})
}

/// Buys a return label at the cheapest rate of this carrier.
pub(crate) async fn bought(kit: &Kit, carrier: &str) -> Value {
    let (status, created) = kit
        .easypost(Method::POST, "/v2/shipments", shipment(40.0))
        .await;
    assert_eq!(status, 201, "{created}");
    let rates = created["rates"].as_array().unwrap();
    let cents = |rate: &&Value| {
        rate["rate"]
            .as_str()
            .unwrap()
            .replace('.', "")
            .parse::<i64>()
            .unwrap()
    };
    let cheapest = rates
        .iter()
        .filter(|rate| rate["carrier"] == carrier)
        .min_by_key(cents)
        .unwrap();
    let path = format!("/v2/shipments/{}/buy", created["id"].as_str().unwrap());
    let (status, bought) = kit
        .easypost(Method::POST, &path, json!({"rate": {"id": cheapest["id"]}}))
        .await;
    assert_eq!(status, 200, "{bought}");
    bought
}

#[tokio::test]
async fn a_bought_shipment_has_a_number_a_tracker_and_a_real_label() {
    let kit = Kit::start().await;
    let bought = bought(&kit, "USPS").await;
    assert_eq!(bought["object"], "Shipment");
    assert_eq!(bought["is_return"], true);
    assert_eq!(bought["selected_rate"]["service"], "GroundAdvantage");
    assert_eq!(bought["selected_rate"]["rate"], "7.61");
    let code = bought["tracking_code"].as_str().unwrap();
    assert!(
        code.starts_with("92055900362970") && code.len() == 22,
        "{code}"
    );
    assert_eq!(bought["tracker"]["status"], "pre_transit");
    assert_eq!(bought["postage_label"]["label_size"], "4x6");

    let url = bought["postage_label"]["label_url"].as_str().unwrap();
    let response = kit.http.get(url).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/pdf");
    let pdf = response.text().await.unwrap();
    assert!(pdf.starts_with("%PDF-1.4\n") && pdf.ends_with("%%EOF\n"));
    // 4 by 6 inches, 72 points each.
    assert!(pdf.contains("/MediaBox [0 0 288 432]"));
    assert!(
        pdf.contains(code)
            && pdf.contains("500 Warehouse Drive")
            && pdf.contains("Zo\\353 \\(Customer\\)")
    );
}

#[tokio::test]
async fn postage_is_bought_once_and_only_at_a_rate_of_the_shipment() {
    let kit = Kit::start().await;
    let bought = bought(&kit, "UPS").await;
    let path = format!("/v2/shipments/{}/buy", bought["id"].as_str().unwrap());
    let rate = json!({"rate": {"id": bought["selected_rate"]["id"]}});
    let (status, refused) = kit.easypost(Method::POST, &path, rate).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (422, &json!("SHIPMENT.POSTAGE.EXISTS"))
    );

    let (_, other) = kit
        .easypost(Method::POST, "/v2/shipments", shipment(8.0))
        .await;
    let path = format!("/v2/shipments/{}/buy", other["id"].as_str().unwrap());
    let rate = json!({"rate": {"id": bought["selected_rate"]["id"]}});
    let (status, refused) = kit.easypost(Method::POST, &path, rate).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (422, &json!("SHIPMENT.POSTAGE.FAILURE"))
    );
}

#[tokio::test]
async fn an_unused_label_is_refunded_a_little_later_and_a_used_one_never() {
    let kit = Kit::start().await;
    let shipment = bought(&kit, "USPS").await;
    let path = format!("/v2/shipments/{}", shipment["id"].as_str().unwrap());
    let refund = format!("{path}/refund");
    for _ in 0..2 {
        let (status, asked) = kit.easypost(Method::POST, &refund, Value::Null).await;
        assert_eq!(
            (status, &asked["refund_status"]),
            (200, &json!("submitted"))
        );
    }
    kit.clock.advance(chrono::Duration::seconds(1));
    let (_, granted) = kit.easypost(Method::GET, &path, Value::Null).await;
    assert_eq!(granted["refund_status"], "refunded");
    let (_, list) = kit.easypost(Method::GET, "/v2/refunds", Value::Null).await;
    assert_eq!(list["refunds"].as_array().unwrap().len(), 1);

    let used = bought(&kit, "USPS").await;
    let code = used["tracking_code"].as_str().unwrap();
    kit.control(
        &format!("/_control/shipments/{code}/scan"),
        json!({"kind": "pickup"}),
    )
    .await;
    let asked = json!({"refund": {"carrier": "USPS", "tracking_codes": [code]}});
    let (status, refused) = kit.easypost(Method::POST, "/v2/refunds", asked).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (422, &json!("SHIPMENT.REFUND.UNAVAILABLE"))
    );
}

#[tokio::test]
async fn a_tracker_tells_every_scan_whoever_carries_the_parcel() {
    let kit = Kit::start().await;
    let shipment = bought(&kit, "USPS").await;
    let code = shipment["tracking_code"].as_str().unwrap();
    let control = format!("/_control/shipments/{code}");
    kit.control(&format!("{control}/scan"), json!({"kind": "pickup"}))
        .await;
    kit.clock.advance(chrono::Duration::hours(5));
    kit.control(
        &format!("{control}/status"),
        json!({"status": "OUT_FOR_DELIVERY", "location": "Louisville KY"}),
    )
    .await;
    kit.control(&format!("{control}/scan"), json!({"kind": "delivered"}))
        .await;
    let path = format!(
        "/v2/trackers/{}",
        shipment["tracker"]["id"].as_str().unwrap()
    );
    let (_, tracker) = kit.easypost(Method::GET, &path, Value::Null).await;
    let told: Vec<_> = tracker["tracking_details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|detail| detail["status"].as_str().unwrap())
        .collect();
    assert_eq!(
        told,
        ["pre_transit", "in_transit", "out_for_delivery", "delivered"]
    );
    assert_eq!(tracker["status"], "delivered");
    assert_eq!(tracker["weight"].to_string(), "40.0");
    assert_eq!(
        tracker["tracking_details"][2]["tracking_location"]["city"],
        "LOUISVILLE"
    );

    let (status, created) = kit
        .easypost(
            Method::POST,
            "/v2/trackers",
            json!({"tracker": {"tracking_code": "EZ4000000004"}}),
        )
        .await;
    assert_eq!((status, &created["status"]), (201, &json!("delivered")));
    let (_, found) = kit
        .easypost(
            Method::GET,
            &format!("/v2/trackers?tracking_code={code}"),
            Value::Null,
        )
        .await;
    assert_eq!(found["trackers"][0]["id"], tracker["id"]);
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_named() {
    let kit = Kit::start().await;
    let (status, refused) = answer(kit.request(Method::GET, "/v2/shipments")).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (401, &json!("APIKEY.INVALID"))
    );
    let (status, refused) = kit
        .easypost(Method::GET, "/v2/shipments/shp_x", Value::Null)
        .await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (404, &json!("NOT_FOUND"))
    );
    for (field, code) in [
        ("from_address", "PARAMETER.REQUIRED"),
        ("parcel", "PARAMETER.REQUIRED"),
    ] {
        let mut asked = shipment(40.0);
        asked["shipment"].as_object_mut().unwrap().remove(field);
        let (status, refused) = kit.easypost(Method::POST, "/v2/shipments", asked).await;
        assert_eq!((status, &refused["error"]["code"]), (422, &json!(code)));
        assert_eq!(refused["error"]["errors"][0]["field"], field);
    }
    let (_, refused) = kit
        .easypost(Method::POST, "/v2/shipments", shipment(0.0))
        .await;
    assert_eq!(refused["error"]["code"], "PARCEL.WEIGHT.INVALID");
}

#[tokio::test]
async fn lists_are_paged_newest_first() {
    let kit = Kit::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        let (_, one) = kit
            .easypost(Method::POST, "/v2/shipments", shipment(8.0))
            .await;
        made.push(one["id"].as_str().unwrap().to_owned());
    }
    made.reverse();
    let page = async |query: &str| {
        let path = format!("/v2/shipments?page_size=2{query}");
        let (_, page) = kit.easypost(Method::GET, &path, Value::Null).await;
        let ids: Vec<_> = page["shipments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        (ids, page["has_more"] == true)
    };
    assert_eq!(page("").await, (made[..2].to_vec(), true));
    assert_eq!(
        page(&format!("&before_id={}", made[1])).await,
        (made[2..4].to_vec(), true)
    );
    assert_eq!(
        page(&format!("&before_id={}", made[3])).await,
        (made[4..].to_vec(), false)
    );
    assert_eq!(
        page(&format!("&after_id={}", made[4])).await,
        (made[2..4].to_vec(), true)
    );
}

#[tokio::test]
async fn prices_can_be_made_implausible() {
    let kit = Kit::start().await;
    kit.control("/_control/rates", json!({"cents": 7500})).await;
    let (_, dear) = kit
        .easypost(Method::POST, "/v2/shipments", shipment(8.0))
        .await;
    assert!(
        dear["rates"]
            .as_array()
            .unwrap()
            .iter()
            .all(|rate| rate["rate"] == "75.00")
    );
    kit.control("/_control/rates", json!({"cents": null})).await;
    let (_, usual) = kit
        .easypost(Method::POST, "/v2/shipments", shipment(8.0))
        .await;
    assert_eq!(usual["rates"][0]["rate"], "6.45");
}

#[tokio::test]
async fn a_shipment_across_a_border_needs_customs_items_and_telephone_numbers() {
    let kit = Kit::start().await;
    let mut asked = shipment(40.0);
    let new = &mut asked["shipment"];
    new["to_address"]["country"] = json!("DE");
    let rated = async |asked: &Value| {
        let created = kit
            .easypost(Method::POST, "/v2/shipments", asked.clone())
            .await;
        assert_eq!(created.0, 201, "{}", created.1);
        let messages = created.1["messages"].as_array().unwrap().len();
        (created.1["rates"].as_array().unwrap().clone(), messages)
    };
    let (rates, messages) = rated(&asked).await;
    assert_eq!((rates.len(), messages), (0, 2));

    let item = json!({
        "description": "Mug", "quantity": 1, "value": 9.99, "currency": "EUR", "weight": 12.5,
        "origin_country": "PT", "hs_tariff_number": "691200",
    });
    let new = &mut asked["shipment"];
    new["to_address"]["phone"] = json!("+4930123456");
    new["from_address"]["phone"] = json!("+15025550100");
    new["customs_info"] = json!({
        "contents_type": "returned_goods", "customs_certify": true, "customs_signer": "Zoë",
        "customs_items": [item],
    });
    let (rates, messages) = rated(&asked).await;
    assert_eq!(messages, 0);
    let services: Vec<_> = rates
        .iter()
        .map(|rate| rate["service"].as_str().unwrap())
        .collect();
    let expected = [
        "INTERNATIONAL_ECONOMY",
        "Expedited",
        "ExpressWorldwideNonDoc",
    ];
    assert_eq!(services, expected);
    for lacking in [
        "description",
        "quantity",
        "value",
        "weight",
        "origin_country",
    ] {
        let mut asked = asked.clone();
        asked["shipment"]["customs_info"]["customs_items"][0][lacking] = Value::Null;
        let (rates, messages) = rated(&asked).await;
        assert_eq!((rates.len(), messages), (0, 1), "{lacking}");
    }
    asked["shipment"]["to_address"]["country"] = json!("CA");
    let (rates, _) = rated(&asked).await;
    assert_eq!(rates[0]["service"], "Standard");
}
