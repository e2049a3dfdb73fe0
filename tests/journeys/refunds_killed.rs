//! Kills the process at every step of a refund.

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::Utc;
use entities::insert_many;
use entities::orders::{order, payment_method};
use entities::returns::customer_return::{RefundMethod, ReturnStatus};
use entities::returns::{customer_return, return_event};
use platform::database::{Database, DatabaseConfig};
use platform::testing::ports::free_port;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use resolvers::id::IdKind;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::json;
use uuid::Uuid;

use crate::kit::{Process, vantage};
use crate::third_parties::ThirdParties;
use crate::wait::until_it;

/// The step at which the process is killed.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// The scan was received but not stored.
    ScanUnwritten,
    /// The refund is stored as pending, but Stripe has not been called.
    Wanted,
    /// Stripe has refunded, but no response has arrived.
    Unknown,
    /// Stripe has responded, but the result is not stored.
    Unrecorded,
    /// The outcome of the call is unknown, and Stripe is being queried.
    Asking,
    /// The result is stored, but not published.
    Recorded,
    Random,
}

const POINTS: [Point; 8] = [
    Point::ScanUnwritten,
    Point::Wanted,
    Point::Unknown,
    Point::Random,
    Point::Unrecorded,
    Point::Asking,
    Point::Recorded,
    Point::Random,
];

const ROUNDS: usize = 21;
const KILLS_OF_A_ROUND: usize = 5;
const RETURNS_OF_A_KILL: usize = 2;

/// A process that is restarted over the same data at the same address.
struct Shop<'a> {
    data: &'a Path,
    listen: String,
    third_parties: &'a ThirdParties,
}

impl Shop<'_> {
    async fn serve(&self) -> Process {
        let mut command = vantage(self.data);
        command
            .env("VANTAGE_DEMO__ORDERS", "60")
            .env("VANTAGE_TELEMETRY__LOG_LEVEL", "off")
            .envs(self.third_parties.settings())
            .args(["serve", "--listen", &self.listen]);
        Process::start(command).await
    }

    async fn database(&self, domain: &str) -> Database {
        let directory = self.data.to_owned();
        let config = DatabaseConfig::sqlite(directory);
        Database::open(&config, domain).await.unwrap()
    }

    /// Reports these parcels as picked up, and kills the process at this step.
    async fn kill_at(
        &self,
        point: Point,
        mut process: Process,
        returns: &Database,
        parcels: &[customer_return::Model],
        random: &mut ChaCha8Rng,
    ) {
        let stripe = self.third_parties;
        let posts = async || stripe.calls("POST", "/v1/refunds").await.len();
        let before = posts().await;
        let hang = |moment| json!({ "kind": "hang", "moment": moment });
        let mut lock = None;
        match point {
            Point::ScanUnwritten => lock = Some(returns.begin().await.unwrap()),
            Point::Wanted => stripe.fail("POST", "/v1/refunds", 9, hang("before")).await,
            Point::Unknown => stripe.fail("POST", "/v1/refunds", 9, hang("after")).await,
            Point::Unrecorded => {
                let late = json!({ "kind": "delay", "by": "150ms", "moment": "after" });
                stripe.fail("POST", "/v1/refunds", 9, late).await;
            }
            Point::Asking => {
                let broken = json!({ "kind": "status", "status": 502, "moment": "after" });
                stripe.fail("POST", "/v1/refunds", 9, broken).await;
                stripe.fail("GET", "/v1/refunds", 9, hang("before")).await;
            }
            Point::Recorded | Point::Random => {}
        }
        for parcel in parcels {
            let number = parcel.tracking_number.as_deref().unwrap();
            stripe.scan(number, "pickup").await;
        }
        match point {
            Point::ScanUnwritten | Point::Random => {
                // This test is about the moment; there is no state to wait for.
                let wait = Duration::from_millis(random.random_range(5..90));
                tokio::time::sleep(wait).await;
            }
            Point::Wanted | Point::Unknown => {
                until_it(&posts, |calls| *calls > before).await;
            }
            Point::Unrecorded => {
                until_it(&posts, |calls| *calls > before).await;
                lock = Some(returns.begin().await.unwrap());
                let answered = async || stripe.calls("POST", "/v1/refunds").await;
                until_it(&answered, |calls| calls[before]["status"] == 200).await;
                tokio::time::sleep(Duration::from_millis(170)).await;
            }
            Point::Asking => {
                let asked = async || stripe.calls("GET", "/v1/refunds").await;
                until_it(&asked, |calls| {
                    calls.iter().any(|call| call["status"].is_null())
                })
                .await;
            }
            Point::Recorded => {
                let issued = async || issued(returns, &parcels[..1]).await;
                until_it(&issued, |issued| *issued == 1).await;
            }
        }
        process.child.kill().await.unwrap();
        if let Some(lock) = lock {
            lock.rollback().await;
        }
        stripe.mend().await;
    }
}

/// How many of these returns have their refund.
async fn issued(returns: &Database, of: &[customer_return::Model]) -> u64 {
    customer_return::Entity::find()
        .filter(customer_return::Column::Id.is_in(of.iter().map(|row| row.id)))
        .filter(customer_return::Column::Status.eq("refund_issued"))
        .count(returns.read())
        .await
        .unwrap()
}

/// Returns of the shop's orders with a label whose parcel has not been picked up.
async fn labelled(
    orders: &Database,
    returns: &Database,
    count: usize,
) -> Vec<customer_return::Model> {
    let now = Utc::now();
    let usable: Vec<_> = payment_method::Entity::find()
        .all(orders.read())
        .await
        .unwrap()
        .into_iter()
        .filter(|method| method.closed_at.is_none() && method.expires_at.is_none_or(|at| at > now))
        .map(|method| method.id)
        .collect();
    let orders = order::Entity::find()
        .filter(order::Column::PaymentIntentId.is_not_null())
        .filter(order::Column::PaymentMethodId.is_in(usable))
        .all(orders.read())
        .await
        .unwrap();
    let like = customer_return::Entity::find().one(returns.read()).await;
    let like = like.unwrap().expect("the demo shop has a return");
    let rows: Vec<_> = (0..count)
        .map(|number| {
            let order = &orders[number % orders.len()];
            customer_return::Model {
                id: Uuid::now_v7(),
                order_id: order.id,
                customer_id: order.customer_id,
                status: ReturnStatus::LabelGenerated,
                currency: order.local_currency_code.clone(),
                refund_total: 100 + i64::try_from(number).unwrap(),
                shipping_refunded: false,
                refund_method: RefundMethod::OriginalPayment,
                payment_intent_id: None,
                refund_key: None,
                refund_attempts: 0,
                refund_requested_at: None,
                refund_provider_id: None,
                refund_issued_at: None,
                tracking_number: Some(format!("92055900362970{number:08}")),
                label_generated_at: Some(now),
                label_voided_at: None,
                carrier_scanned_at: None,
                delivered_at: None,
                ..like.clone()
            }
        })
        .collect();
    insert_many::<customer_return::Entity>(returns.write(), rows.clone())
        .await
        .unwrap();
    rows
}

#[tokio::test]
async fn a_process_killed_at_any_point_of_a_refund_loses_none_and_makes_none_twice() {
    let scratch = tempfile::tempdir().unwrap();
    let third_parties = ThirdParties::start(scratch.path()).await;
    let data = tempfile::tempdir().unwrap();
    let listen = format!("127.0.0.1:{}", free_port());
    let shop = Shop {
        data: data.path(),
        third_parties: &third_parties,
        listen,
    };
    let mut process = shop.serve().await;
    third_parties.send_parcel_webhooks(&process.base).await;
    let orders = shop.database("orders").await;
    let returns = shop.database("returns").await;
    third_parties.load_payments(&orders).await;
    let all = labelled(
        &orders,
        &returns,
        ROUNDS * KILLS_OF_A_ROUND * RETURNS_OF_A_KILL,
    )
    .await;

    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut slowest = Duration::ZERO;
    for (round, parcels) in all.chunks(KILLS_OF_A_ROUND * RETURNS_OF_A_KILL).enumerate() {
        for (kill, parcels) in parcels.chunks(RETURNS_OF_A_KILL).enumerate() {
            let point = POINTS[(round * KILLS_OF_A_ROUND + kill) % POINTS.len()];
            shop.kill_at(point, process, &returns, parcels, &mut random)
                .await;
            process = shop.serve().await;
        }
        let restarted = Instant::now();
        for parcel in parcels {
            // A carrier stops redelivering unacknowledged webhooks, but the parcel moves on.
            let number = parcel.tracking_number.as_deref().unwrap();
            third_parties.set_status(number, "IN_TRANSIT").await;
        }
        let done = async || issued(&returns, parcels).await;
        until_it(&done, |issued| *issued == parcels.len() as u64).await;
        slowest = slowest.max(restarted.elapsed());
    }
    println!("the slowest round converged {slowest:?} after its restart");

    let mut refunded: Vec<_> = third_parties
        .refunds()
        .await
        .iter()
        .map(|refund| {
            let reference = refund["metadata"]["reference"].as_str().unwrap().to_owned();
            (reference, refund["amount"].as_i64().unwrap())
        })
        .collect();
    refunded.sort();
    let mut expected: Vec<_> = all
        .iter()
        .map(|row| (IdKind::Return.format(row.id), row.refund_total))
        .collect();
    expected.sort();
    assert_eq!(refunded, expected, "each refund exactly once");
    let told = return_event::Entity::find()
        .filter(return_event::Column::Event.eq("refund_issued"))
        .filter(return_event::Column::ReturnId.is_in(all.iter().map(|row| row.id)))
        .count(returns.read())
        .await;
    assert_eq!(told.unwrap(), all.len() as u64);
    assert!(process.stop().await.success());
}
