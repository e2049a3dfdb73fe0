//! Refunds after a carrier's scan: exactly once, whatever the provider answers and wherever they are interrupted.

use std::time::Duration;

use chrono::Utc;
use entities::returns::store_credit;
use platform::clock::Clock;
use platform::testing::until;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use returns::RefundMethod;
use returns::rules::status::ReturnStatus;
use sea_orm::EntityTrait;
use uuid::Uuid;

use crate::desk::{Desk, desks, desks_at, event, labelled, public};
use crate::providers::{Fault, tracking};

const REFUND: &str = "POST /v1/refunds";
const TOTAL: i64 = 32_399;

/// Desks with one return that the carrier has just scanned.
async fn scanned(clock: &Clock) -> Vec<(Desk, Uuid)> {
    let (order, _) = labelled(1);
    let mut all = Vec::new();
    for desk in desks_at(&[order], clock).await {
        let (_, made) = labelled(1);
        let id = made.row.id;
        desk.fixture.store(vec![made]).await;
        all.push((desk, id));
    }
    all
}

async fn scan(desk: &Desk) {
    let at = desk.fixture.state.clock.now();
    let scan = event("evt_scan", &tracking(1), &[("in_transit", at)]);
    assert_eq!(desk.hook(&scan).await, 200);
}

async fn credits(desk: &Desk) -> Vec<store_credit::Model> {
    let db = desk.fixture.scratch.database.read();
    store_credit::Entity::find().all(db).await.unwrap()
}

#[tokio::test]
async fn a_scan_gives_the_money_back_and_a_delivery_completes() {
    for (mut desk, id) in scanned(&Clock::system()).await {
        desk.work();
        scan(&desk).await;
        let row = desk.until_status(id, ReturnStatus::RefundIssued).await;
        assert_eq!(desk.providers.refunded(), [(public(id), TOTAL)]);
        assert_eq!(row.refund_provider_id.as_deref(), Some("re_1"));
        assert_eq!(row.refund_key, Some(format!("refund-{}", public(id))));
        assert_eq!(row.refund_method, RefundMethod::OriginalPayment);

        let delivered = event("evt_end", &tracking(1), &[("delivered", Utc::now())]);
        assert_eq!(desk.hook(&delivered).await, 200);
        let row = desk.row(id).await;
        assert_eq!(row.status.as_str(), "completed");
        assert!(row.delivered_at.is_some());
        let published: Vec<_> = desk
            .published()
            .await
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let expected = [
            "return.carrier_scanned",
            "return.refund_issued",
            "return.completed",
        ];
        assert_eq!(published, expected);
        desk.stop().await;
    }
}

#[tokio::test]
async fn whatever_the_provider_answers_it_gives_the_money_back_once() {
    let cases: [&[Fault]; 6] = [
        &[Fault::Before(503)],
        &[Fault::Before(429), Fault::After(502)],
        &[Fault::Cut],
        // More often than the client retries by itself: the outcome has to be looked up.
        &[Fault::After(502), Fault::Cut, Fault::After(500)],
        &[Fault::Before(500), Fault::Before(503), Fault::Before(502)],
        &[Fault::After(504), Fault::Before(429), Fault::After(502)],
    ];
    for faults in cases {
        for (mut desk, id) in scanned(&Clock::system()).await {
            desk.providers.fail(REFUND, faults);
            desk.work();
            scan(&desk).await;
            desk.until_status(id, ReturnStatus::RefundIssued).await;
            assert_eq!(
                desk.providers.refunded(),
                [(public(id), TOTAL)],
                "{faults:?}"
            );
            let was_asked = desk.providers.calls("GET /v1/refunds") > 0;
            assert_eq!(was_asked, faults.len() == 3, "{faults:?}");
            desk.stop().await;
        }
    }
}

#[tokio::test]
async fn an_order_that_store_credit_paid_in_part_is_refunded_to_both_once() {
    for faults in [&[][..], &[Fault::After(502), Fault::Cut, Fault::After(500)]] {
        for (mut desk, id) in scanned(&Clock::system()).await {
            desk.fixture.orders.pay_with_credit(TOTAL / 4);
            desk.providers.fail(REFUND, faults);
            desk.work();
            scan(&desk).await;
            let row = desk.until_status(id, ReturnStatus::RefundIssued).await;
            let refunded = desk.providers.refunded();
            assert_eq!(refunded.len(), 1);
            assert_eq!(refunded[0].1, TOTAL - row.refund_credit, "{faults:?}");
            assert!(row.refund_credit >= TOTAL / 4);
            let credits = credits(&desk).await;
            assert_eq!(credits.len(), 1);
            assert_eq!(credits[0].amount, row.refund_credit);
            assert_eq!(credits[0].reason.as_str(), "paid_by_credit");
            let published = desk.published().await;
            let issued = published
                .iter()
                .find(|(name, _)| name == "return.store_credit_issued");
            let (_, data) = issued.unwrap();
            assert_eq!(data["totalAmount"], data["amount"]);
            desk.stop().await;
        }
    }
}

#[tokio::test]
async fn a_refund_of_another_amount_or_currency_settles_nothing_and_alerts_once() {
    for (amount, currency) in [
        (1, "eur"),
        (TOTAL - 1, "eur"),
        (TOTAL + 1, "eur"),
        (TOTAL, "jpy"),
    ] {
        for (mut desk, id) in scanned(&Clock::system()).await {
            desk.providers.refund_instead(amount, currency);
            desk.work();
            scan(&desk).await;
            desk.until(id, |row| row.support_alerted_at.is_some()).await;
            // It is checked again, without another alert.
            until("the refund is read twice", async || {
                desk.providers.calls("GET /v1/refunds") >= 2
            })
            .await;
            assert_eq!(desk.row(id).await.status.as_str(), "carrier_scanned");
            let published = desk.published().await;
            let alerts: Vec<_> = published
                .iter()
                .filter(|(name, _)| name == "return.support_alert")
                .collect();
            assert_eq!(alerts.len(), 1);
            assert_eq!(alerts[0].1["reason"], "refund_mismatch");
            assert_eq!(desk.providers.refunded().len(), 1, "never twice");
            desk.stop().await;
        }
    }
}

#[tokio::test]
async fn a_closed_payment_is_credited_and_the_customer_notified() {
    for (mut desk, id) in scanned(&Clock::system()).await {
        desk.fixture.orders.close_payment_methods();
        desk.work();
        scan(&desk).await;
        let row = desk.until_status(id, ReturnStatus::RefundIssued).await;
        assert_eq!(row.refund_method, RefundMethod::StoreCredit);
        assert_eq!(desk.providers.calls(REFUND), 0);
        let [credit] = &credits(&desk).await[..] else {
            panic!("one credit")
        };
        assert_eq!((credit.amount, credit.currency.as_str()), (TOTAL, "EUR"));
        let published = desk.published().await;
        let (_, credited) = published
            .iter()
            .find(|(name, _)| name == "return.store_credit_issued")
            .unwrap();
        assert_eq!(credited["amount"], "323.99");
        assert_eq!(credited["reason"], "payment_unusable");
        assert_eq!(credited["storeCreditId"], credit.id.to_string());
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_refund_that_pends_waits_for_the_bank() {
    for decision in ["succeeded", "failed"] {
        let clock = Clock::manual(Utc::now());
        for (mut desk, id) in scanned(&clock).await {
            desk.providers.make_refunds("pending");
            desk.work();
            scan(&desk).await;
            until("a refund is requested", async || {
                desk.providers.calls(REFUND) > 0
            })
            .await;
            desk.until(id, |row| row.refund_requested_at.is_some())
                .await;
            assert_eq!(desk.row(id).await.status.as_str(), "carrier_scanned");
            desk.providers.decide_refunds(decision);
            desk.pass_until(&clock, "the bank's decision is known", async || {
                desk.row(id).await.status != ReturnStatus::CarrierScanned
            })
            .await;
            let row = desk.row(id).await;
            let is_credited = decision == "failed";
            assert_eq!(credits(&desk).await.len(), usize::from(is_credited));
            assert_eq!(row.refund_method == RefundMethod::StoreCredit, is_credited);
            assert_eq!(desk.providers.calls(REFUND), 1);
            desk.stop().await;
        }
    }
}

#[tokio::test]
async fn a_refund_that_the_bank_sends_back_later_is_credited_once() {
    let clock = Clock::manual(Utc::now());
    for (mut desk, id) in scanned(&clock).await {
        desk.work();
        scan(&desk).await;
        desk.until_status(id, ReturnStatus::RefundIssued).await;
        desk.providers.decide_refunds("failed");
        desk.pass_until(&clock, "the failure is known", async || {
            desk.row(id).await.refund_method != RefundMethod::OriginalPayment
        })
        .await;
        assert_eq!(desk.row(id).await.status.as_str(), "refund_issued");
        assert_eq!(credits(&desk).await.len(), 1);
        assert_eq!(desk.count("return.store_credit_issued").await, 1);
        assert_eq!(desk.count("return.refund_issued").await, 1);
        desk.stop().await;
    }
}

#[tokio::test]
async fn a_refund_waits_for_the_orders_domain() {
    for (mut desk, id) in scanned(&Clock::system()).await {
        desk.fixture.orders.fail();
        desk.work();
        scan(&desk).await;
        until("the orders domain is asked twice", async || {
            desk.fixture.orders.calls() >= 2
        })
        .await;
        assert_eq!(desk.row(id).await.status.as_str(), "carrier_scanned");
        desk.fixture.orders.mend();
        desk.until_status(id, ReturnStatus::RefundIssued).await;
        assert_eq!(desk.providers.refunded().len(), 1);
        desk.stop().await;
    }
}

#[tokio::test]
async fn work_that_is_cut_off_anywhere_gives_the_money_back_once() {
    const RETURNS: u32 = 60;
    let all: Vec<_> = (1..=RETURNS).map(labelled).collect();
    let orders: Vec<_> = all.iter().map(|(order, _)| order.clone()).collect();
    for mut desk in desks(&orders).await {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        for number in 1..=RETURNS {
            let (_, made) = labelled(number);
            let id = made.row.id;
            desk.fixture.store(vec![made]).await;
            let scans = [("in_transit", Utc::now()), ("delivered", Utc::now())];
            let scan = event(&format!("evt_{number}"), &tracking(number as usize), &scans);
            assert_eq!(desk.hook(&scan).await, 200);
            desk.work();
            // The moment of the interruption is what this test varies; there is no state to wait for.
            tokio::time::sleep(Duration::from_micros(random.random_range(0..12_000))).await;
            desk.cut().await;
            assert!(desk.providers.refunded().len() <= number as usize, "{id}");
        }
        desk.work();
        for (_, made) in &all {
            desk.until_status(made.row.id, ReturnStatus::Completed)
                .await;
        }
        let mut refunded = desk.providers.refunded();
        refunded.sort();
        let mut expected: Vec<_> = all
            .iter()
            .map(|(_, made)| (public(made.row.id), TOTAL))
            .collect();
        expected.sort();
        assert_eq!(refunded, expected, "{}", desk.fixture.scratch.name);
        assert_eq!(desk.count("return.refund_issued").await, RETURNS as usize);
        assert_eq!(desk.count("return.completed").await, RETURNS as usize);
        desk.stop().await;
    }
}
