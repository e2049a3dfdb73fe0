//! Parcels of orders: registered by the warehouse, in parts, and followed until everything has arrived.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use chrono::{DateTime, Duration, Utc};
use entities::orders::order::OrderStatus;
use entities::orders::order_refund::{self, OrderRefundState};
use orders::workers::subscribers;
use platform::bus::Event;
use platform::caller::Caller;
use platform::testing::hmac_sha256;
use resolvers::id::IdKind;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::fixture::{
    FULFILMENT_SECRET, PREVIOUS_FULFILMENT_SECRET, Shop, item, now, ord, order, shops,
};

const REGISTER: &str = "mutation($input: ShipmentRegisterInput!, $key: String!) {
    shipmentRegister(input: $input, idempotencyKey: $key) {
        order { id status allowedActions } shipment { id } userErrors { code field }
    }
}";

pub(crate) fn parcel(number: &str, lines: Value) -> Value {
    let mut input = json!({ "orderId": ord(1), "carrier": "DHL", "trackingNumber": number });
    if !lines.is_null() {
        input["lines"] = lines;
    }
    input
}

pub(crate) fn line(number: u128, quantity: i32) -> Value {
    let item = Uuid::from_u128(item(1).as_u128() + number);
    json!({ "orderItemId": IdKind::OrderItem.format(item), "quantity": quantity })
}

impl Shop {
    async fn register_as(&self, scope: &str, input: &Value, key: &str) -> Value {
        let mut caller = Caller::customer(IdKind::Customer.format(self.bob));
        caller.scopes = [scope.to_owned()].into_iter().collect();
        let variables = json!({ "input": input, "key": key });
        let request = async_graphql::Request::new(REGISTER)
            .variables(async_graphql::Variables::from_json(variables));
        serde_json::to_value(self.subgraph.execute(request, caller).await).unwrap()
    }

    pub(crate) async fn register(&self, input: &Value, key: &str) -> Value {
        let mut answer = self.register_as("fulfilment", input, key).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"]["shipmentRegister"].take()
    }

    async fn webhook(&self, body: &Value, secret: &str) -> (StatusCode, String) {
        let body = body.to_string().into_bytes();
        let signature = hmac_sha256(secret, &[&body]);
        let request = Request::post("/webhooks/fulfilment")
            .header("x-hmac-signature", format!("hmac-sha256-hex={signature}"))
            .body(Body::from(body));
        let answer = orders::routes(self.state.clone())
            .oneshot(request.unwrap())
            .await;
        let (parts, body) = answer.unwrap().into_parts();
        let body = to_bytes(body, 1_000).await.unwrap();
        (parts.status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Handles tracking's event about the parcel with this number.
    pub(crate) async fn carrier_says(&self, number: &str, status: &str, at: DateTime<Utc>) {
        self.tracking_says("tracking.status_changed", number, status, at)
            .await;
    }

    pub(crate) async fn tracking_says(
        &self,
        kind: &str,
        number: &str,
        status: &str,
        at: DateTime<Utc>,
    ) {
        let data = json!({
            "version": 1, "orderId": ord(1), "returnId": null, "carrier": "dhl",
            "trackingNumber": number, "previousStatus": "in_transit", "status": status,
            // As far as tracking knows; the order decides.
            "allDelivered": status == "delivered", "timestamp": at,
        });
        self.tracking_publishes(kind, data).await;
    }

    /// Handles tracking's events about a parcel of this order that its sender has again.
    pub(crate) async fn comes_back(&self, order: &Value, carrier: &str, number: &str) {
        for kind in ["tracking.status_changed", "tracking.returned_to_sender"] {
            let data = json!({
                "version": 1, "orderId": order, "returnId": null, "carrier": carrier,
                "trackingNumber": number, "previousStatus": "in_transit", "status": "returning",
                "allDelivered": false, "timestamp": now(),
            });
            self.tracking_publishes(kind, data).await;
        }
    }

    async fn tracking_publishes(&self, kind: &str, data: Value) {
        let event = Event {
            id: Uuid::now_v7(),
            topic: "tracking.events".to_owned(),
            event_type: kind.to_owned(),
            aggregate_id: data["orderId"].as_str().unwrap().to_owned(),
            sequence: 1,
            occurred_at: now(),
            data,
            traceparent: None,
        };
        for subscriber in subscribers(&self.state) {
            let transaction = self.state.database.begin().await.unwrap();
            let handled = subscriber.handler.handle(&transaction, &event, now());
            handled.await.unwrap();
            transaction.commit().await.unwrap();
        }
    }

    async fn order_is(&self, status: &str, delivered_at: Option<&str>) {
        let document = "query($id: ID!) { order(id: $id) { status deliveredAt } }";
        let data = self.ada_asks(document, json!({ "id": ord(1) })).await;
        let expected = json!({ "status": status, "deliveredAt": delivered_at });
        assert_eq!(data["order"], expected, "{}", self.scratch.name);
    }
}

#[tokio::test]
async fn an_order_sent_in_two_parcels_is_delivered_when_both_have_arrived() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now() - Duration::days(3))])
            .await;
        let first = parcel("dhl 1", json!([line(0, 1)]));
        let registered = shop.register(&first, "a").await;
        assert_eq!(registered["userErrors"], json!([]));
        assert_eq!(registered["order"]["status"], "CONFIRMED");
        assert_eq!(registered["order"]["allowedActions"], json!(["REORDER"]));
        // Repeats change nothing, whatever their key.
        assert_eq!(shop.register(&first, "a").await, registered);
        assert_eq!(shop.register(&first, "b").await, registered);

        let early = now() - Duration::hours(5);
        shop.carrier_says("DHL1", "shipped", early).await;
        shop.order_is("SHIPPED", None).await;
        shop.carrier_says("DHL1", "delivered", now() - Duration::hours(1))
            .await;
        shop.order_is("SHIPPED", None).await;

        // All that is left.
        let rest = shop.register(&parcel("DHL2", Value::Null), "c").await;
        assert_eq!(rest["userErrors"], json!([]));
        shop.order_is("SHIPPED", None).await;
        shop.carrier_says("DHL2", "delivered", now() - Duration::hours(2))
            .await;
        shop.order_is("DELIVERED", Some("2025-10-09T13:30:00.000Z"))
            .await;

        let registered = shop.published().await;
        let lines: Vec<_> = registered
            .iter()
            .filter(|event| event.event_type == "shipment.registered")
            .map(|event| (&event.data["lines"], &event.data["isComplete"]))
            .collect();
        let (all_of_first, rest) = (json!([line(0, 1)]), json!([line(0, 1), line(1, 1)]));
        assert_eq!(
            lines,
            [(&all_of_first, &json!(false)), (&rest, &json!(true))]
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn parcels_that_cannot_be_are_refused_by_code() {
    for shop in shops().await {
        let cancelled = entities::orders::order::Model {
            status: OrderStatus::Cancelled,
            ..order(2, shop.ada, now())
        };
        let pending = entities::orders::order::Model {
            status: OrderStatus::Pending,
            ..order(3, shop.ada, now())
        };
        shop.stock(vec![order(1, shop.ada, now()), cancelled, pending])
            .await;
        let with = |key: &str, value: Value| {
            let mut input = parcel("X1", Value::Null);
            input[key] = value;
            input
        };
        let cases = [
            (with("orderId", json!("ord_1")), "INVALID_ID"),
            (with("orderId", json!(ord(404))), "ORDER_NOT_FOUND"),
            (with("orderId", json!(ord(2))), "ORDER_NOT_SHIPPABLE"),
            (with("orderId", json!(ord(3))), "ORDER_NOT_SHIPPABLE"),
            (
                with("trackingNumber", json!(" ")),
                "INVALID_TRACKING_NUMBER",
            ),
            (
                with("trackingNumber", json!("a/b")),
                "INVALID_TRACKING_NUMBER",
            ),
            (with("lines", json!([])), "INVALID_ITEMS"),
            (
                with("lines", json!([line(0, 3)])),
                "QUANTITY_EXCEEDS_ORDERED",
            ),
            (with("lines", json!([line(0, 0)])), "INVALID_QUANTITY"),
            (with("lines", json!([line(7, 1)])), "NOT_OF_THIS_ORDER"),
        ];
        for (input, code) in &cases {
            let answer = shop.register(input, "k").await;
            assert_eq!(answer["userErrors"][0]["code"], *code, "{input}");
            assert_eq!(answer["order"], Value::Null);
        }
        shop.register(&parcel("X1", json!([line(0, 1)])), "first")
            .await;
        let other = shop
            .register(&parcel("X1", json!([line(0, 2)])), "other")
            .await;
        assert_eq!(other["userErrors"][0]["code"], "TRACKING_NUMBER_IN_USE");
        shop.stock(vec![order(4, shop.ada, now())]).await;
        let other = shop.register(&with("orderId", json!(ord(4))), "of 4").await;
        assert_eq!(other["userErrors"][0]["code"], "TRACKING_NUMBER_IN_USE");
        shop.register(&parcel("X2", Value::Null), "rest").await;
        let more = shop.register(&parcel("X3", Value::Null), "more").await;
        assert_eq!(more["userErrors"][0]["code"], "NOTHING_LEFT_TO_SHIP");
        let cancel = "mutation($id: ID!) { orderCancel(id: $id, idempotencyKey: \"c\") { userErrors { code } } }";
        let refused = shop.ada_asks(cancel, json!({ "id": ord(1) })).await;
        let refused = &refused["orderCancel"]["userErrors"][0]["code"];
        assert_eq!(refused, "ORDER_NOT_CANCELLABLE");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn only_the_warehouse_and_support_may_register_parcels() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now())]).await;
        let input = parcel("X1", Value::Null);
        let refused = shop.register_as("merchandising", &input, "k").await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN");
        let registered = shop.register_as("support", &input, "k").await;
        assert_eq!(
            registered["data"]["shipmentRegister"]["userErrors"],
            json!([])
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_warehouses_webhook_registers_parcels_with_either_secret_and_once() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now())]).await;
        let first = parcel("W1", json!([line(0, 1)]));
        let (status, _) = shop.webhook(&first, "somebody else's").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        for secret in [FULFILMENT_SECRET, PREVIOUS_FULFILMENT_SECRET] {
            let (status, _) = shop.webhook(&first, secret).await;
            assert_eq!(status, StatusCode::OK);
        }
        let too_many = parcel("W2", json!([line(0, 2)]));
        let (status, text) = shop.webhook(&too_many, FULFILMENT_SECRET).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text.starts_with("QUANTITY_EXCEEDS_ORDERED: 1 "), "{text}");
        for broken in [json!({}), json!([]), json!({ "orderId": 1 }), {
            let mut pigeon = parcel("W3", Value::Null);
            pigeon["carrier"] = json!("pigeon");
            pigeon
        }] {
            let (status, _) = shop.webhook(&broken, FULFILMENT_SECRET).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{broken}");
        }
        let published = shop.published().await;
        assert_eq!(published.len(), 1, "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_parcel_that_came_back_is_told_to_support_and_the_order_is_not_delivered() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now())]).await;
        shop.register(&parcel("DHL1", json!([line(0, 2)])), "a")
            .await;
        shop.register(&parcel("DHL2", Value::Null), "b").await;
        shop.carrier_says("DHL1", "delivered", now()).await;
        shop.carrier_says("DHL2", "returning", now()).await;
        shop.tracking_says("tracking.returned_to_sender", "DHL2", "returning", now())
            .await;
        shop.order_is("SHIPPED", None).await;
        let alerts: Vec<_> = shop
            .published()
            .await
            .into_iter()
            .filter(|event| event.event_type == "order.parcel_alert")
            .map(|event| event.data)
            .collect();
        assert_eq!(alerts.len(), 1, "{}", shop.scratch.name);
        assert_eq!(alerts[0]["reason"], "returned_to_sender");
        assert_eq!(alerts[0]["trackingNumber"], "DHL2");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn units_that_came_back_are_sent_again_and_the_order_is_delivered_with_them() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now() - Duration::days(3))])
            .await;
        shop.register(&parcel("DHL1", json!([line(0, 1)])), "a")
            .await;
        shop.register(&parcel("DHL2", Value::Null), "b").await;
        shop.carrier_says("DHL1", "shipped", now()).await;
        shop.comes_back(&json!(ord(1)), "dhl", "DHL1").await;
        shop.carrier_says("DHL2", "delivered", now() - Duration::hours(2))
            .await;
        shop.order_is("SHIPPED", None).await;

        let too_many = parcel("DHL3", json!([line(0, 2)]));
        let too_many = shop.register(&too_many, "c").await;
        assert_eq!(
            too_many["userErrors"][0]["code"],
            "QUANTITY_EXCEEDS_ORDERED"
        );
        let again = shop.register(&parcel("DHL3", Value::Null), "d").await;
        assert_eq!(again["userErrors"], json!([]));
        let more = shop.register(&parcel("DHL4", Value::Null), "e").await;
        assert_eq!(more["userErrors"][0]["code"], "NOTHING_LEFT_TO_SHIP");
        let mut registered = shop.published().await;
        registered.retain(|event| event.event_type == "shipment.registered");
        let last = registered.pop().unwrap().data;
        assert_eq!(last["lines"], json!([line(0, 1)]), "{}", shop.scratch.name);
        assert_eq!(last["isComplete"], true);

        shop.carrier_says("DHL2", "delivered", now() - Duration::hours(2))
            .await;
        shop.order_is("SHIPPED", None).await;
        shop.carrier_says("DHL3", "delivered", now() - Duration::hours(1))
            .await;
        shop.order_is("DELIVERED", Some("2025-10-09T13:30:00.000Z"))
            .await;
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_order_is_delivered_without_what_came_back_once_that_is_refunded() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now() - Duration::days(3))])
            .await;
        let id = json!(ord(1));
        shop.register(&parcel("DHL1", json!([line(0, 1)])), "a")
            .await;
        shop.register(&parcel("DHL2", Value::Null), "b").await;
        shop.carrier_says("DHL2", "delivered", now() - Duration::hours(1))
            .await;
        // One of the two units costs 1,000 and 100 of tax.
        for (number, amount, state, expected) in [
            (1, 5_000, OrderRefundState::Refused, "SHIPPED"),
            (2, 1_099, OrderRefundState::Issued, "SHIPPED"),
            (3, 1, OrderRefundState::Requested, "DELIVERED"),
        ] {
            shop.comes_back(&id, "dhl", "DHL1").await;
            let refund = order_refund::Model {
                id: Uuid::from_u128(number),
                order_id: Uuid::from_u128(1),
                amount,
                state,
                provider_id: None,
                failure: None,
                requested_at: now(),
                settled_at: None,
            };
            let db = shop.scratch.database.write();
            order_refund::insert(db, refund).await.unwrap();
            shop.decided(&id, "RESOLVE").await;
            let delivered = (expected == "DELIVERED").then_some("2025-10-09T13:30:00.000Z");
            shop.order_is(expected, delivered).await;
        }
        assert_eq!(shop.queue().await, [""; 0]);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_first_scan_of_a_cancelled_orders_parcel_is_told_to_support_once() {
    for shop in shops().await {
        shop.stock(vec![entities::orders::order::Model {
            status: OrderStatus::Cancelled,
            ..order(1, shop.ada, now())
        }])
        .await;
        let row = entities::orders::order_parcel::Model {
            id: Uuid::from_u128(9),
            order_id: Uuid::from_u128(1),
            carrier: "dhl".to_owned(),
            tracking_number: "DHL1".to_owned(),
            registered_by: "warehouse".to_owned(),
            registered_at: now(),
            shipped_at: None,
            delivered_at: None,
            returned_at: None,
        };
        let db = shop.scratch.database.write();
        entities::orders::order_parcel::insert(db, row, Vec::new())
            .await
            .unwrap();
        for status in ["shipped", "in_transit", "delivered"] {
            shop.carrier_says("DHL1", status, now()).await;
        }
        let published = shop.published().await;
        let reasons: Vec<_> = published
            .iter()
            .filter(|event| event.event_type == "order.parcel_alert")
            .map(|event| &event.data["reason"])
            .collect();
        assert_eq!(
            reasons,
            ["sent_after_cancellation"],
            "{}",
            shop.scratch.name
        );
        shop.scratch.drop().await;
    }
}
