//! Places and cancels orders while the database fails at every possible step: a key gives exactly one order with one
//! payment, or one cancellation with one refund.

use chrono::Duration;
use futures::future::join_all;
use platform::database::faults::Fault;
use serde_json::{Value, json};

use crate::checkout::input;
use crate::fake_stripe::WORKS;
use crate::fake_subgraphs::IN_STOCK;
use crate::fixture::{Shop, shops};

/// Runs this for each fault on each database, all at the same time: a request whose payment cannot be recorded waits
/// for seconds.
async fn with_each_fault(run: impl AsyncFn(&Shop, Fault)) {
    let of_fault = async |fault| {
        let shops = shops().await;
        join_all(shops.iter().map(|shop| run(shop, fault))).await;
        for shop in shops {
            shop.scratch.drop().await;
        }
    };
    join_all(Fault::ALL.map(of_fault)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_at_any_step_leaves_one_order_that_is_paid_once() {
    with_each_fault(async |shop, fault| {
        for step in 0.. {
            let case = format!("{} {fault:?} at {step}", shop.scratch.name);
            shop.scratch.database.faults().fail_after(step, fault);
            let first = shop.order_as(shop.ada, &input(WORKS), &case).await;
            let is_past_the_end = shop.scratch.database.faults().clear();
            let again = shop.place(&input(WORKS), &case).await;
            let id = &again["order"]["id"];
            assert!(id.is_string(), "{case}: {again:#}");
            let acknowledged = &first["data"]["orderPlace"]["order"]["id"];
            assert!([&Value::Null, id].contains(&acknowledged), "{case}");

            shop.work_after(Duration::minutes(5)).await;
            let story = "CONFIRMED: order.placed, order.confirmed";
            assert_eq!(shop.story(id).await, story, "{case}");
            let intents = shop.stripe.intents();
            assert_eq!(intents.len(), step + 1, "{case}");
            let of_order = |intent: &&Value| intent["metadata"]["order"] == *id;
            assert_eq!(intents.iter().filter(of_order).count(), 1, "{case}");
            assert_eq!(shop.published().await.len(), 2 * (step + 1), "{case}");
            let sold = 2 * i32::try_from(step + 1).unwrap();
            assert_eq!(shop.stock_of(1).await, (IN_STOCK - sold, 0), "{case}");
            if is_past_the_end {
                break;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_at_any_step_leaves_one_cancellation_that_is_refunded_once() {
    with_each_fault(async |shop, fault| {
        for step in 0.. {
            let case = format!("{} {fault:?} at {step}", shop.scratch.name);
            let placed = shop.place(&input(WORKS), &case).await;
            let id = &placed["order"]["id"];
            shop.scratch.database.faults().fail_after(step, fault);
            shop.cancel_as(shop.ada, id, &case).await;
            let is_past_the_end = shop.scratch.database.faults().clear();
            let again = shop.cancel(id, &case).await;
            assert_eq!(again["userErrors"], json!([]), "{case}");
            assert_eq!(again["order"]["status"], "CANCELLED", "{case}");

            shop.work_after(Duration::minutes(5)).await;
            let story = "CANCELLED: order.placed, order.confirmed, order.cancelled, order.refunded";
            assert_eq!(shop.story(id).await, story, "{case}");
            let refunds = shop.stripe.refunds();
            assert_eq!(refunds.len(), step + 1, "{case}");
            assert_eq!(&refunds[step]["metadata"]["reference"], id, "{case}");
            assert_eq!(shop.published().await.len(), 4 * (step + 1), "{case}");
            assert_eq!(shop.stock_of(1).await, (IN_STOCK, 0), "{case}");
            if is_past_the_end {
                break;
            }
        }
    })
    .await;
}
