//! Several returns of one order, whose refunds depend on each other.

use chrono::Utc;
use entities::returns::{customer_return, refund_supplement, store_credit};
use platform::clock::Clock;
use platform::tables::task;
use platform::testing::until;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use resolvers::id::IdKind;
use resolvers::money::CurrencyCode;
use returns::rules::status::ReturnStatus;
use returns::transitions::{Actor, Transition};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::{Desk, desks, desks_at, event};
use crate::fake_orders::{FakeItem, FakeOrder};
use crate::fixture::{CUSTOMER, bought_label};

const CREATE: &str = "mutation($input: ReturnCreateInput!, $key: String!) {
  returnCreate(input: $input, idempotencyKey: $key) { return { id } userErrors { __typename } }
}";

const CANCEL: &str = "mutation($id: ID!, $key: String!) {
  returnCancel(id: $id, idempotencyKey: $key) { return { status } userErrors { code } }
}";

/// 30.00, 3 × 11.11 and 7.77 of goods, 5.50 of shipping and 5.21 of tax; whole numbers in yen.
fn order(currency: CurrencyCode) -> FakeOrder {
    let item = |id, quantity, line_total| FakeItem {
        id: Uuid::from_u128(id),
        quantity,
        line_total,
        restriction: None,
    };
    FakeOrder {
        id: Uuid::from_u128(6_000),
        customer: CUSTOMER,
        delivered_at: Some(Utc::now() - chrono::Duration::days(2)),
        total_usd: 8_000,
        currency,
        shipping: 550,
        tax: 521,
        items: vec![item(601, 1, 3_000), item(602, 3, 3_333), item(603, 1, 777)],
    }
}

async fn create(
    desk: &Desk,
    order: &FakeOrder,
    item: usize,
    units: i32,
    reason: &str,
) -> Option<Uuid> {
    let input = json!({
        "key": Uuid::new_v4(),
        "input": {
            "orderId": IdKind::Order.format(order.id),
            "items": [{
                "orderItemId": IdKind::OrderItem.format(order.items[item].id),
                "quantity": units, "condition": "OPENED_USED", "reasonCode": reason,
            }],
        },
    });
    let answer = desk.fixture.ask(CREATE, input).await;
    let id = &answer["data"]["returnCreate"]["return"]["id"];
    id.as_str().and_then(|id| IdKind::Return.parse(id))
}

/// Two returns of a defective item each, of which the first refunds the shipping.
async fn two_returns(desk: &Desk, order: &FakeOrder) -> [Uuid; 2] {
    let first = create(desk, order, 0, 1, "defective_on_arrival").await;
    let second = create(desk, order, 2, 1, "defective_on_arrival").await;
    [first.unwrap(), second.unwrap()]
}

/// The total of all refunds.
fn given_in_all(desk: &Desk) -> i64 {
    let refunded = desk.providers.refunded();
    refunded.iter().map(|(_, amount)| amount).sum()
}

async fn cancel(desk: &Desk, id: Uuid) -> Value {
    let variables = json!({ "id": IdKind::Return.format(id), "key": Uuid::new_v4() });
    let answer = desk.fixture.ask(CANCEL, variables).await;
    answer["data"]["returnCancel"]["return"]["status"].clone()
}

/// Creates the return's label, has the carrier scan it, and waits for its refund.
async fn refund(desk: &Desk, id: Uuid) -> customer_return::Model {
    let number = id.to_string();
    let labelled = Transition::LabelGenerated(bought_label(&number, Utc::now()));
    let labelled = desk.fixture.advance(id, &labelled, Actor::System);
    labelled.await.unwrap();
    let scan = event(
        &format!("evt_{number}"),
        &number,
        &[("in_transit", Utc::now())],
    );
    assert_eq!(desk.hook(&scan).await, 200);
    desk.until_status(id, ReturnStatus::RefundIssued).await
}

/// The total refunded for a return.
fn given(desk: &Desk, id: Uuid) -> i64 {
    let refunded = desk.providers.refunded();
    let of_it = refunded
        .iter()
        .filter(|(of, _)| of.starts_with(&IdKind::Return.format(id)));
    of_it.map(|(_, amount)| amount).sum()
}

/// Waits until no supplement is pending. Issued refunds are checked for weeks.
async fn settled(desk: &Desk) {
    let db = desk.fixture.scratch.database.read();
    let is_open = async || {
        let tasks = task::Entity::find().filter(task::Column::Kind.eq("supplement"));
        for task in tasks.all(db).await.unwrap() {
            let owed = refund_supplement::of_return(db, task.key).await.unwrap();
            if owed.is_none_or(|owed| owed.issued_at.is_none()) {
                return true;
            }
        }
        false
    };
    until("no supplement is pending", async || !is_open().await).await;
}

#[tokio::test]
async fn a_sibling_that_is_cancelled_gives_the_shipping_to_the_one_that_stays() {
    for currency in [CurrencyCode::Eur, CurrencyCode::Jpy, CurrencyCode::Brl] {
        let order = order(currency);
        for mut desk in desks(std::slice::from_ref(&order)).await {
            desk.providers.pay_in(order.currency.as_str());
            desk.work();
            let [first, second] = two_returns(&desk, &order).await;
            let shown = desk.row(second).await;
            assert_eq!(desk.row(first).await.refund_shipping, 550);
            assert_eq!((shown.refund_shipping, shown.shipping_refunded), (0, false));

            assert_eq!(cancel(&desk, first).await, "CANCELLED");
            let issued = refund(&desk, second).await;
            assert_eq!(
                (issued.refund_shipping, issued.shipping_refunded),
                (550, true)
            );
            assert_eq!(issued.refund_total, shown.refund_total + 550);
            assert_eq!(given(&desk, second), issued.refund_total);
            let published = desk.published().await;
            let (_, issued) = published
                .iter()
                .rfind(|(name, _)| name == "return.refund_issued")
                .unwrap();
            assert_eq!(issued["refund"]["includesShipping"], true);

            // The item is returned after all, for another reason: its own share is deducted, once.
            let later = create(&desk, &order, 0, 1, "changed_mind").await.unwrap();
            let deducted = 550 * 3_000 / order.subtotal();
            assert_eq!(desk.row(later).await.refund_shipping, -deducted);
            refund(&desk, later).await;
            let rest = create(&desk, &order, 1, 3, "wrong_item_shipped")
                .await
                .unwrap();
            assert_eq!(desk.row(rest).await.refund_shipping, 0);
            refund(&desk, rest).await;
            let all = given_in_all(&desk);
            assert!(all <= order.total(), "{all}");
            assert_eq!(all, order.total() - deducted);
            desk.stop().await;
        }
    }
}

#[tokio::test]
async fn a_sibling_that_is_cancelled_later_gives_the_shipping_to_the_one_that_was_refunded() {
    let order = order(CurrencyCode::Eur);
    for is_credited in [false, true] {
        for mut desk in desks(std::slice::from_ref(&order)).await {
            desk.providers.pay_in(order.currency.as_str());
            desk.work();
            let [first, second] = two_returns(&desk, &order).await;
            let issued = refund(&desk, second).await;
            assert_eq!(
                (issued.refund_shipping, given(&desk, second)),
                (0, issued.refund_total)
            );
            if is_credited {
                desk.fixture.orders.close_payment_methods();
            }
            assert_eq!(cancel(&desk, first).await, "CANCELLED");
            settled(&desk).await;
            let row = desk.row(second).await;
            assert_eq!((row.refund_shipping, row.shipping_refunded), (550, true));
            assert_eq!(row.refund_total, issued.refund_total + 550);
            let credits = store_credit::Entity::find()
                .all(desk.fixture.scratch.database.read())
                .await
                .unwrap();
            if is_credited {
                assert_eq!((credits.len(), credits[0].amount), (1, 550));
                assert_eq!(given(&desk, second), issued.refund_total);
            } else {
                assert_eq!(credits, []);
                assert_eq!(given(&desk, second), row.refund_total);
            }
            assert_eq!(desk.count("return.shipping_refunded").await, 1);
            assert_eq!(desk.count("return.refund_issued").await, 1);
            desk.stop().await;
        }
    }
}

#[tokio::test]
async fn shipping_that_the_bank_sends_back_later_is_credited_once() {
    let order = order(CurrencyCode::Eur);
    let clock = Clock::manual(Utc::now());
    for mut desk in desks_at(std::slice::from_ref(&order), &clock).await {
        desk.providers.pay_in(order.currency.as_str());
        desk.work();
        let [first, second] = two_returns(&desk, &order).await;
        refund(&desk, second).await;
        assert_eq!(cancel(&desk, first).await, "CANCELLED");
        desk.until(second, |row| row.shipping_refunded).await;
        desk.pass_until(&clock, "the shipping is refunded", async || {
            desk.count("return.shipping_refunded").await > 0
        })
        .await;
        desk.providers.decide_refund(
            &format!("{}-shipping", IdKind::Return.format(second)),
            "failed",
        );
        let credits = async || {
            let credits = store_credit::Entity::find();
            let credits = credits.all(desk.fixture.scratch.database.read()).await;
            credits.unwrap()
        };
        desk.pass_until(&clock, "the shipping is credited", async || {
            !credits().await.is_empty()
        })
        .await;
        until("the supplement is done", async || {
            task_count(&desk, "supplement").await == 0
        })
        .await;
        let credits = credits().await;
        assert_eq!((credits.len(), credits[0].amount), (1, 550));
        // Its own refund stays where it is.
        assert_eq!(
            desk.row(second).await.refund_method.as_str(),
            "original_payment"
        );
        assert_eq!(desk.count("return.store_credit_issued").await, 1);
        desk.stop().await;
    }
}

async fn task_count(desk: &Desk, kind: &str) -> u64 {
    let tasks = task::Entity::find().filter(task::Column::Kind.eq(kind));
    let count = tasks.count(desk.fixture.scratch.database.read()).await;
    count.unwrap()
}

#[tokio::test]
async fn a_return_that_becomes_due_no_more_than_was_shown_gets_what_was_shown() {
    let order = order(CurrencyCode::Usd);
    for mut desk in desks(std::slice::from_ref(&order)).await {
        desk.providers.pay_in(order.currency.as_str());
        desk.work();
        let made = create(&desk, &order, 0, 1, "changed_mind").await.unwrap();
        let shown = desk.row(made).await;
        let sibling = create(&desk, &order, 1, 2, "defective_on_arrival")
            .await
            .unwrap();
        refund(&desk, sibling).await;
        assert_eq!(refund(&desk, made).await.refund_total, shown.refund_total);
        assert_eq!(given(&desk, made), shown.refund_total);
        desk.stop().await;
    }
}

/// The bounds of `rules/refund/tests/sequences.rs`, for the whole domain: requests, scans, tasks and provider.
#[tokio::test]
async fn random_sequences_of_returns_keep_their_bounds_in_every_currency() {
    const REASONS: [&str; 3] = ["changed_mind", "defective_on_arrival", "missing_parts"];
    let currencies = [CurrencyCode::Usd, CurrencyCode::Jpy, CurrencyCode::Mxn];
    for (seed, currency) in (0..9).zip(currencies.into_iter().cycle()) {
        let order = order(currency);
        for mut desk in desks(std::slice::from_ref(&order)).await {
            desk.providers.pay_in(order.currency.as_str());
            desk.work();
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let mut open: Vec<(Uuid, i64)> = Vec::new();
            for _ in 0..14 {
                match random.random_range(0..4) {
                    0 | 1 => {
                        let (item, units) = (random.random_range(0..3), random.random_range(1..3));
                        let reason = REASONS[random.random_range(0..REASONS.len())];
                        if let Some(id) = create(&desk, &order, item, units, reason).await {
                            open.push((id, desk.row(id).await.refund_total));
                        }
                    }
                    2 if !open.is_empty() => {
                        let (id, _) = open.swap_remove(random.random_range(0..open.len()));
                        assert_eq!(cancel(&desk, id).await, "CANCELLED");
                        settled(&desk).await;
                    }
                    3 if !open.is_empty() => {
                        let (id, shown) = open.swap_remove(random.random_range(0..open.len()));
                        let issued = refund(&desk, id).await;
                        assert!(issued.refund_total >= shown, "seed {seed}");
                        assert_eq!(given(&desk, id), issued.refund_total, "seed {seed}");
                    }
                    _ => {}
                }
                let rows = customer_return::Entity::find()
                    .all(desk.fixture.scratch.database.read())
                    .await
                    .unwrap();
                let counted: Vec<_> = rows
                    .iter()
                    .filter(|row| row.status != ReturnStatus::Cancelled)
                    .collect();
                let total: i64 = counted.iter().map(|row| row.refund_total).sum();
                let given = given_in_all(&desk);
                assert!(given <= total && total <= order.total(), "seed {seed}");
                let paid: i64 = counted
                    .iter()
                    .filter(|row| row.refund_issued_at.is_some())
                    .map(|row| row.refund_total)
                    .sum();
                assert_eq!(given, paid, "seed {seed}");
                let shippings = counted.iter().filter(|row| row.shipping_refunded).count();
                assert!(shippings <= 1, "seed {seed}");
            }
            desk.stop().await;
        }
    }
}
