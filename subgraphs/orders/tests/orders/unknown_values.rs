//! Rows written by a newer version, with values unknown to this one: reading them gives a coded error, work on other
//! rows continues, and nothing is lost.

use chrono::Duration;
use entities::orders::{order, order_event, order_payment};
use resolvers::testing::{code, execute};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::checkout::input;
use crate::fake_stripe::WORKS;
use crate::fixture::{Shop, now, ord, order, shops};

const STATUS: &str = "query($id: ID!) { order(id: $id) { status } }";
const LIST: &str = "{ me { orders(first: 5) { nodes { id } } } }";
const CANCEL: &str = "mutation($id: ID!) {
    orderCancel(id: $id, idempotencyKey: \"k\") { order { id } userErrors { code } }
}";

/// The order as if written by another version.
async fn set_status(shop: &Shop, number: u128, status: &str) {
    order::Entity::update_many()
        .col_expr(order::Column::Status, Expr::value(status))
        .filter(order::Column::Id.eq(Uuid::from_u128(number)))
        .exec(shop.scratch.database.write())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_order_with_an_unknown_status_is_an_error_and_no_row_that_vanished() {
    for shop in shops().await {
        let placed = now() - Duration::days(3);
        shop.stock(vec![order(1, shop.ada, placed), order(2, shop.ada, placed)])
            .await;
        set_status(&shop, 1, "teleported").await;
        for (document, variables) in [
            (STATUS, json!({ "id": ord(1) })),
            (LIST, json!({})),
            (CANCEL, json!({ "id": ord(1) })),
        ] {
            let answer = execute(&shop.subgraph, Some(shop.ada), document, variables).await;
            assert_eq!(code(&answer), "INTERNAL", "{}: {answer}", shop.scratch.name);
            assert!(!answer.to_string().contains("teleported"), "{answer}");
        }
        let other = shop.ada_asks(STATUS, json!({ "id": ord(2) })).await;
        assert_eq!(other["order"]["status"], "CONFIRMED");
        // The version that knows the status finds the order unchanged.
        set_status(&shop, 1, "delivered").await;
        let listed = shop.ada_asks(LIST, json!({})).await;
        assert_eq!(listed["me"]["orders"]["nodes"].as_array().unwrap().len(), 2);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_payment_in_an_unknown_state_is_left_alone_and_holds_up_no_other() {
    for shop in shops().await {
        for key in ["one", "two"] {
            shop.stripe.lose("/payment_intents", 3);
            let placed = shop.place(&input(WORKS), key).await;
            assert_eq!(placed["order"]["status"], "PENDING");
        }
        let db = shop.scratch.database.write();
        let payments = order_payment::Entity::find().all(db).await.unwrap();
        let foreign = payments[0].order_id;
        order_payment::Entity::update_many()
            .col_expr(order_payment::Column::State, Expr::value("escrowed"))
            .filter(order_payment::Column::OrderId.eq(foreign))
            .exec(db)
            .await
            .unwrap();
        shop.work_after(Duration::seconds(10)).await;
        let other = payments[1].order_id.as_u128();
        let settled = shop.ada_asks(STATUS, json!({ "id": ord(other) })).await;
        assert_eq!(
            settled["order"]["status"], "CONFIRMED",
            "{}",
            shop.scratch.name
        );
        let left = shop
            .ada_asks(STATUS, json!({ "id": ord(foreign.as_u128()) }))
            .await;
        assert_eq!(left["order"]["status"], "PENDING");
        // This version does not know how to cancel it.
        let cancelled = execute(
            &shop.subgraph,
            Some(shop.ada),
            CANCEL,
            json!({ "id": ord(foreign.as_u128()) }),
        )
        .await;
        assert_eq!(code(&cancelled), "INTERNAL");
        let left = shop
            .ada_asks(STATUS, json!({ "id": ord(foreign.as_u128()) }))
            .await;
        assert_eq!(left["order"]["status"], Value::from("PENDING"));
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_unknown_actor_is_shown_and_fails_no_timeline() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now() - Duration::days(3))])
            .await;
        order_event::Entity::update_many()
            .col_expr(order_event::Column::Actor, Expr::value("robot"))
            .filter(order_event::Column::Event.eq("order.placed"))
            .exec(shop.scratch.database.write())
            .await
            .unwrap();
        let timeline = "query($id: ID!) { order(id: $id) { timeline { event actor } } }";
        let answer = shop.ada_asks(timeline, json!({ "id": ord(1) })).await;
        assert_eq!(
            answer["order"]["timeline"],
            json!([
                { "event": "order.placed", "actor": "robot" },
                { "event": "order.confirmed", "actor": "payment" },
            ]),
            "{}",
            shop.scratch.name
        );
        shop.scratch.drop().await;
    }
}
