//! A return from preview to refund, in every layout.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use entities::orders::{order, order_item};
use platform::database::Database;
use resolvers::id::IdKind;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::kit::{DOMAINS, Graph, Layout, OWN_REDIS, layouts};
use crate::third_parties::ThirdParties;
use crate::wait::until_it;

pub(crate) const ORDERS: &str = "{ me { orders(first: 20) { nodes { id items { id product { id availableQuantity } returnEligibility { eligible reasons { code } } } } } } }";

const PREVIEW: &str = "query($input: ReturnCreateInput!) { returnPreview(input: $input) { eligible refund { total { amount } } } }";

pub(crate) const CREATE: &str = "mutation($input: ReturnCreateInput!, $key: String!) { returnCreate(input: $input, idempotencyKey: $key) { return { id refund { includesShipping total { amount } } } userErrors { __typename ... on ReturnIneligible { reasons { code deliveryDate returnDeadline } } } } }";

const LABEL: &str = "mutation($id: ID!, $key: String!) { returnLabelGenerate(id: $id, idempotencyKey: $key) { return { status label { url trackingNumber carrier } } userErrors { code } } }";

pub(crate) const RETURN: &str = "query($id: ID!) { return(id: $id) { status refundMethod nextStep timeline { event timestamp } } }";

/// Requests the return's label until it is there, since a request gives up on a busy machine; returns the last answer.
pub(crate) async fn labelled(graph: &Graph, token: Option<&str>, id: &Value) -> Value {
    let ask = async || {
        graph
            .query(token, LABEL, json!({ "id": id, "key": "l" }))
            .await
    };
    until_it(ask, |answer| {
        answer["data"]["returnLabelGenerate"]["return"]["label"].is_object()
    })
    .await
}

/// An order and one of its items for which `is` holds.
pub(crate) fn find(orders: &[Value], is: impl Fn(&Value) -> bool) -> (&Value, &Value) {
    orders
        .iter()
        .find_map(|order| {
            let items = order["items"].as_array().unwrap();
            let item = items.iter().find(|item| is(&item["returnEligibility"]))?;
            Some((order, item))
        })
        .expect("the demo shop has one")
}

pub(crate) fn input(order: &Value, item: &Value, key: &str) -> Value {
    json!({
        "key": key,
        "input": {
            "orderId": order,
            "items": [{
                "orderItemId": item, "quantity": 1, "condition": "OPENED_UNUSED",
                "reasonCode": "defective_on_arrival",
            }],
        },
    })
}

/// Settings of a layout. Separate processes need a Redis server between them.
pub(crate) fn settings(
    layout: Layout,
    third_parties: &ThirdParties,
) -> Option<Vec<(&'static str, String)>> {
    let now = Utc::now().duration_trunc(TimeDelta::minutes(1)).unwrap();
    let mut settings = third_parties.settings();
    settings.push(("VANTAGE_DEMO__ORDERS", "200".to_owned()));
    settings.push(("VANTAGE_DEMO__NOW", now.to_rfc3339()));
    if layout == Layout::Separate {
        std::env::var("VANTAGE_TEST_REDIS_URL").ok()?;
        settings.push(("VANTAGE_REDIS_URL", OWN_REDIS.to_owned()));
    }
    Some(settings)
}

#[tokio::test]
async fn a_return_goes_from_its_preview_to_the_warehouse_in_every_layout() {
    for layout in layouts() {
        let scratch = tempfile::tempdir().unwrap();
        let third_parties = ThirdParties::start(scratch.path()).await;
        let Some(settings) = settings(layout, &third_parties) else {
            continue;
        };
        let settings: Vec<_> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let graph = Graph::start(layout, &settings, &[]).await;
        let returns = match layout {
            Layout::Separate => {
                let position = DOMAINS.iter().position(|domain| *domain == "returns");
                &graph.subgraphs[position.unwrap()].base
            }
            Layout::Sqlite | Layout::Postgres => &graph.router.base,
        };
        third_parties.send_parcel_webhooks(returns).await;
        let orders_database = graph.database("orders").await;
        third_parties.load_payments(&orders_database).await;
        let token = graph.demo_token().await;
        let token = Some(token.as_str());
        let account = graph.query(token, ORDERS, json!({})).await;
        let orders = account["data"]["me"]["orders"]["nodes"].as_array().unwrap();

        let (order, item) = find(orders, |judged| judged["eligible"] == true);
        let asked = input(&order["id"], &item["id"], "k");
        let previewed = graph
            .query(token, PREVIEW, json!({ "input": asked["input"] }))
            .await;
        let made = graph.query(token, CREATE, asked.clone()).await;
        let payload = &made["data"]["returnCreate"]["return"];
        let total = &previewed["data"]["returnPreview"]["refund"]["total"];
        assert_eq!(&payload["refund"]["total"], total, "{layout:?}: {made:#}");
        assert_eq!(payload["refund"]["includesShipping"], true);
        assert_eq!(graph.query(token, CREATE, asked).await, made, "{layout:?}");

        let id = &payload["id"];
        let answer = labelled(&graph, token, id).await;
        let label = &answer["data"]["returnLabelGenerate"]["return"]["label"];
        let number = label["trackingNumber"].as_str().unwrap();
        assert_eq!(labelled(&graph, token, id).await, answer);
        let bought = third_parties.calls("POST", "/v2/shipments/*/buy").await;
        assert_eq!(bought.len(), 1, "{layout:?}");
        let file = reqwest::get(label["url"].as_str().unwrap()).await.unwrap();
        assert_eq!(file.headers()["content-type"], "application/pdf");
        let file = file.bytes().await.unwrap();
        assert!(file.starts_with(b"%PDF-"), "{layout:?}");
        let inches = b"MediaBox [0 0 288 432]";
        let is_4x6 = file.windows(inches.len()).any(|bytes| bytes == inches);
        assert!(is_4x6, "4 × 6 inches at 72 points per inch");

        let read =
            async || graph.query(token, RETURN, json!({ "id": id })).await["data"]["return"].take();
        third_parties.scan(number, "pickup").await;
        let issued = until_it(&read, |made| made["status"] == "REFUND_ISSUED").await;
        assert_eq!(issued["refundMethod"], "ORIGINAL_PAYMENT");
        let refunds = third_parties.refunds().await;
        assert_eq!(refunds.len(), 1, "{layout:?}");
        assert_eq!(&refunds[0]["metadata"]["reference"], id);

        third_parties.scan(number, "delivered").await;
        let completed = until_it(&read, |made| made["status"] == "COMPLETED").await;
        assert_eq!(completed["nextStep"], Value::Null);
        let timeline = completed["timeline"].as_array().unwrap();
        let events: Vec<_> = timeline.iter().map(|entry| &entry["event"]).collect();
        let expected = [
            "return_initiated",
            "label_generated",
            "carrier_scanned",
            "refund_issued",
            "completed",
        ];
        assert_eq!(events, expected, "{layout:?}");
        assert!(timeline.is_sorted_by_key(|entry| entry["timestamp"].as_str().unwrap()));
        let product = &item["product"];
        let in_stock = product["availableQuantity"].as_i64().unwrap() + 1;
        let after = async || graph.query(token, ORDERS, json!({})).await;
        until_it(&after, |account| {
            let orders = account["data"]["me"]["orders"]["nodes"].as_array().unwrap();
            let mut items = orders
                .iter()
                .flat_map(|order| order["items"].as_array().unwrap());
            let item = items.find(|other| other["product"]["id"] == product["id"]);
            item.unwrap()["product"]["availableQuantity"] == in_stock
        })
        .await;

        let (order, item) = find(orders, |judged| {
            judged["reasons"][0]["code"] == "PAST_RETURN_WINDOW"
        });
        let late = graph
            .query(token, CREATE, input(&order["id"], &item["id"], "late"))
            .await;
        let reason = &late["data"]["returnCreate"]["userErrors"][0]["reasons"][0];
        let time = |name: &str| {
            reason[name]
                .as_str()
                .unwrap()
                .parse::<DateTime<Utc>>()
                .unwrap()
        };
        assert_eq!(
            time("returnDeadline") - time("deliveryDate"),
            TimeDelta::days(30)
        );

        let foreign = foreign_item(&orders_database, &order["id"]).await;
        let order = json!(IdKind::Order.format(foreign.order_id));
        let item = json!(IdKind::OrderItem.format(foreign.id));
        let refused = graph
            .query(token, CREATE, input(&order, &item, "foreign"))
            .await;
        assert_eq!(
            refused["errors"][0]["extensions"]["code"], "FORBIDDEN",
            "{refused:#}"
        );
        close(orders_database).await;
        graph.stop().await;
    }
}

/// An order item of another customer.
async fn foreign_item(orders: &Database, own: &Value) -> order_item::Model {
    let own = IdKind::Order.parse(own.as_str().unwrap()).unwrap();
    let own = order::Entity::find_by_id(own).one(orders.read()).await;
    let customer = own.unwrap().unwrap().customer_id;
    let foreign = order::Entity::find()
        .filter(order::Column::CustomerId.ne(customer))
        .one(orders.read())
        .await;
    let foreign = foreign.unwrap().unwrap();
    order_item::Entity::find()
        .filter(order_item::Column::OrderId.eq(foreign.id))
        .one(orders.read())
        .await
        .unwrap()
        .unwrap()
}

async fn close(database: Database) {
    database.close().await;
}
