//! The end of a run: orders and returns have gone each way once, and the third parties' books agree with ours.

use entities::orders::{order, order_event};
use entities::returns::{customer_return, return_event, return_item};
use platform::database::ReadTransaction;
use resolvers::id::IdKind;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::Value;

use crate::case::Case;
use crate::invariants;
use crate::journey::{End, Journey, Paid};
use crate::world::World;

/// Asserts that the case has ended as the journey does.
pub(crate) async fn assert_agree(world: &World, journey: Journey, case: &Case, run: &str) {
    let end = journey.end();
    let order = order_of(world, case, &end, run).await;
    let returned = return_of(world, case, &end, run).await;
    let refund = returned.as_ref().map_or(0, |row| row.refund_total);
    let charged = order.charged_amount();
    let paid = match end.paid {
        Paid::Nothing => 0,
        Paid::Everything => charged,
        Paid::Less => charged - 500,
        Paid::WithoutReturned => charged - refund,
    };
    assert_payments(world, &order, paid, run).await;
    let credit = invariants::credit(&world.orders.database, case.customer).await;
    let expected = match journey {
        Journey::StoreCredit => refund,
        _ => 0,
    };
    assert_eq!(credit, expected, "{run}: store credit");
    if let Some(row) = returned {
        assert!(row.refund_total > 0, "{run}");
        assert_labels(world, &row, run).await;
        assert_restocked(world, &row, run).await;
    }
}

/// The case's only order.
async fn order_of(world: &World, case: &Case, end: &End, run: &str) -> order::Model {
    let db = world.orders.database.read();
    let rows = order::Entity::find()
        .filter(order::Column::CustomerId.eq(case.customer))
        .all(db)
        .await
        .unwrap();
    let [row] = <[_; 1]>::try_from(rows).unwrap_or_else(|rows| panic!("{run}: {rows:#?}"));
    let timeline = order_event::Entity::find()
        .filter(order_event::Column::OrderId.eq(row.id))
        .all(db)
        .await
        .unwrap();
    let mut timeline: Vec<_> = timeline.into_iter().map(|entry| entry.event).collect();
    timeline.sort_unstable();
    assert_eq!(timeline, end.order, "{run}: the order's timeline");
    row
}

/// The case's only return, if there is one.
async fn return_of(
    world: &World,
    case: &Case,
    end: &End,
    run: &str,
) -> Option<customer_return::Model> {
    let db = world.returns.database.read();
    let mut rows = customer_return::Entity::find()
        .filter(customer_return::Column::CustomerId.eq(case.customer))
        .all(db)
        .await
        .unwrap();
    assert_eq!(rows.len(), usize::from(end.returned.is_some()), "{run}");
    let row = rows.pop()?;
    let timeline = return_event::Entity::find()
        .filter(return_event::Column::ReturnId.eq(row.id))
        .all(db)
        .await
        .unwrap();
    let mut timeline: Vec<_> = timeline.into_iter().map(|entry| entry.event).collect();
    timeline.sort_unstable();
    assert_eq!(
        timeline,
        end.returned.unwrap_or_default(),
        "{run}: the return's timeline"
    );
    Some(row)
}

/// Stripe has charged the order at most once, holds nothing for it, and has this much of it in the end.
async fn assert_payments(world: &World, order: &order::Model, paid: i64, run: &str) {
    let id = IdKind::Order.format(order.id);
    let intents = world
        .third_parties
        .stripe_list("/v1/payment_intents?limit=100")
        .await;
    let of_order = intents
        .iter()
        .filter(|intent| intent["metadata"]["order"] == *id);
    let (mut charges, mut balance) = (0, 0);
    for intent in of_order {
        assert_eq!(intent["amount_capturable"], 0, "{run}: {intent:#}");
        let received = cents(&intent["amount_received"]);
        charges += i32::from(received > 0);
        let payment = intent["id"].as_str().unwrap();
        let refunds = format!("/v1/refunds?limit=100&payment_intent={payment}");
        let refunds = world.third_parties.stripe_list(&refunds).await;
        let refunded: i64 = refunds.iter().map(|refund| cents(&refund["amount"])).sum();
        balance += received - refunded;
    }
    assert!(charges <= 1, "{run}: charged {charges} times");
    assert_eq!(balance, paid, "{run}: Stripe's balance of the order");
}

fn cents(amount: &Value) -> i64 {
    amount.as_i64().unwrap()
}

/// EasyPost has sold one label for the return.
async fn assert_labels(world: &World, row: &customer_return::Model, run: &str) {
    let id = IdKind::Return.format(row.id);
    let shipments = world.third_parties.shipments().await;
    let bought = shipments
        .iter()
        .filter(|shipment| shipment["reference"] == *id && !shipment["postage_label"].is_null());
    assert_eq!(bought.count(), 1, "{run}: labels bought");
}

/// All units that came back are in stock, once.
async fn assert_restocked(world: &World, row: &customer_return::Model, run: &str) {
    let items = return_item::of_returns(world.returns.database.read(), &[row.id]).await;
    let items = items.unwrap().remove(&row.id).unwrap();
    let lines: Vec<_> = items
        .iter()
        .map(|item| (row.id, item.order_item_id))
        .collect();
    let orders = world.orders.database.read_only().await.unwrap().unwrap();
    let transaction: ReadTransaction = orders.begin().await.unwrap();
    let restocked = orders::invariants::restocked(&transaction, &lines).await;
    transaction.end().await;
    orders.close().await;
    let restocked: i32 = restocked.unwrap().values().sum();
    let units: i32 = items.iter().map(|item| item.quantity).sum();
    assert_eq!(restocked, units, "{run}: units in stock again");
}
