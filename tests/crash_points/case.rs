//! One customer's order, and what is asked about it. Whoever asks again asks the same, under the same keys.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use entities::insert_many;
use entities::orders::{customer, payment_method};
use platform::bus::{Event, EventBus};
use platform::caller::Caller;
use platform::testing::hmac_sha256;
use resolvers::id::IdKind;
use resolvers::testing::with_scope;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::fake_subgraphs::product;
use crate::process::{Process, WEBHOOK_SECRET};
use crate::world::World;

const PLACE: &str = "mutation($input: OrderPlaceInput!, $key: String!) {
    orderPlace(input: $input, idempotencyKey: $key) { order { id items { id } } }
}";

const CANCEL: &str = "mutation($id: ID!, $key: String!) {
    orderCancel(id: $id, idempotencyKey: $key) { order { id } userErrors { code } }
}";

const REGISTER: &str = "mutation($input: ShipmentRegisterInput!, $key: String!) {
    shipmentRegister(input: $input, idempotencyKey: $key) { shipment { id } userErrors { code } }
}";

const REFUND: &str = "mutation($input: OrderRefundInput!, $key: String!) {
    orderRefund(input: $input, idempotencyKey: $key) { refund { status } userErrors { code } }
}";

const RETURN: &str = "mutation($input: ReturnCreateInput!, $key: String!) {
    returnCreate(input: $input, idempotencyKey: $key) { return { id } userErrors { __typename } }
}";

const LABEL: &str = "mutation($id: ID!, $key: String!) {
    returnLabelGenerate(id: $id, idempotencyKey: $key) { return { label { trackingNumber } } userErrors { code } }
}";

/// How often somebody looks whether a label is there, and a webhook is sent.
const ATTEMPTS: usize = 5;

pub(crate) struct Case {
    pub(crate) customer: Uuid,
    caller: Caller,
    began: DateTime<Utc>,
    /// Differ from those of other cases, and are the same each time.
    shipped: Uuid,
    delivered: Uuid,
}

impl Case {
    /// A new customer.
    pub(crate) async fn begin(world: &World) -> Self {
        let (customer, began) = (Uuid::now_v7(), world.clock.now());
        let row = customer::Model {
            id: customer,
            email: format!("{customer}@example.com"),
            name: "Ada".to_owned(),
            created_at: began,
        };
        let db = world.orders.database.write();
        insert_many::<customer::Entity>(db, vec![row])
            .await
            .unwrap();
        Self {
            customer,
            caller: Caller::customer(IdKind::Customer.format(customer)),
            began,
            shipped: Uuid::now_v7(),
            delivered: Uuid::now_v7(),
        }
    }

    /// Places an order of two notebooks, and returns its public id and that of its line.
    pub(crate) async fn place(&self, process: &Process, card: &str) -> (String, String) {
        let input = json!({
            "items": [{ "productId": product(1), "quantity": 2 }],
            "shippingAddress": {
                "name": "Ada Lovelace", "line1": "500 Congress Ave", "city": "Austin", "region": "TX",
                "postalCode": "78701", "countryCode": "US",
            },
            "paymentMethodToken": card,
        });
        let variables = json!({ "input": input, "key": "place" });
        let asked = process.ask(&process.orders, &self.caller, PLACE, &variables);
        let placed = asked.await;
        process.work().await;
        let order = &placed["orderPlace"]["order"];
        (text(&order["id"]), text(&order["items"][0]["id"]))
    }

    pub(crate) async fn cancel(&self, process: &Process, order: &str) {
        let variables = json!({ "id": order, "key": "cancel" });
        let asked = process.ask(&process.orders, &self.caller, CANCEL, &variables);
        let cancelled = &asked.await["orderCancel"];
        assert_eq!(cancelled["userErrors"], json!([]));
        process.work().await;
    }

    /// The warehouse registers a parcel of the whole order, and the carrier delivers it.
    pub(crate) async fn ship(&self, process: &Process, order: &str) {
        let number = self.parcel();
        let input = json!({ "orderId": order, "carrier": "DHL", "trackingNumber": number });
        let warehouse = with_scope("warehouse", "fulfilment");
        let variables = json!({ "input": input, "key": order });
        let asked = process.ask(&process.orders, &warehouse, REGISTER, &variables);
        let registered = &asked.await["shipmentRegister"];
        assert_eq!(registered["userErrors"], json!([]));
        process.work().await;
        self.tracking_says(process, order, self.shipped, "shipped")
            .await;
        self.tracking_says(process, order, self.delivered, "delivered")
            .await;
    }

    fn parcel(&self) -> String {
        self.customer.simple().to_string().to_uppercase()
    }

    /// Publishes tracking's event until it is published.
    async fn tracking_says(&self, process: &Process, order: &str, id: Uuid, status: &str) {
        let event = Arc::new(Event {
            id,
            topic: "tracking.events".to_owned(),
            event_type: "tracking.status_changed".to_owned(),
            aggregate_id: order.to_owned(),
            sequence: if status == "shipped" { 1 } else { 2 },
            occurred_at: self.began,
            traceparent: None,
            data: json!({
                "version": 1, "orderId": order, "returnId": null, "carrier": "dhl",
                "trackingNumber": self.parcel(), "previousStatus": "label_created", "status": status,
                "allDelivered": status == "delivered", "timestamp": self.began,
            }),
        });
        while process.bus.publish(std::slice::from_ref(&event)).await[0].is_err() {}
        process.work().await;
    }

    /// The bank closes the customer's account.
    pub(crate) async fn close_payment_method(&self, process: &Process) {
        let closed = payment_method::Entity::update_many()
            .col_expr(payment_method::Column::ClosedAt, Expr::value(self.began))
            .filter(payment_method::Column::CustomerId.eq(self.customer))
            .exec(process.orders_state.database.write());
        assert_eq!(closed.await.unwrap().rows_affected, 1);
    }

    /// Support refunds five dollars.
    pub(crate) async fn refund(&self, process: &Process, order: &str) {
        let input = json!({
            "orderId": order, "amount": { "amount": "5.00", "currency": "USD" }, "note": "late",
        });
        let support = with_scope("agent", "support");
        let variables = json!({ "input": input, "key": order });
        let asked = process.ask(&process.orders, &support, REFUND, &variables);
        let refunded = &asked.await["orderRefund"];
        assert_eq!(refunded["userErrors"], json!([]));
        process.work().await;
    }

    /// Returns one of the two notebooks, and answers the tracking number of its label.
    pub(crate) async fn send_back(&self, process: &Process, order: &(String, String)) -> String {
        let id = self.create_return(process, order).await;
        self.label(process, &id).await
    }

    /// Answers the public id of the new return.
    async fn create_return(&self, process: &Process, order: &(String, String)) -> String {
        let input = json!({
            "orderId": order.0,
            "items": [{
                "orderItemId": order.1, "quantity": 1, "condition": "UNOPENED", "reasonCode": "changed_mind",
            }],
        });
        let variables = json!({ "input": input, "key": "return" });
        let asked = process.ask(&process.returns, &self.caller, RETURN, &variables);
        let created = &asked.await["returnCreate"];
        assert_eq!(created["userErrors"], json!([]));
        process.work().await;
        text(&created["return"]["id"])
    }

    /// The tracking number of the return's label.
    async fn label(&self, process: &Process, id: &str) -> String {
        let variables = json!({ "id": id, "key": "label" });
        for _ in 0..ATTEMPTS {
            let asked = process.ask(&process.returns, &self.caller, LABEL, &variables);
            let labelled = &asked.await["returnLabelGenerate"];
            assert_eq!(labelled["userErrors"], json!([]));
            process.work().await;
            let number = &labelled["return"]["label"]["trackingNumber"];
            if number.is_string() {
                return text(number);
            }
            process.clock.advance(TimeDelta::seconds(10));
            process.work().await;
        }
        panic!("there is no label");
    }

    /// EasyPost sends the carrier's scan until it is accepted.
    pub(crate) async fn scan(&self, process: &Process, number: &str, status: &str) {
        let scan = json!({ "object": "TrackingDetail", "status": status, "datetime": self.began });
        let body = json!({
            "id": format!("evt_{status}_{number}"), "object": "Event", "description": "tracker.updated",
            "result": {
                "object": "Tracker", "tracking_code": number, "status": status, "updated_at": self.began,
                "tracking_details": [scan],
            },
        })
        .to_string();
        let signature = hmac_sha256(WEBHOOK_SECRET, &[body.as_bytes()]);
        let mut status = StatusCode::OK;
        for _ in 0..ATTEMPTS {
            let request = Request::post("/webhooks/easypost")
                .header("x-hmac-signature", format!("hmac-sha256-hex={signature}"))
                .body(Body::from(body.clone()))
                .unwrap();
            let routes = returns::routes(process.returns_state.clone());
            status = routes.oneshot(request).await.unwrap().status();
            if status.is_success() {
                break;
            }
        }
        assert_eq!(status, StatusCode::OK);
        process.work().await;
    }
}

fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("not a text: {value}"))
        .to_owned()
}
