//! Payments whose outcome is lost or late: each is charged once, or refunded.

use chrono::Duration;
use rand::rngs::ChaCha8Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::checkout::input;
use crate::fake_stripe::{DECLINED, NEEDS_ACTION, WORKS};
use crate::fixture::{Shop, shops};
use crate::webhooks::event;

/// As many lost responses as one call makes attempts.
const ALL_ATTEMPTS: u32 = 3;

/// An order placed while the responses to these calls are lost.
async fn place_in_doubt(shop: &Shop, token: &str, path: &'static str) -> Value {
    shop.stripe.lose(path, ALL_ATTEMPTS);
    let placed = shop.place(&input(token), "k").await;
    assert_eq!(placed["userErrors"], serde_json::json!([]));
    assert_eq!(placed["order"]["status"], "PENDING");
    placed["order"]["id"].clone()
}

#[tokio::test]
async fn an_order_whose_payment_was_taken_without_an_answer_is_confirmed_by_its_task() {
    for shop in shops().await {
        let id = place_in_doubt(&shop, WORKS, "/confirm").await;
        shop.work_after(Duration::milliseconds(500)).await;
        assert_eq!(shop.story(&id).await, "PENDING: order.placed");
        shop.work_after(Duration::seconds(2)).await;
        assert_eq!(
            shop.story(&id).await,
            "CONFIRMED: order.placed, order.confirmed"
        );
        assert_eq!(shop.stripe.intents().len(), 1, "{}", shop.scratch.name);
        shop.work_after(Duration::days(1)).await;
        assert_eq!(shop.payment().await.state.as_str(), "taken");
        assert_eq!(shop.tasks().await, []);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_payment_that_was_created_without_an_answer_is_not_created_twice() {
    for shop in shops().await {
        let id = place_in_doubt(&shop, WORKS, "/payment_intents").await;
        shop.work_after(Duration::seconds(10)).await;
        assert_eq!(
            shop.story(&id).await,
            "CONFIRMED: order.placed, order.confirmed"
        );
        assert_eq!(shop.stripe.intents().len(), 1, "{}", shop.scratch.name);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_payment_that_was_declined_without_an_answer_is_told_later() {
    for shop in shops().await {
        let id = place_in_doubt(&shop, DECLINED, "/confirm").await;
        shop.work_after(Duration::seconds(10)).await;
        assert_eq!(
            shop.story(&id).await,
            "CANCELLED: order.placed, order.cancelled"
        );
        let again = shop.place(&input(DECLINED), "k").await;
        assert_eq!(again["userErrors"][0]["code"], "PAYMENT_DECLINED");
        let message = again["userErrors"][0]["message"].as_str().unwrap();
        assert!(message.contains("not enough money"), "{message}");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_provider_that_stays_away_is_asked_later_and_later() {
    for shop in shops().await {
        let id = place_in_doubt(&shop, WORKS, "/confirm").await;
        // Together with the earlier failures, these two open the circuit breaker.
        shop.stripe.lose("/pi_1", 2);
        shop.work_after(Duration::seconds(40)).await;
        assert_eq!(shop.payment().await.state.as_str(), "wanted");
        let [task] = &shop.tasks().await[..] else {
            panic!("one task of the payment");
        };
        // The attempt of the request came before the task was due.
        assert_eq!((task.kind.as_str(), task.attempts), ("payment", 1));
        assert!(task.last_error.is_some());
        let wait = task.due_at - shop.clock.now();
        assert!(
            wait >= Duration::seconds(1) && wait <= Duration::seconds(10),
            "{wait} {}",
            shop.scratch.name
        );
        // It answers again, and is called again by then.
        shop.work_after(Duration::seconds(40)).await;
        assert_eq!(
            shop.story(&id).await,
            "CONFIRMED: order.placed, order.confirmed"
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn payments_wait_for_the_end_of_an_outage_and_no_longer() {
    for shop in shops().await {
        let id = place_in_doubt(&shop, WORKS, "/confirm").await;
        // Unavailable for two minutes.
        shop.stripe.lose("/pi_1", u32::MAX);
        for _ in 0..60 {
            shop.work_after(Duration::seconds(2)).await;
        }
        assert_eq!(shop.story(&id).await, "PENDING: order.placed");
        let calls = shop.stripe.calls().len();
        assert!(
            calls < 60,
            "{calls} calls of a provider that does not answer"
        );
        shop.stripe.lose("/pi_1", 0);
        let back = shop.clock.now();
        while shop.story(&id).await == "PENDING: order.placed" {
            shop.work_after(Duration::seconds(2)).await;
            let waited = shop.clock.now() - back;
            assert!(waited <= Duration::seconds(20), "{waited}");
        }
        assert_eq!(
            shop.story(&id).await,
            "CONFIRMED: order.placed, order.confirmed"
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_payment_that_the_customer_never_confirms_is_given_up_after_an_hour() {
    for shop in shops().await {
        let placed = shop.place(&input(NEEDS_ACTION), "k").await;
        let id = &placed["order"]["id"];
        shop.work_after(Duration::minutes(59)).await;
        assert_eq!(shop.story(id).await, "PENDING: order.placed");
        shop.work_after(Duration::minutes(6)).await;
        assert_eq!(
            shop.story(id).await,
            "CANCELLED: order.placed, order.cancelled"
        );
        assert_eq!(shop.stripe.intents()[0]["status"], "canceled");
        assert_eq!(
            shop.payment().await.state.as_str(),
            "released",
            "{}",
            shop.scratch.name
        );
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_order_cancelled_while_its_payment_is_in_doubt_gets_its_money_back() {
    for shop in shops().await {
        let id = place_in_doubt(&shop, WORKS, "/confirm").await;
        assert_eq!(shop.cancel(&id, "c").await["order"]["status"], "CANCELLED");
        shop.work_after(Duration::seconds(10)).await;
        let story = "CANCELLED: order.placed, order.cancelled, order.refunded";
        assert_eq!(shop.story(&id).await, story);
        let refunds = shop.stripe.refunds();
        assert_eq!(refunds.len(), 1, "{}", shop.scratch.name);
        assert_eq!(refunds[0]["amount"], shop.stripe.intents()[0]["amount"]);
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_order_cancelled_before_its_payment_was_created_is_never_charged() {
    for shop in shops().await {
        let id = place_in_doubt(&shop, WORKS, "/payment_intents").await;
        assert_eq!(shop.cancel(&id, "c").await["order"]["status"], "CANCELLED");
        shop.work_after(Duration::seconds(10)).await;
        assert_eq!(
            shop.story(&id).await,
            "CANCELLED: order.placed, order.cancelled"
        );
        assert_eq!(
            shop.payment().await.state.as_str(),
            "released",
            "{}",
            shop.scratch.name
        );
        let charged = shop
            .stripe
            .intents()
            .into_iter()
            .filter(|intent| intent["status"] == "succeeded");
        assert_eq!(charged.count(), 0);
        shop.scratch.drop().await;
    }
}

/// What may happen to a placed order, in any sequence.
#[derive(Clone, Copy, Debug)]
enum Happening {
    TheCustomerConfirms,
    TheCustomerCancels,
    StripeTells,
    TheJobRuns,
}

/// In any sequence: a confirmed order was paid, and nothing is kept of a cancelled one.
#[tokio::test]
async fn the_money_is_where_the_order_says() {
    use Happening::{StripeTells, TheCustomerCancels, TheCustomerConfirms, TheJobRuns};
    for shop in shops().await {
        for seed in 0..60 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let token = [WORKS, NEEDS_ACTION, NEEDS_ACTION, DECLINED]
                .choose(&mut random)
                .unwrap();
            let placed = shop.place(&input(token), &seed.to_string()).await;
            let id = &placed["order"]["id"];
            let intent = || {
                let intents = shop.stripe.intents();
                let found = intents
                    .into_iter()
                    .find(|one| one["metadata"]["order"] == *id);
                found.unwrap()
            };
            let payment = intent()["id"].as_str().unwrap().to_owned();

            let mut happenings = vec![
                TheCustomerConfirms,
                TheCustomerCancels,
                StripeTells,
                StripeTells,
                TheJobRuns,
                TheJobRuns,
            ];
            happenings.shuffle(&mut random);
            happenings.truncate(random.random_range(0..=6));
            for (number, happening) in happenings.iter().enumerate() {
                match happening {
                    TheCustomerConfirms if intent()["status"] == "requires_action" => {
                        shop.stripe.act(&payment, "succeeded");
                    }
                    TheCustomerConfirms => {}
                    TheCustomerCancels => {
                        shop.cancel(id, &seed.to_string()).await;
                    }
                    StripeTells => {
                        let intent = intent();
                        let kind = match intent["status"].as_str().unwrap() {
                            "succeeded" => "payment_intent.succeeded",
                            "canceled" => "payment_intent.canceled",
                            "requires_action" => "payment_intent.requires_action",
                            _ => "payment_intent.payment_failed",
                        };
                        shop.tell(&event(&format!("evt_{seed}_{number}"), kind, &intent))
                            .await;
                    }
                    TheJobRuns => shop.work_after(Duration::seconds(10)).await,
                }
            }
            shop.work_after(Duration::minutes(70)).await;

            let story = shop.story(id).await;
            let refunds = shop.stripe.refunds();
            let given_back: i64 = refunds
                .iter()
                .filter(|refund| refund["payment_intent"] == *payment)
                .map(|refund| refund["amount"].as_i64().unwrap())
                .sum();
            let kept = intent()["amount_received"].as_i64().unwrap() - given_back;
            let expected = match story.split_once(':').unwrap().0 {
                "CONFIRMED" => intent()["amount"].as_i64().unwrap(),
                "CANCELLED" => 0,
                _ => panic!("seed {seed}: {story} after {happenings:?}"),
            };
            let context = (seed, shop.scratch.name, story, happenings);
            assert_eq!(kept, expected, "{context:?}");
            assert_ne!(intent()["status"], "requires_action", "{context:?}");
        }
        shop.scratch.drop().await;
    }
}
