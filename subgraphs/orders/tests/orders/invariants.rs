//! Every invariant is checked: a shop that lived is clean, and each wrong row is found, by its kind, and nothing else.

use chrono::Duration;
use entities::insert_many;
use entities::orders::order::{Model, OrderStatus};
use entities::orders::order_refund::OrderRefundState;
use entities::orders::store_credit_entry::CreditKind;
use entities::orders::{
    order_decision, order_refund, order_review, store_credit_balance, store_credit_entry,
};
use platform::invariants::{Inspection, Progress, Violation};
use platform::testing::Scratch;
use resolvers::id::IdKind;
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::checkout::input;
use crate::fake_stripe::{DECLINED, WORKS};
use crate::fake_subgraphs::IN_STOCK;
use crate::fixture::{Shop, now, order, shops};
use crate::shipments::parcel;
use crate::store_credit::credited;

/// What `vantage check` finds in the orders database at this time of the shop's clock.
pub(crate) async fn violations(shop: &Shop) -> Vec<Violation> {
    let database = shop.scratch.database.read_only().await.unwrap().unwrap();
    let mut found = Vec::new();
    let mut checked = 0;
    let mut report = |progress| match progress {
        Progress::Checked(_, rows) => checked += rows,
        Progress::Violated(violation) => found.push(violation),
    };
    let mut inspection = Inspection::new(&database, shop.clock.now(), &mut report);
    orders::invariants::check(&mut inspection).await.unwrap();
    database.close().await;
    assert!(checked > 0);
    found
}

/// A product, by its place among them.
const FIRST: &str = "(SELECT product_id FROM stock_levels ORDER BY product_id LIMIT 1)";

/// A wrong row: how it becomes wrong and right again, and what is found.
struct Wrong {
    change: &'static str,
    undo: &'static str,
    kinds: &'static [&'static str],
}

const fn wrong(change: &'static str, undo: &'static str, kinds: &'static [&'static str]) -> Wrong {
    Wrong {
        change,
        undo,
        kinds,
    }
}

/// `FIRST` and `PAID` stand for a product and the id of the paid order's aggregate.
const WRONG: &[Wrong] = &[
    wrong(
        "UPDATE stock_levels SET available = available + 1 WHERE product_id = FIRST",
        "UPDATE stock_levels SET available = available - 1 WHERE product_id = FIRST",
        &["stock_level"],
    ),
    wrong(
        "UPDATE stock_levels SET sequence = sequence + 1 WHERE product_id = FIRST",
        "UPDATE stock_levels SET sequence = sequence - 1 WHERE product_id = FIRST",
        &["stock_level"],
    ),
    wrong(
        "UPDATE stock_movements SET damaged = -3 WHERE product_id = FIRST AND sequence = 1",
        "UPDATE stock_movements SET damaged = 0 WHERE product_id = FIRST AND sequence = 1",
        &["stock_level", "stock_negative"],
    ),
    wrong(
        "UPDATE stock_movements SET kind = 'ordered', reference = 'again' WHERE kind = 'cancelled' AND sequence = 4",
        "UPDATE stock_movements SET kind = 'cancelled', reference = (SELECT reference FROM stock_movements \
         WHERE sequence = 3) WHERE reference = 'again'",
        &["stock_movement", "stock_reservation"],
    ),
    wrong(
        "UPDATE order_items SET quantity = quantity + 1, unit_price_amount = 0 WHERE product_name = 'Engraved pen'",
        "UPDATE order_items SET quantity = quantity - 1, unit_price_amount = 500 WHERE product_name = 'Engraved pen'",
        &["order_amounts", "order_delivery"],
    ),
    wrong(
        "UPDATE orders SET tax_amount = tax_amount + 1 WHERE status = 'confirmed'",
        "UPDATE orders SET tax_amount = tax_amount - 1 WHERE status = 'confirmed'",
        &["order_amounts", "order_amounts"],
    ),
    wrong(
        "UPDATE orders SET status = 'shipped' WHERE status = 'confirmed'",
        "UPDATE orders SET status = 'confirmed' WHERE status = 'shipped'",
        &["order_timeline"],
    ),
    wrong(
        "UPDATE orders SET confirmed_at = NULL WHERE status = 'confirmed'",
        "UPDATE orders SET confirmed_at = placed_at WHERE status = 'confirmed'",
        &["order_timeline"],
    ),
    wrong(
        "UPDATE order_events SET event = 'order.delivered' WHERE event = 'order.shipped'",
        "UPDATE order_events SET event = 'order.shipped' WHERE event = 'order.delivered' AND actor = 'carrier' \
         AND occurred_at = (SELECT shipped_at FROM orders WHERE status = 'delivered')",
        &["order_timeline", "order_timeline"],
    ),
    wrong(
        "UPDATE outbox_events SET event_type = 'x' WHERE aggregate_id = 'PAID' AND sequence = 2",
        "UPDATE outbox_events SET event_type = 'order.confirmed' WHERE aggregate_id = 'PAID' AND sequence = 2",
        &["timeline_event"],
    ),
    wrong(
        "UPDATE outbox_sequences SET last = 4 WHERE aggregate_id = 'PAID' AND topic = 'orders.events'",
        "UPDATE outbox_sequences SET last = 3 WHERE aggregate_id = 'PAID' AND topic = 'orders.events'",
        &["outbox_sequence"],
    ),
    wrong(
        "UPDATE outbox_events SET sequence = 4 WHERE aggregate_id = 'PAID' AND sequence = 3",
        "UPDATE outbox_events SET sequence = 3 WHERE aggregate_id = 'PAID' AND sequence = 4",
        // After the second, and beyond the last.
        &["outbox_sequence", "outbox_sequence"],
    ),
    wrong(
        "UPDATE order_parcels SET delivered_at = NULL",
        "UPDATE order_parcels SET delivered_at = registered_at",
        &["order_delivery"],
    ),
    wrong(
        "UPDATE order_parcel_lines SET quantity = 1 WHERE quantity = 2",
        "UPDATE order_parcel_lines SET quantity = 2 WHERE order_item_id = (SELECT id FROM order_items \
         WHERE product_name = 'Notebook' AND currency_code = 'JPY')",
        &["order_delivery"],
    ),
    wrong(
        "UPDATE order_payments SET state = 'unwanted' WHERE state = 'taken'",
        "UPDATE order_payments SET state = 'taken' WHERE state = 'unwanted'",
        &["order_payment"],
    ),
    wrong(
        "UPDATE order_payments SET captured_amount = 99999999 WHERE state = 'taken'",
        "UPDATE order_payments SET captured_amount = NULL WHERE state = 'taken'",
        &["order_payment"],
    ),
    wrong(
        "UPDATE order_payments SET captured_amount = 1 WHERE state = 'taken'",
        "UPDATE order_payments SET captured_amount = NULL WHERE state = 'taken'",
        &["order_payment", "order_refunds"],
    ),
    wrong(
        "INSERT INTO order_payments (order_id, state, created_at, updated_at) \
         SELECT id, 'waiting', delivered_at, delivered_at FROM orders WHERE status = 'delivered'",
        "DELETE FROM order_payments WHERE state = 'waiting'",
        &["order_payment"],
    ),
    wrong(
        "DELETE FROM order_payments WHERE state = 'taken'",
        "INSERT INTO order_payments (order_id, state, created_at, updated_at) \
         SELECT id, 'taken', placed_at, placed_at FROM orders WHERE status = 'confirmed'",
        &["order_payment"],
    ),
    wrong(
        "UPDATE order_refunds SET provider_id = NULL",
        "UPDATE order_refunds SET provider_id = 're_1'",
        &["order_refunds"],
    ),
    wrong(
        "UPDATE order_refunds SET state = 'refused'",
        "UPDATE order_refunds SET state = 'issued'",
        &["order_review"],
    ),
    wrong(
        "UPDATE order_parcel_lines SET quantity = 99 WHERE quantity = 2",
        "UPDATE order_parcel_lines SET quantity = 2 WHERE quantity = 99",
        &["order_delivery"],
    ),
    wrong(
        "UPDATE orders SET exchange_rate = '-1' WHERE status = 'confirmed'",
        "UPDATE orders SET exchange_rate = '1' WHERE status = 'confirmed'",
        &["order_amounts"],
    ),
    wrong(
        "UPDATE order_payments SET state = 'stuck' WHERE state = 'released' AND refund_id IS NOT NULL",
        "UPDATE order_payments SET state = 'released' WHERE state = 'stuck'",
        &["order_review"],
    ),
    wrong(
        "UPDATE orders SET store_credit_amount = 1 WHERE status = 'confirmed'",
        "UPDATE orders SET store_credit_amount = 0 WHERE status = 'confirmed'",
        &["order_store_credit"],
    ),
    wrong(
        "UPDATE store_credit_balances SET balance = balance + 1",
        "UPDATE store_credit_balances SET balance = balance - 1",
        &["store_credit_balance"],
    ),
    wrong(
        "UPDATE store_credit_entries SET return_id = NULL WHERE kind = 'issued'",
        "UPDATE store_credit_entries SET return_id = id WHERE kind = 'issued'",
        &["store_credit_entry"],
    ),
    wrong(
        "UPDATE store_credit_entries SET order_id = NULL WHERE kind = 'spent'",
        "UPDATE store_credit_entries SET order_id = (SELECT id FROM orders WHERE store_credit_amount > 0) \
         WHERE kind = 'spent'",
        &["store_credit_entry"],
    ),
    wrong(
        "UPDATE order_reviews SET closed_at = NULL",
        "UPDATE order_reviews SET closed_at = since",
        &["order_review"],
    ),
    wrong(
        "UPDATE idempotency_keys SET outcome = 'null' WHERE key = 'paid'",
        "DELETE FROM idempotency_keys WHERE key = 'paid'",
        &["idempotency_result"],
    ),
    wrong(
        "UPDATE idempotency_keys SET outcome = '{\"id\":\"00000000-0000-0000-0000-000000000404\"}' \
         WHERE key = 'cancelled'",
        "DELETE FROM idempotency_keys WHERE key = 'cancelled'",
        &["idempotency_result"],
    ),
    wrong(
        "UPDATE orders SET status = 'teleported' WHERE status = 'delivered'",
        "UPDATE orders SET status = 'delivered' WHERE status = 'teleported'",
        &["unreadable_row"],
    ),
];

impl Shop {
    async fn run(&self, sql: &str) {
        let db = self.scratch.database.write();
        let done = db.execute_unprepared(sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn wrong_kinds(&self) -> Vec<&'static str> {
        let found = violations(self).await;
        let mut kinds: Vec<_> = found.iter().map(|violation| violation.kind).collect();
        kinds.sort_unstable();
        kinds
    }

    /// A life with an order of every fate, and returns the paid one's id.
    async fn live(&self) -> String {
        let paid = self.place(&input(WORKS), "paid").await;
        let paid = paid["order"]["id"].clone();
        let cancelled = self.place(&input(WORKS), "cancelled").await;
        self.cancel(&cancelled["order"]["id"], "cancel").await;
        self.place(&input(DECLINED), "declined").await;
        self.refund(&paid, Some("5.00"), "refund").await;
        let sent = Model {
            payment_intent_id: None,
            ..order(1, self.ada, now() - Duration::days(3))
        };
        self.stock(vec![sent]).await;
        self.register(&parcel("DHL1", Value::Null), "p").await;
        let left = now() - Duration::days(2);
        self.carrier_says("DHL1", "shipped", left).await;
        self.carrier_says("DHL1", "delivered", now() - Duration::days(1))
            .await;
        // Whoever has it brings it back.
        self.carrier_says("DHL1", "in_transit", now()).await;
        self.credited_and_spent().await;
        self.work_after(Duration::minutes(5)).await;
        self.close_a_review().await;
        paid.as_str().unwrap().to_owned()
    }

    async fn credited_and_spent(&self) {
        self.deliver(&credited(1, "100.00")).await.unwrap();
        let mut input = input(WORKS);
        input["useStoreCredit"] = json!(true);
        let paid = self.place(&input, "credit").await;
        self.cancel(&paid["order"]["id"], "credit").await;
    }

    async fn close_a_review(&self) {
        let review = order_review::Model {
            order_id: Uuid::from_u128(1),
            reason: order_review::ReviewReason::SentAfterCancellation,
            since: now(),
            closed_at: Some(now()),
            reminded_at: None,
        };
        let db = self.scratch.database.write();
        order_review::write(db, review).await.unwrap();
    }
}

#[tokio::test]
async fn a_shop_that_lived_is_clean_and_each_wrong_row_is_found() {
    for shop in shops().await {
        let name = shop.scratch.name;
        let paid = shop.live().await;
        assert_eq!(violations(&shop).await, [], "{name}");
        for Wrong {
            change,
            undo,
            kinds,
        } in WRONG
        {
            let in_shop = |sql: &str| sql.replace("FIRST", FIRST).replace("PAID", &paid);
            shop.run(&in_shop(change)).await;
            assert_eq!(shop.wrong_kinds().await, *kinds, "{name}: {change}");
            shop.run(&in_shop(undo)).await;
            assert_eq!(violations(&shop).await, [], "{name}: {undo}");
        }
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_violation_says_what_was_expected_and_found_in_one_line() {
    for shop in shops().await {
        shop.place(&input(WORKS), "k").await;
        shop.run("UPDATE stock_levels SET available = available + 3")
            .await;
        let found = violations(&shop).await;
        let product = IdKind::Product.format(Uuid::from_u128(1));
        let (left, changed) = (IN_STOCK - 2, IN_STOCK + 1);
        let expected = format!(
            "stock_level {product}: expected {left} available and 0 damaged after 2 movements, \
             found {changed} available and 0 damaged after 2; see docs/invariants.md#stock_level"
        );
        let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(lines, [expected], "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn refunds_and_credit_of_nobody_are_found() {
    for shop in shops().await {
        let placed = shop.place(&input(WORKS), "k").await;
        let db = shop.scratch.database.write();
        let id = IdKind::Order.parse(placed["order"]["id"].as_str().unwrap());
        let refund = order_refund::Model {
            id: Uuid::from_u128(1),
            order_id: id.unwrap(),
            amount: 99_999_999,
            state: OrderRefundState::Requested,
            provider_id: None,
            failure: None,
            requested_at: now(),
            settled_at: None,
        };
        insert_many::<order_refund::Entity>(db, vec![refund])
            .await
            .unwrap();
        let balance = store_credit_balance::Model {
            customer_id: Uuid::from_u128(404),
            currency_code: "EUR".to_owned(),
            balance: 5,
            updated_at: now(),
        };
        insert_many::<store_credit_balance::Entity>(db, vec![balance])
            .await
            .unwrap();
        let entry = |number, customer, amount| store_credit_entry::Model {
            id: Uuid::from_u128(number),
            customer_id: customer,
            currency_code: "EUR".to_owned(),
            kind: CreditKind::Issued,
            amount,
            reference: format!("ret_{number}"),
            order_id: None,
            return_id: Some(Uuid::from_u128(number)),
            occurred_at: now(),
        };
        let entries = vec![
            entry(1, Uuid::from_u128(404), 5),
            // Without a balance.
            entry(2, shop.ada, 5),
        ];
        insert_many::<store_credit_entry::Entity>(db, entries)
            .await
            .unwrap();
        let expected = [
            "order_refunds",
            "store_credit_balance",
            "store_credit_entry",
        ];
        assert_eq!(shop.wrong_kinds().await, expected, "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_only_tracking_knows_and_what_support_has_settled_is_not_wrong() {
    for shop in shops().await {
        let name = shop.scratch.name;
        let sent = Model {
            payment_intent_id: None,
            ..order(1, shop.ada, now() - Duration::days(3))
        };
        shop.stock(vec![sent]).await;
        shop.register(&parcel("DHL1", Value::Null), "p").await;
        // Not the one that is registered.
        let back = "tracking.returned_to_sender";
        shop.tracking_says(back, "DHL9", "returning", now()).await;
        assert_eq!(violations(&shop).await, [], "{name}: a parcel came back");

        let placed = shop.place(&input(WORKS), "k").await;
        shop.run("UPDATE order_payments SET captured_amount = 99999999")
            .await;
        assert_eq!(shop.wrong_kinds().await, ["order_payment"], "{name}");
        let id = IdKind::Order.parse(placed["order"]["id"].as_str().unwrap());
        let decided = order_decision::Model {
            id: Uuid::from_u128(1),
            order_id: id.unwrap(),
            reason: Some(order_review::ReviewReason::PaymentMismatch),
            since: Some(now()),
            decision: order_decision::OrderDecision::Resolve,
            note: "as agreed".to_owned(),
            actor: "agent-1".to_owned(),
            decided_at: now(),
            status_before: OrderStatus::Confirmed,
            status_after: OrderStatus::Confirmed,
            refund_amount: None,
        };
        let db = shop.scratch.database.write();
        order_decision::insert(db, decided).await.unwrap();
        assert_eq!(violations(&shop).await, [], "{name}: it was settled");
        shop.scratch.drop().await;
    }
}

/// Switches foreign keys of a table off or on, as only an administrator can.
async fn foreign_keys(scratch: &Scratch, table: &str, on: bool) {
    let db = scratch.database.write();
    let sql = match (db.get_database_backend(), on) {
        (DbBackend::Sqlite, true) => "PRAGMA foreign_keys = ON".to_owned(),
        (DbBackend::Sqlite, false) => "PRAGMA foreign_keys = OFF".to_owned(),
        (_, true) => format!("ALTER TABLE {table} ENABLE TRIGGER ALL"),
        (_, false) => format!("ALTER TABLE {table} DISABLE TRIGGER ALL"),
    };
    db.execute_unprepared(&sql).await.unwrap();
}

#[tokio::test]
async fn rows_whose_parent_is_gone_are_found() {
    for shop in shops().await {
        shop.stock(vec![order(1, shop.ada, now())]).await;
        foreign_keys(&shop.scratch, "payment_methods", false).await;
        foreign_keys(&shop.scratch, "customers", false).await;
        shop.run("DELETE FROM customers WHERE name = 'Bob'").await;
        foreign_keys(&shop.scratch, "customers", true).await;
        foreign_keys(&shop.scratch, "payment_methods", true).await;
        let found = violations(&shop).await;
        let [orphan] = &found[..] else {
            panic!("{}: {found:#?}", shop.scratch.name);
        };
        let of = (orphan.kind, orphan.id.as_str(), orphan.expected.as_str());
        let bob = shop.bob.to_string();
        let expected = "a row of customers for payment_methods.customer_id";
        assert_eq!(of, ("orphan", bob.as_str(), expected));
        shop.scratch.drop().await;
    }
}
