//! Store credit: it pays orders exactly once, comes back once, and is never negative.

use chrono::Duration;
use entities::orders::{store_credit_balance, store_credit_entry};
use platform::bus::Event;
use resolvers::id::IdKind;
use resolvers::testing::execute;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::checkout::input;
use crate::fake_stripe::{DECLINED, WORKS};
use crate::fake_subgraphs::product;
use crate::fixture::{Shop, now, shops};

const CREDIT: &str = "{ me { storeCredit { balances { amount currency }
    entries(first: 10) { totalCount nodes { kind amount { amount } orderId returnId } } } } }";

const PLACE: &str = "mutation($input: OrderPlaceInput!, $key: String!) {
    orderPlace(input: $input, idempotencyKey: $key) {
        order { id status total { amount } storeCreditUsed { amount } }
        preview { amountDue { amount } storeCredit { amount } }
        userErrors { code field }
    }
}";

/// An event by which a return credits Ada up to this total in euros.
pub(crate) fn credited(number: u128, total: &str) -> Event {
    let return_id = IdKind::Return.format(Uuid::from_u128(number));
    Event {
        id: Uuid::now_v7(),
        topic: "returns.events".to_owned(),
        event_type: "return.store_credit_issued".to_owned(),
        aggregate_id: return_id.clone(),
        sequence: 1,
        occurred_at: now(),
        data: json!({
            "version": 1, "returnId": return_id, "amount": total, "totalAmount": total, "currency": "EUR",
            "customerId": IdKind::Customer.format(Uuid::from_u128(0xADA)),
        }),
        traceparent: None,
    }
}

/// Two notebooks to Leipzig: €65.70.
fn order(token: &str) -> Value {
    let mut input = input(token);
    input["useStoreCredit"] = json!(true);
    input
}

impl Shop {
    /// Ada's balance in euros, in cents; it is the sum of its entries.
    async fn credit(&self) -> i64 {
        let db = self.scratch.database.read();
        let balance = store_credit_balance::balance(db, self.ada, "EUR").await;
        let entries = store_credit_entry::Entity::find().all(db).await.unwrap();
        let sum: i64 = entries.iter().map(|entry| entry.amount).sum();
        let balance = balance.unwrap();
        assert_eq!(sum, balance, "{entries:#?}");
        balance
    }

    async fn place_with_credit(&self, input: &Value, key: &str) -> Value {
        let mut data = self
            .ada_asks(PLACE, json!({ "input": input, "key": key }))
            .await;
        data["orderPlace"].take()
    }

    fn charged(&self) -> Vec<i64> {
        let intents = self.stripe.intents();
        intents
            .iter()
            .map(|intent| intent["amount"].as_i64().unwrap())
            .collect()
    }
}

#[tokio::test]
async fn credit_is_issued_once_up_to_what_its_return_says_and_seen_by_its_customer() {
    for shop in shops().await {
        for (number, total, expected) in [
            (1, "10.00", 1_000),
            (1, "10.00", 1_000),
            (2, "5.50", 1_550),
            // More for the same return, and an older event that comes late.
            (1, "12.00", 1_750),
            (1, "10.00", 1_750),
        ] {
            shop.deliver(&credited(number, total)).await.unwrap();
            assert_eq!(shop.credit().await, expected);
        }
        let mut old = credited(3, "9.00");
        old.data.as_object_mut().unwrap().remove("totalAmount");
        shop.deliver(&old).await.unwrap();
        assert_eq!(
            shop.credit().await,
            1_750,
            "it is recorded by another event"
        );
        let data = shop.ada_asks(CREDIT, json!({})).await;
        let credit = &data["me"]["storeCredit"];
        assert_eq!(
            credit["balances"],
            json!([{ "amount": "17.50", "currency": "EUR" }])
        );
        assert_eq!(credit["entries"]["totalCount"], 3);
        assert_eq!(credit["entries"]["nodes"][0]["amount"]["amount"], "2.00");
        let others = execute(&shop.subgraph, Some(shop.bob), CREDIT, json!({})).await;
        assert_eq!(others["data"]["me"]["storeCredit"]["balances"], json!([]));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn credit_pays_first_and_the_card_the_rest_and_a_cancellation_returns_both_once() {
    for shop in shops().await {
        shop.deliver(&credited(1, "20.00")).await.unwrap();
        let placed = shop.place_with_credit(&order(WORKS), "k").await;
        assert_eq!(placed["userErrors"], json!([]));
        let total = placed["order"]["total"]["amount"].clone();
        assert_eq!(placed["order"]["storeCreditUsed"]["amount"], "20.00");
        let minor: i64 = total.as_str().unwrap().replace('.', "").parse().unwrap();
        assert_eq!(shop.charged(), [minor - 2_000]);
        assert_eq!(placed["order"]["status"], "CONFIRMED");
        assert_eq!(shop.credit().await, 0);
        let again = shop.place_with_credit(&order(WORKS), "k").await;
        assert_eq!(again["order"]["id"], placed["order"]["id"]);

        for key in ["c", "c", "d"] {
            shop.cancel(&placed["order"]["id"], key).await;
        }
        shop.work_after(Duration::minutes(1)).await;
        assert_eq!(shop.credit().await, 2_000);
        let refunds = shop.stripe.refunds();
        assert_eq!(refunds.len(), 1);
        assert_eq!(refunds[0]["amount"], minor - 2_000);

        // A declined card gives the credit back, too.
        let declined = shop.place_with_credit(&order(DECLINED), "declined").await;
        assert_eq!(declined["order"]["status"], "CANCELLED");
        assert_eq!(shop.credit().await, 2_000);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn credit_that_pays_everything_charges_nothing() {
    for shop in shops().await {
        shop.deliver(&credited(1, "100.00")).await.unwrap();
        let placed = shop.place_with_credit(&order(WORKS), "k").await;
        assert_eq!(placed["order"]["status"], "CONFIRMED", "{placed:#}");
        assert_eq!(placed["order"]["storeCreditUsed"], placed["order"]["total"]);
        assert_eq!(shop.charged(), [] as [i64; 0]);
        let left = shop.credit().await;
        assert!(left > 0 && left < 10_000);
        let story = shop.story(&placed["order"]["id"]).await;
        assert_eq!(story, "CONFIRMED: order.placed, order.confirmed");

        shop.cancel(&placed["order"]["id"], "c").await;
        shop.work_after(Duration::minutes(1)).await;
        assert_eq!(shop.credit().await, 10_000);
        assert_eq!(shop.stripe.refunds().len(), 0);
        assert_eq!(shop.tasks().await.len(), 0);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn concurrent_orders_spend_credit_once_and_none_charges_more_than_was_shown() {
    for shop in shops().await {
        shop.deliver(&credited(1, "30.00")).await.unwrap();
        let keys: Vec<_> = (0..16).map(|number| format!("k{number}")).collect();
        let input = order(WORKS);
        let orders = keys.iter().map(|key| shop.place_with_credit(&input, key));
        let answers = futures::future::join_all(orders).await;
        let used: Vec<_> = answers
            .iter()
            .filter(|answer| answer["order"]["storeCreditUsed"]["amount"] == "30.00")
            .collect();
        assert_eq!(used.len(), 1, "{}", shop.scratch.name);
        for answer in &answers {
            let is_refused = answer["order"] == Value::Null;
            let error = json!([{ "code": "TOTAL_CHANGED", "field": ["input", "useStoreCredit"] }]);
            assert!(!is_refused || answer["userErrors"] == error, "{answer:#}");
            assert!(!is_refused || answer["preview"]["storeCredit"]["amount"] == "0.00");
        }
        assert_eq!(shop.credit().await, 0);
        let db = shop.scratch.database.write();
        let refused = db.execute_unprepared("UPDATE store_credit_balances SET balance = -1");
        assert!(refused.await.is_err(), "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn credit_in_another_currency_is_not_used() {
    for shop in shops().await {
        shop.deliver(&credited(1, "30.00")).await.unwrap();
        let mut input = order(WORKS);
        input["currency"] = json!("USD");
        input["items"] = json!([{ "productId": product(1), "quantity": 1 }]);
        let placed = shop.place_with_credit(&input, "k").await;
        assert_eq!(placed["order"]["storeCreditUsed"]["amount"], "0.00");
        assert_eq!(shop.credit().await, 3_000);
        shop.scratch.drop().await;
    }
}
