//! A return from preview to cancellation, through the running binary, in every layout.

use chrono::{DurationRound, Utc};
use serde_json::{Value, json};

use crate::kit::{Graph, layouts};

const ORDERS: &str = "{ me { orders(first: 20) { nodes { id items { id returnEligibility { eligible returnableQuantity reasons { code } } } } } } }";

const PREVIEW: &str = "query($input: ReturnCreateInput!) { returnPreview(input: $input) { eligible refund { includesShipping total { amount currency } } } }";

const CREATE: &str = "mutation($input: ReturnCreateInput!, $key: String!) { returnCreate(input: $input, idempotencyKey: $key) { return { id status refund { includesShipping total { amount currency } } items { productName orderItem { quantity } } timeline { event } } userErrors { __typename ... on ReturnIneligible { reasons { code deliveryDate returnDeadline } } } } }";

const RETURN: &str = "query($id: ID!) { return(id: $id) { status nextStep order { id } } }";

const CANCEL: &str = "mutation($id: ID!, $key: String!) { returnCancel(id: $id, idempotencyKey: $key) { return { status timeline { event } } userErrors { code } } }";

fn input(order: &Value, item: &Value) -> Value {
    json!({
        "orderId": order["id"],
        "items": [{
            "orderItemId": item["id"],
            "quantity": 1,
            "condition": "DEFECTIVE",
            "reasonCode": "defective_on_arrival",
        }],
    })
}

/// An order and one of its items for which `is` holds.
fn find(orders: &[Value], is: impl Fn(&Value) -> bool) -> (&Value, &Value) {
    orders
        .iter()
        .find_map(|order| {
            let items = order["items"].as_array().unwrap();
            let item = items.iter().find(|item| is(&item["returnEligibility"]))?;
            Some((order, item))
        })
        .expect("the demo shop has one")
}

#[tokio::test]
async fn a_return_is_previewed_made_once_read_and_cancelled_in_every_layout() {
    let now = Utc::now()
        .duration_trunc(chrono::Duration::minutes(1))
        .unwrap()
        .to_rfc3339();
    let shop = [
        ("VANTAGE_DEMO__ORDERS", "200"),
        ("VANTAGE_DEMO__NOW", now.as_str()),
    ];
    for layout in layouts() {
        let graph = Graph::start(layout, &shop, &[]).await;
        let token = graph.demo_token().await;
        let token = Some(token.as_str());
        let account = graph.query(token, ORDERS, json!({})).await;
        let orders = account["data"]["me"]["orders"]["nodes"].as_array().unwrap();
        let (order, item) = find(orders, |judged| judged["eligible"] == true);
        let input = |order, item| json!({ "input": input(order, item), "key": "k" });

        let preview = graph
            .query(
                token,
                PREVIEW,
                json!({ "input": input(order, item)["input"] }),
            )
            .await;
        let preview = &preview["data"]["returnPreview"];
        assert_eq!(preview["eligible"], true, "{layout:?}: {preview:#}");
        let made = graph.query(token, CREATE, input(order, item)).await;
        let payload = &made["data"]["returnCreate"];
        assert_eq!(payload["userErrors"], json!([]), "{layout:?}: {made:#}");
        assert_eq!(payload["return"]["status"], "INITIATED");
        assert_eq!(payload["return"]["refund"], preview["refund"]);
        assert_eq!(payload["return"]["refund"]["includesShipping"], true);
        let again = graph.query(token, CREATE, input(order, item)).await;
        assert_eq!(again, made, "{layout:?}");

        let id = &payload["return"]["id"];
        let read = graph.query(token, RETURN, json!({ "id": id })).await;
        assert_eq!(
            read["data"]["return"],
            json!({
                "status": "INITIATED",
                "nextStep": "Generate your shipping label",
                "order": { "id": order["id"] },
            }),
            "{layout:?}: {read:#}"
        );
        let cancelled = graph
            .query(token, CANCEL, json!({ "id": id, "key": "c" }))
            .await;
        assert_eq!(
            cancelled["data"]["returnCancel"],
            json!({
                "return": {
                    "status": "CANCELLED",
                    "timeline": [{ "event": "return_initiated" }, { "event": "cancelled" }],
                },
                "userErrors": [],
            }),
            "{layout:?}: {cancelled:#}"
        );
        let after = graph.query(token, ORDERS, json!({})).await;
        assert_eq!(after, account, "its units are returnable again");

        let (order, item) = find(orders, |judged| {
            judged["reasons"][0]["code"] == "PAST_RETURN_WINDOW"
        });
        let mut late = input(order, item);
        late["key"] = json!("late");
        let late = graph.query(token, CREATE, late).await;
        let error = &late["data"]["returnCreate"]["userErrors"][0];
        assert_eq!(error["__typename"], "ReturnIneligible", "{late:#}");
        assert!(error["reasons"][0]["deliveryDate"].is_string());
        assert!(error["reasons"][0]["returnDeadline"].is_string());
        graph.stop().await;
    }
}
