//! Rejected orders: input errors, unavailable dependencies and declined payments.

use chrono::Duration;
use platform::tables::{idempotency_key, outbox_event};
use resolvers::testing::{code, execute};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::checkout::{CANCEL, PLACE, input};
use crate::fake_stripe::{DECLINED, WORKS};
use crate::fake_subgraphs::{DEAR, GONE, UNPRICED, product};
use crate::fixture::shops;

#[tokio::test]
async fn what_cannot_be_ordered_is_told_with_its_place_and_nothing_is_written() {
    for shop in shops().await {
        let item = |number, quantity| json!({ "productId": product(number), "quantity": quantity });
        let cases = [
            (
                "items",
                json!([]),
                "INVALID_ITEMS",
                json!(["input", "items"]),
            ),
            (
                "items",
                json!([item(1, 0)]),
                "INVALID_QUANTITY",
                json!(["input", "items", "0", "quantity"]),
            ),
            (
                "items",
                json!([item(1, -3)]),
                "INVALID_QUANTITY",
                json!(["input", "items", "0", "quantity"]),
            ),
            (
                "items",
                json!([item(1, 100)]),
                "INVALID_QUANTITY",
                json!(["input", "items", "0", "quantity"]),
            ),
            (
                "items",
                json!([item(1, 1), item(77, 1)]),
                "PRODUCT_NOT_FOUND",
                json!(["input", "items", "1", "productId"]),
            ),
            (
                "items",
                json!([item(GONE, 1)]),
                "PRODUCT_NOT_AVAILABLE",
                json!(["input", "items", "0", "productId"]),
            ),
            (
                "items",
                json!([item(UNPRICED, 1)]),
                "PRODUCT_NOT_AVAILABLE",
                json!(["input", "items", "0", "productId"]),
            ),
            (
                "items",
                json!([item(DEAR, 99)]),
                "ORDER_TOTAL_NOT_PAYABLE",
                json!(["input", "items"]),
            ),
            (
                "currency",
                json!("GBP"),
                "CURRENCY_NOT_AVAILABLE",
                json!(["input", "currency"]),
            ),
            (
                "paymentMethodToken",
                json!(""),
                "INVALID_PAYMENT_METHOD",
                json!(["input", "paymentMethodToken"]),
            ),
            (
                "paymentMethodToken",
                json!("pm_nobodys"),
                "INVALID_PAYMENT_METHOD",
                json!(["input", "paymentMethodToken"]),
            ),
        ];
        for (field, value, code, place) in cases {
            let mut input = input(WORKS);
            input[field] = value;
            let refused = shop.place(&input, "k").await;
            assert_eq!(refused["order"], Value::Null, "{code}");
            assert_eq!(refused["userErrors"][0]["code"], code);
            assert_eq!(refused["userErrors"][0]["field"], place);
        }
        assert_eq!((shop.orders().await, shop.stripe.intents().len()), (0, 0));
        // The key is free for the corrected order.
        let placed = shop.place(&input(WORKS), "k").await;
        assert_eq!(
            placed["order"]["status"], "CONFIRMED",
            "{}",
            shop.scratch.name
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_cards_number_is_refused_before_anybody_hears_of_it() {
    for shop in shops().await {
        for (key, number) in [
            "4242424242424242",
            "4242 4242 4242 4242",
            "5555-5555-5555-4444",
            "pm_378282246310005",
            "card_1NqQ2eLkdIwHu7ix",
        ]
        .into_iter()
        .enumerate()
        {
            let mut input = input(number);
            input["paymentMethodToken"] = json!(number);
            let variables = json!({ "input": input, "key": key.to_string() });
            let answer = execute(&shop.subgraph, Some(shop.ada), PLACE, variables).await;
            let refused = &answer["data"]["orderPlace"];
            assert_eq!(refused["userErrors"][0]["code"], "INVALID_PAYMENT_METHOD");
            assert!(!answer.to_string().contains(number), "{answer}");
        }
        assert_eq!(shop.stripe.calls(), [] as [String; 0]);
        let db = shop.scratch.database.read();
        let keys = idempotency_key::Entity::find().all(db).await.unwrap();
        let published = outbox_event::Entity::find().all(db).await.unwrap();
        assert_eq!(
            (keys.len(), published.len(), shop.orders().await),
            (0, 0, 0)
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_declined_payment_cancels_the_order_says_why_and_leaves_nothing_to_be_charged() {
    for shop in shops().await {
        let declined = shop.place(&input(DECLINED), "k").await;
        assert_eq!(declined["userErrors"][0]["code"], "PAYMENT_DECLINED");
        assert_eq!(
            declined["userErrors"][0]["field"],
            json!(["input", "paymentMethodToken"])
        );
        let message = declined["userErrors"][0]["message"].as_str().unwrap();
        assert!(message.contains("not enough money"), "{message}");
        assert_eq!(declined["order"]["status"], "CANCELLED");
        assert_eq!(
            declined["order"]["timeline"],
            json!([
                { "event": "order.placed", "actor": "customer" },
                { "event": "order.cancelled", "actor": "payment" },
            ])
        );
        assert_eq!(declined["order"]["allowedActions"], json!(["REORDER"]));
        shop.work_after(Duration::zero()).await;
        assert_eq!(shop.stripe.intents()[0]["status"], "canceled");
        assert_eq!(
            shop.payment().await.state.as_str(),
            "released",
            "{}",
            shop.scratch.name
        );
        assert_eq!(shop.place(&input(DECLINED), "k").await, declined);
        assert_eq!(shop.stripe.intents().len(), 1);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn only_a_customer_with_an_account_can_order() {
    for shop in shops().await {
        let variables = json!({ "input": input(WORKS), "key": "k" });
        let visitor = execute(&shop.subgraph, None, PLACE, variables).await;
        assert_eq!(code(&visitor), "UNAUTHENTICATED");
        let stranger = shop.order_as(Uuid::from_u128(5), &input(WORKS), "k").await;
        assert_eq!(code(&stranger), "NOT_FOUND", "{stranger}");
        assert_eq!((shop.orders().await, shop.stripe.intents().len()), (0, 0));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn replays_need_nobody_but_the_orders_database() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let id = placed["order"]["id"].clone();
        let cancelled = shop.cancel(&id, "c").await;
        let mut state = shop.state.clone();
        (state.stripe, state.search, state.pricing) = (None, None, None);
        let alone = orders::subgraph(state);
        let variables = json!({ "input": input(WORKS), "key": "k" });
        let again = execute(&alone, Some(shop.ada), PLACE, variables).await;
        assert_eq!(again["data"]["orderPlace"]["order"]["id"], id, "{again}");
        assert_eq!(again["data"]["orderPlace"]["order"]["status"], "CANCELLED");
        let variables = json!({ "id": id, "reason": "changed my mind", "key": "c" });
        let again = execute(&alone, Some(shop.ada), CANCEL, variables).await;
        assert_eq!(
            again["data"]["orderCancel"]["order"]["status"],
            cancelled["order"]["status"]
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_address_that_is_nowhere_is_refused_and_nothing_is_asked_or_charged() {
    for shop in shops().await {
        for (country, region, postal_code, field) in [
            ("ZZ", json!(null), "12345", "countryCode"),
            ("US", json!("QQ"), "90001", "region"),
            ("US", json!(null), "90001", "region"),
            ("US", json!("NY"), "none", "postalCode"),
        ] {
            let mut input = input(WORKS);
            let address = &mut input["shippingAddress"];
            address["countryCode"] = json!(country);
            address["region"] = region;
            address["postalCode"] = json!(postal_code);
            let refused = shop.place(&input, "k").await;
            assert_eq!(refused["order"], Value::Null);
            assert_eq!(refused["userErrors"][0]["code"], "INVALID_ADDRESS");
            let place = json!(["input", "shippingAddress", field]);
            assert_eq!(refused["userErrors"][0]["field"], place);
        }
        assert_eq!(shop.stripe.calls(), [] as [String; 0]);
        assert_eq!(shop.orders().await, 0);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn without_those_who_are_asked_no_order_is_placed() {
    for shop in shops().await {
        let parts: [fn(&mut orders::State); 3] = [
            |state| state.stripe = None,
            |state| state.search = None,
            |state| state.pricing = None,
        ];
        for part in parts {
            let mut state = shop.state.clone();
            part(&mut state);
            let alone = orders::subgraph(state);
            let variables = json!({ "input": input(WORKS), "key": "k" });
            let answer = execute(&alone, Some(shop.ada), PLACE, variables).await;
            assert_eq!(code(&answer), "SUBGRAPH_UNAVAILABLE", "{answer}");
        }
        assert_eq!(shop.orders().await, 0);
        shop.scratch.drop().await;
    }
}
