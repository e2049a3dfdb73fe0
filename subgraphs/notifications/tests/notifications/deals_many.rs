//! Customers with many waiting deals: a change is followed by all of them, in steps, and nothing costs more for how many
//! they are.

use chrono::{DateTime, TimeDelta, Utc};
use notifications::deals::RecalculateDeals;
use platform::tasks::{self, Step};
use serde_json::json;

use crate::shop::{Shop, customer, shops, time};

const NOON: &str = "2026-06-01T12:00:00Z";
const EVENING: &str = "2026-06-01T23:00:00Z";
const MORNING: &str = "2026-06-02T07:00:00Z";
const END: &str = "2026-06-03T00:00:00Z";

/// More than are computed in one step.
const MANY: u64 = 620;

impl Shop {
    /// How many waiting deals are due at this time, as their messages say, too; and how many at another.
    async fn due_at(&self, at: DateTime<Utc>) -> (usize, usize) {
        let deals = self.queue().await;
        let messages = self.messages().await;
        let others = deals.iter().filter(|deal| deal.due_at != at).count();
        let told = messages
            .iter()
            .filter(|row| row.scheduled_for == Some(at))
            .count();
        assert_eq!(told, deals.len() - others, "{}", self.scratch.name);
        (told, others)
    }
}

#[tokio::test]
async fn a_change_is_followed_by_all_waiting_deals_of_a_customer() {
    for shop in shops(NOON).await {
        let name = shop.scratch.name;
        shop.schedule_many(customer(1), MANY, EVENING, END).await;
        shop.schedule_many(customer(2), 3, EVENING, END).await;
        assert_eq!(shop.due_at(time(EVENING)).await, (623, 0), "{name}");
        shop.quiet_nights(customer(1), "UTC").await;
        shop.send_due().await;
        assert_eq!(shop.due_at(time(MORNING)).await, (620, 3), "{name}");
        shop.prefer(customer(1), None, json!({ "quietHours": null }))
            .await;
        shop.send_due().await;
        assert_eq!(shop.due_at(time(EVENING)).await, (623, 0), "{name}");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn whoever_is_stopped_or_killed_meanwhile_leaves_the_rest_to_others() {
    for shop in shops(NOON).await {
        let name = shop.scratch.name;
        let database = &shop.scratch.database;
        shop.schedule_many(customer(1), MANY, EVENING, END).await;
        shop.quiet_nights(customer(1), "UTC").await;
        let claim = || tasks::claim::<RecalculateDeals>(database, &shop.clock, customer(1));
        // Stopped after one step.
        let state = shop.deals();
        state.stop.cancel();
        let stopped = claim().await.unwrap().unwrap();
        let step = stopped.perform(&state).await.unwrap();
        assert_eq!(step, Step::RetryAt(shop.clock.now()), "{name}");
        let (moved, rest) = shop.due_at(time(MORNING)).await;
        assert!(moved > 0 && rest > 0, "{name}: {moved} {rest}");
        // Killed when it begins the next one: its claim ends.
        drop(claim().await.unwrap().unwrap());
        shop.clock.advance(TimeDelta::seconds(20));
        shop.send_due().await;
        assert_eq!(shop.due_at(time(MORNING)).await, (620, 0), "{name}");
        assert!(claim().await.unwrap().is_none(), "{name}");
        shop.scratch.drop().await;
    }
}

#[tokio::test]
async fn deals_that_are_put_off_go_together() {
    for shop in shops(NOON).await {
        let name = shop.scratch.name;
        let database = &shop.scratch.database;
        shop.schedule_many(customer(1), 350, EVENING, END).await;
        shop.import_quiet_nights(customer(1)).await;
        shop.set_time(EVENING);
        let before = database.statements();
        assert_eq!(shop.drain().await.put_off, 350, "{name}");
        let statements = database.statements() - before;
        assert!(statements < 200, "{name}: {statements}");
        assert_eq!(shop.due_at(time(MORNING)).await, (350, 0), "{name}");
        shop.set_time(MORNING);
        assert_eq!(shop.drain().await.sent, 350, "{name}");
        shop.scratch.drop().await;
    }
}
