//! Orders that wait for a person: each is in the queue, and each has a way out; and refunds by support.

use axum::http::StatusCode;
use chrono::Duration;
use entities::orders::order_decision;
use futures::future::join_all;
use resolvers::testing::{code, execute, execute_as, with_scope};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::checkout::input;
use crate::fake_stripe::WORKS;
use crate::fixture::{Shop, now, order, shops};
use crate::invariants::violations;
use crate::webhooks::event;

const REFUND: &str = "mutation($input: OrderRefundInput!, $key: String!) {
  orderRefund(input: $input, idempotencyKey: $key) {
    order { id } refund { amount { amount currency } status } userErrors { code message }
  }
}";

const DECIDE: &str = "mutation($input: OrderReviewInput!, $key: String!) {
  orderReviewDecide(input: $input, idempotencyKey: $key) {
    order { id status review { isOpen allowedDecisions } } userErrors { code message }
  }
}";

const ORDERS: &str = "query($status: [OrderStatus!], $needsAttention: Boolean, $first: Int, $after: String) {
  supportOrders(status: $status, needsAttention: $needsAttention, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { id status customer { email } review { reason isOpen allowedDecisions } decisions { decision actor note } }
  }
}";

impl Shop {
    async fn support(&self, document: &str, variables: Value) -> Value {
        let caller = with_scope("agent-1", "support");
        let mut answer = execute_as(&self.subgraph, caller, document, variables).await;
        assert_eq!(answer["errors"], Value::Null, "{answer}");
        answer["data"].take()
    }

    /// The reasons in the queue, in its order.
    pub(crate) async fn queue(&self) -> Vec<String> {
        orders::workers::review(&self.state).await.unwrap();
        let data = self
            .support(ORDERS, json!({ "needsAttention": true }))
            .await;
        let nodes = data["supportOrders"]["nodes"].as_array().unwrap();
        let reason = |node: &Value| node["review"]["reason"].as_str().unwrap().to_owned();
        nodes.iter().map(reason).collect()
    }

    pub(crate) async fn refund(&self, id: &Value, amount: Option<&str>, key: &str) -> Value {
        let amount = amount.map(|amount| json!({ "amount": amount, "currency": "EUR" }));
        let input = json!({ "orderId": id, "amount": amount, "note": "late" });
        let data = self
            .support(REFUND, json!({ "input": input, "key": key }))
            .await;
        data["orderRefund"].clone()
    }

    pub(crate) async fn decide(&self, id: &Value, decision: &str) -> Value {
        let input = json!({ "orderId": id, "decision": decision, "note": "as agreed" });
        let key = Uuid::now_v7().to_string();
        let data = self
            .support(DECIDE, json!({ "input": input, "key": key }))
            .await;
        data["orderReviewDecide"].clone()
    }

    pub(crate) async fn decided(&self, id: &Value, decision: &str) {
        let payload = self.decide(id, decision).await;
        assert_eq!(payload["userErrors"], json!([]), "{decision}");
    }

    /// What was refunded at the provider.
    fn given_back(&self) -> Vec<i64> {
        let refunds = self.stripe.refunds().into_iter();
        refunds
            .map(|made| made["amount"].as_i64().unwrap())
            .collect()
    }
}

#[tokio::test]
async fn support_refunds_exactly_once_and_within_what_was_captured() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        let total = shop.stripe.intents()[0]["amount"].as_i64().unwrap();
        let first = shop.refund(id, Some("5.00"), "a").await;
        assert_eq!(first["userErrors"], json!([]), "{first}");
        let expected =
            json!({ "amount": { "amount": "5.00", "currency": "EUR" }, "status": "REQUESTED" });
        assert_eq!(first["refund"], expected);
        // The answers are lost, then the task runs again.
        shop.stripe.lose("/refunds", 3);
        shop.work_after(Duration::seconds(1)).await;
        shop.work_after(Duration::minutes(10)).await;
        shop.work_after(Duration::minutes(10)).await;
        assert_eq!(shop.given_back(), [500], "{}", shop.scratch.name);
        let again = shop.refund(id, Some("5.00"), "a").await;
        assert_eq!(again["refund"]["status"], "ISSUED", "{again}");

        let too_much = format!("{}.{:02}", (total - 499) / 100, (total - 499) % 100);
        for (amount, key, expected) in [
            (too_much.as_str(), "b", "REFUND_TOO_HIGH"),
            ("0", "c", "INVALID_AMOUNT"),
            ("-5.00", "d", "INVALID_AMOUNT"),
            ("5.001", "e", "INVALID_AMOUNT"),
        ] {
            let refused = shop.refund(id, Some(amount), key).await;
            assert_eq!(refused["userErrors"][0]["code"], expected, "{refused}");
        }
        // Of several at once that would be too much together, some are refused.
        let rest = shop.refund(id, None, "rest");
        let other = shop.refund(id, None, "other");
        let payloads = join_all([rest, other]).await;
        let refused = payloads
            .iter()
            .filter(|payload| payload["userErrors"] != json!([]));
        assert_eq!(refused.count(), 1, "{payloads:?}");
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.given_back().iter().sum::<i64>(), total);
        let nothing_left = shop.refund(id, None, "more").await;
        assert_eq!(nothing_left["userErrors"][0]["code"], "REFUND_TOO_HIGH");

        let own = "query($id: ID!) { order(id: $id) { refunds { amount { amount } status } } }";
        let seen = shop.ada_asks(own, json!({ "id": id })).await;
        let refunds = seen["order"]["refunds"].as_array().unwrap();
        assert_eq!(refunds.len(), 2);
        assert!(refunds.iter().all(|refund| refund["status"] == "ISSUED"));
        let made = order_decision::Entity::find().order_by_asc(order_decision::Column::Id);
        let made = made.all(shop.scratch.database.read()).await.unwrap();
        assert_eq!(made.len(), 2);
        assert!(
            made.iter()
                .all(|made| made.actor == "agent-1" && made.note == "late")
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_refund_that_the_provider_refuses_is_for_a_person_again() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        let early = shop.decide(id, "RESOLVE").await;
        assert_eq!(early["userErrors"][0]["code"], "NOT_IN_REVIEW");
        assert_eq!(shop.refund(id, None, "a").await["userErrors"], json!([]));
        // Somebody refunds at the provider before the task runs.
        let total = shop.stripe.intents()[0]["amount"].as_i64().unwrap();
        shop.stripe.give_back("pi_1", total);
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.given_back(), [total]);
        assert_eq!(shop.queue().await, ["REFUND_REFUSED"]);
        shop.decided(id, "WAIT").await;
        assert_eq!(shop.queue().await, ["REFUND_REFUSED"]);
        shop.decided(id, "RESOLVE").await;
        assert_eq!(shop.queue().await, [""; 0]);
        let late = shop.decide(id, "RESOLVE").await;
        assert_eq!(late["userErrors"][0]["code"], "ALREADY_DECIDED");
        let message = late["userErrors"][0]["message"].as_str().unwrap();
        assert!(
            message.starts_with("agent-1 decided RESOLVE at "),
            "{message}"
        );
        shop.scratch.drop().await;
    }
}

impl Shop {
    /// The statuses of the order's refunds by support.
    async fn refund_statuses(&self, id: &Value) -> Value {
        let document = "query($id: ID!) { order(id: $id) { refunds { status } } }";
        let data = self.ada_asks(document, json!({ "id": id })).await;
        let refunds = data["order"]["refunds"].as_array().unwrap().iter();
        refunds.map(|refund| refund["status"].clone()).collect()
    }
}

#[tokio::test]
async fn a_refund_that_the_bank_sends_back_is_refused_however_often_and_late_it_is_told() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        shop.refund(id, None, "a").await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.refund_statuses(id).await, json!(["ISSUED"]));
        let issued = shop.stripe.refunds()[0].clone();
        let refused = shop.stripe.send_back("re_1");
        shop.clock.advance(Duration::seconds(1));
        for (number, (kind, refund)) in [
            ("charge.refund.updated", &refused),
            ("refund.failed", &refused),
            // From before.
            ("refund.created", &issued),
        ]
        .into_iter()
        .enumerate()
        {
            let event = event(&format!("evt_{number}"), kind, refund);
            for _ in 0..2 {
                assert_eq!(shop.tell(&event).await, StatusCode::OK);
            }
            assert_eq!(shop.refund_statuses(id).await, json!(["REFUSED"]), "{kind}");
        }
        shop.work_after(Duration::days(40)).await;
        assert_eq!(shop.refund_statuses(id).await, json!(["REFUSED"]));
        let story =
            "CONFIRMED: order.placed, order.confirmed, order.refunded, order.refund_refused";
        assert_eq!(shop.story(id).await, story, "{}", shop.scratch.name);
        let last = shop.published().await.pop().unwrap();
        assert_eq!(last.event_type, "order.refund_refused");
        let total = shop.stripe.intents()[0]["amount"].as_i64().unwrap();
        let amount = format!("{}.{:02}", total / 100, total % 100);
        let expected = json!({ "amount": amount, "currency": "EUR" });
        assert_eq!(last.data["refused"], expected);
        assert_eq!(violations(&shop).await, [], "{}", shop.scratch.name);

        // Asking about the payment would not give the money back; another refund does.
        assert_eq!(shop.queue().await, ["REFUND_REFUSED"]);
        let retried = shop.decide(id, "RETRY_PAYMENT").await;
        assert_eq!(retried["userErrors"][0]["code"], "DECISION_NOT_POSSIBLE");
        assert_eq!(shop.refund(id, None, "b").await["userErrors"], json!([]));
        shop.work_after(Duration::seconds(1)).await;
        let expected = json!(["REFUSED", "ISSUED"]);
        assert_eq!(shop.refund_statuses(id).await, expected);
        shop.decided(id, "RESOLVE").await;
        assert_eq!(shop.queue().await, [""; 0]);
        assert_eq!(violations(&shop).await, [], "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_refund_that_the_bank_sends_back_is_found_without_a_webhook() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        shop.refund(id, None, "a").await;
        shop.work_after(Duration::seconds(1)).await;
        shop.work_after(Duration::days(2)).await;
        assert_eq!(shop.refund_statuses(id).await, json!(["ISSUED"]));
        shop.stripe.send_back("re_1");
        shop.work_after(Duration::days(5)).await;
        assert_eq!(shop.refund_statuses(id).await, json!(["REFUSED"]));
        assert_eq!(shop.queue().await, ["REFUND_REFUSED"]);
        assert_eq!(shop.tasks().await, [], "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn the_refused_refund_of_a_cancelled_order_is_made_again() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        shop.cancel(id, "c").await;
        shop.work_after(Duration::seconds(1)).await;
        let refused = shop.stripe.send_back("re_1");
        shop.clock.advance(Duration::seconds(1));
        let event = event("evt_1", "refund.failed", &refused);
        assert_eq!(shop.tell(&event).await, StatusCode::OK);
        assert_eq!(shop.queue().await, ["REFUND_REFUSED"]);
        shop.decided(id, "RETRY_PAYMENT").await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.given_back().len(), 2, "{}", shop.scratch.name);
        assert_eq!(shop.payment().await.refund_id.as_deref(), Some("re_2"));
        let story = "CANCELLED: order.placed, order.confirmed, order.cancelled, order.refunded, \
                     order.refund_refused, order.refunded";
        assert_eq!(shop.story(id).await, story);
        assert_eq!(shop.queue().await, [""; 0]);
        assert_eq!(violations(&shop).await, [], "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn orders_whose_payment_needs_a_person_are_in_the_queue_and_have_a_way_out() {
    for shop in shops().await {
        // Another amount was charged.
        let placed = shop
            .place(&input(crate::fake_stripe::NEEDS_ACTION), "k")
            .await;
        let id = &placed["order"]["id"];
        let amount = shop.stripe.intents()[0]["amount"].as_i64().unwrap();
        shop.stripe.capture("pi_1", amount - 1, "eur");
        shop.work_after(Duration::minutes(6)).await;
        assert_eq!(shop.queue().await, ["PAYMENT_MISMATCH"]);
        let refused = shop.decide(id, "RESOLVE").await;
        assert_eq!(refused["userErrors"][0]["code"], "DECISION_NOT_POSSIBLE");
        // Asking again changes nothing.
        shop.decided(id, "RETRY_PAYMENT").await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.queue().await, ["PAYMENT_MISMATCH"]);
        let decisions = ["CANCEL", "WAIT", "CANCEL", "CANCEL"];
        let payloads = join_all(decisions.map(|decision| shop.decide(id, decision))).await;
        let cancelled = payloads
            .iter()
            .filter(|payload| payload["order"]["status"] == "CANCELLED");
        assert_eq!(cancelled.count(), 1, "{payloads:?}");
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.given_back(), [amount - 1]);
        assert_eq!(shop.queue().await, [""; 0]);
        let story = shop.story(id).await;
        assert_eq!(
            story,
            "CANCELLED: order.placed, order.cancelled, order.refunded"
        );

        // The provider does not answer for hours.
        let placed = shop.place(&input(WORKS), "second").await;
        let id = &placed["order"]["id"];
        shop.cancel(id, "c").await;
        shop.clock.advance(Duration::hours(2));
        assert_eq!(shop.queue().await, ["PAYMENT_IN_DOUBT"]);
        shop.decided(id, "RETRY_PAYMENT").await;
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.queue().await, [""; 0]);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_order_with_a_parcel_is_not_cancelled_and_gives_no_stock_back() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        let stock = shop.stock_of(1).await;
        // A refund that the provider refuses, so that the order waits for a person.
        shop.refund(id, None, "a").await;
        let total = shop.stripe.intents()[0]["amount"].as_i64().unwrap();
        shop.stripe.give_back("pi_1", total);
        shop.work_after(Duration::seconds(1)).await;
        assert_eq!(shop.queue().await, ["REFUND_REFUSED"]);
        let allowed = async || {
            let queued = json!({ "needsAttention": true });
            let data = shop.support(ORDERS, queued).await;
            data["supportOrders"]["nodes"][0]["review"]["allowedDecisions"].clone()
        };
        assert_eq!(allowed().await, json!(["CANCEL", "RESOLVE", "WAIT"]));
        let parcel = json!({ "orderId": id, "carrier": "DHL", "trackingNumber": "DHL1" });
        let registered = shop.register(&parcel, "p").await;
        assert_eq!(registered["userErrors"], json!([]));
        assert_eq!(allowed().await, json!(["RESOLVE", "WAIT"]));
        let refused = shop.decide(id, "CANCEL").await;
        assert_eq!(refused["userErrors"][0]["code"], "DECISION_NOT_POSSIBLE");
        let story = shop.story(id).await;
        assert!(story.starts_with("CONFIRMED: "), "{story}");
        assert_eq!(shop.stock_of(1).await, stock, "{}", shop.scratch.name);
        shop.decided(id, "RESOLVE").await;
        assert_eq!(shop.queue().await, [""; 0]);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn orders_that_wait_for_a_day_are_reported() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        shop.cancel(&placed["order"]["id"], "c").await;
        shop.clock.advance(Duration::hours(2));
        assert_eq!(shop.queue().await, ["PAYMENT_IN_DOUBT"]);
        let reported = async || {
            let events = shop.published().await.into_iter();
            events
                .filter(|event| event.event_type == "order.review_overdue")
                .count()
        };
        assert_eq!(reported().await, 0);
        for day in 1..=2 {
            shop.clock.advance(Duration::hours(25));
            orders::workers::review(&shop.state).await.unwrap();
            orders::workers::review(&shop.state).await.unwrap();
            assert_eq!(reported().await, day);
        }
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn only_support_sees_the_orders_of_all_customers() {
    for shop in shops().await {
        let placed = |hours: i64| now() - Duration::hours(hours);
        shop.stock(
            (1..=5)
                .map(|number| {
                    let customer = if number % 2 == 0 { shop.ada } else { shop.bob };
                    order(number, customer, placed(i64::try_from(number).unwrap()))
                })
                .collect(),
        )
        .await;
        let mut seen = Vec::new();
        let mut after = Value::Null;
        loop {
            let data = shop
                .support(ORDERS, json!({ "first": 2, "after": after }))
                .await;
            let page = &data["supportOrders"];
            assert_eq!(page["totalCount"], 5);
            let nodes = page["nodes"].as_array().unwrap();
            seen.extend(
                nodes
                    .iter()
                    .map(|node| node["customer"]["email"].as_str().unwrap().to_owned()),
            );
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!(seen.len(), 5);
        assert_eq!(seen[0], "bob@example.com");
        let of_status = shop
            .support(ORDERS, json!({ "status": ["DELIVERED"] }))
            .await;
        assert_eq!(of_status["supportOrders"]["totalCount"], 0);

        for caller in [Some(shop.ada), None] {
            let expected = match caller {
                Some(_) => "FORBIDDEN",
                None => "UNAUTHENTICATED",
            };
            let answer = execute(&shop.subgraph, caller, ORDERS, json!({})).await;
            assert_eq!(code(&answer), expected);
            let input = json!({ "orderId": crate::fixture::ord(2), "note": "mine" });
            let answer = execute(
                &shop.subgraph,
                caller,
                REFUND,
                json!({ "input": input, "key": "k" }),
            )
            .await;
            assert_eq!(code(&answer), expected);
        }
        let own =
            "query($id: ID!) { order(id: $id) { status review { reason } decisions { note } } }";
        let variables = json!({ "id": crate::fixture::ord(2) });
        let answer = execute(&shop.subgraph, Some(shop.ada), own, variables.clone()).await;
        assert_eq!(code(&answer), "FORBIDDEN");
        let expected = json!({ "status": "CONFIRMED", "review": null, "decisions": null });
        assert_eq!(answer["data"]["order"], expected);
        let data = shop.support(own, variables).await;
        assert_eq!(data["order"]["decisions"], json!([]));
        shop.scratch.drop().await;
    }
}
