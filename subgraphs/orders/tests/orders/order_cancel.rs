//! `orderCancel`: who may cancel, until when, and what is refunded.

use chrono::Duration;
use entities::orders::order::OrderStatus;
use resolvers::testing::code;
use serde_json::{Value, json};

use crate::checkout::input;
use crate::fake_stripe::{NEEDS_ACTION, WORKS};
use crate::fixture::{now, ord, order, shops};

#[tokio::test]
async fn a_paid_order_is_cancelled_once_and_its_money_given_back_once() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        let cancelled = shop.cancel(id, "c").await;
        assert_eq!(cancelled["userErrors"], json!([]));
        assert_eq!(
            cancelled["order"],
            json!({
                "id": id, "status": "CANCELLED", "allowedActions": ["REORDER"],
                "timeline": [
                    { "event": "order.placed", "actor": "customer" },
                    { "event": "order.confirmed", "actor": "payment" },
                    { "event": "order.cancelled", "actor": "customer" },
                ],
            })
        );
        assert_eq!(shop.cancel(id, "c").await, cancelled);
        let again = shop.cancel(id, "another").await;
        assert_eq!(again["userErrors"][0]["code"], "ORDER_NOT_CANCELLABLE");
        assert_eq!(again["order"], Value::Null);

        shop.work_after(Duration::seconds(2)).await;
        let story = "CANCELLED: order.placed, order.confirmed, order.cancelled, order.refunded";
        assert_eq!(shop.story(id).await, story, "{}", shop.scratch.name);
        shop.work_after(Duration::days(1)).await;
        let refunds = shop.stripe.refunds();
        assert_eq!(refunds.len(), 1);
        assert_eq!(refunds[0]["amount"], shop.stripe.intents()[0]["amount"]);
        assert_eq!(&refunds[0]["metadata"]["reference"], id);
        assert_eq!(shop.payment().await.refund_id.as_deref(), Some("re_1"));

        let published = shop.published().await;
        let kinds: Vec<_> = published
            .iter()
            .map(|event| event.event_type.as_str())
            .collect();
        assert_eq!(
            kinds,
            [
                "order.placed",
                "order.confirmed",
                "order.cancelled",
                "order.refunded"
            ]
        );
        assert_eq!(published[2].data["reason"], "changed my mind");
        assert_eq!(published[2].data["previousStatus"], "confirmed");
        assert_eq!(published[3].data["refunded"]["currency"], "EUR");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_not_made_twice() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = &placed["order"]["id"];
        shop.cancel(id, "c").await;
        shop.stripe.lose("/refunds", 3);
        shop.work_after(Duration::seconds(2)).await;
        assert_eq!(shop.payment().await.state.as_str(), "unwanted");
        shop.work_after(Duration::seconds(40)).await;
        assert_eq!(
            shop.payment().await.state.as_str(),
            "released",
            "{}",
            shop.scratch.name
        );
        assert_eq!(shop.stripe.refunds().len(), 1);
        let refunded = shop.story(id).await.matches("order.refunded").count();
        assert_eq!(refunded, 1);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_payment_that_waits_is_cancelled_with_its_order() {
    for shop in shops().await {
        let placed = shop.place(&input(NEEDS_ACTION), "k").await;
        let id = &placed["order"]["id"];
        shop.cancel(id, "c").await;
        shop.work_after(Duration::seconds(2)).await;
        assert_eq!(shop.stripe.intents()[0]["status"], "canceled");
        assert_eq!(shop.stripe.refunds(), [] as [Value; 0]);
        assert_eq!(
            shop.payment().await.state.as_str(),
            "released",
            "{}",
            shop.scratch.name
        );
        assert_eq!(
            shop.story(id).await,
            "CANCELLED: order.placed, order.cancelled"
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_order_that_the_carrier_has_is_not_cancelled() {
    for shop in shops().await {
        let statuses = [OrderStatus::Shipped, OrderStatus::Delivered];
        let orders = statuses.iter().zip(1..).map(|(status, number)| {
            let mut row = order(number, shop.ada, now());
            row.status = *status;
            row
        });
        shop.stock(orders.collect()).await;
        for number in [1, 2] {
            let refused = shop.cancel(&json!(ord(number)), &number.to_string()).await;
            assert_eq!(refused["order"], Value::Null);
            assert_eq!(
                refused["userErrors"],
                json!([{ "code": "ORDER_NOT_CANCELLABLE", "field": ["id"] }])
            );
        }
        shop.work_after(Duration::seconds(2)).await;
        assert_eq!(
            shop.stripe.calls(),
            [] as [String; 0],
            "{}",
            shop.scratch.name
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn only_the_customer_who_placed_it_cancels_an_order() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now())]).await;
        let theirs = shop.cancel_as(shop.bob, &json!(ord(1)), "k").await;
        assert_eq!(code(&theirs), "FORBIDDEN");
        let nobodys = shop.cancel_as(shop.bob, &json!(ord(404)), "k").await;
        assert_eq!(code(&nobodys), "NOT_FOUND");
        let malformed = shop.cancel_as(shop.bob, &json!("ret_1"), "k").await;
        assert_eq!(code(&malformed), "BAD_USER_INPUT");
        let story = shop.story(&json!(ord(1))).await;
        assert_eq!(story, "CONFIRMED: order.placed, order.confirmed");
        shop.scratch.drop().await;
    }
}
