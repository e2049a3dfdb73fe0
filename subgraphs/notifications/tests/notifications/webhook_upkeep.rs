//! The upkeep of webhooks: what is deleted, measured and woken.

use chrono::{DateTime, TimeDelta, Utc};
use entities::notifications::{partner_event, webhook_endpoint};
use notifications::workers;
use platform::tables::lease;
use platform::tasks;
use sea_orm::EntityTrait;
use serde_json::json;
use uuid::Uuid;

use crate::fixture::{PATIENCE, RETRIES};
use crate::webhooks::sequences;
use crate::world::{CLIENT, WEBHOOK, worlds};

#[tokio::test]
async fn old_events_are_deleted_with_all_that_is_about_them() {
    for world in worlds().await {
        world.receiver.answer([(500, None); RETRIES.len() + 1]);
        world.publish_orders(Uuid::now_v7(), &[1]).await;
        world.deliver().await;
        for wait in RETRIES {
            world.deliver_after(wait * 2).await;
        }
        assert_eq!(world.dead_letters().await.len(), 1);
        let sweep =
            async |now: DateTime<Utc>| workers::sweep_once(&world.state, now).await.unwrap();
        let now = world.clock.now();
        sweep(now).await;
        assert_eq!(
            world.dead_letters().await.len(),
            1,
            "{}",
            world.scratch.name
        );
        // It is first missing long after it started, for a moment and then for good.
        let partner = world.state.partners.find(CLIENT).unwrap();
        let before = world.endpoint().await;
        let mut now = now + TimeDelta::hours(20);
        for _ in 0..3 {
            world.state.partners.replace(Vec::new());
            now += TimeDelta::hours(20);
            sweep(now).await;
            world.state.partners.replace(vec![partner.clone()]);
            sweep(now + TimeDelta::hours(1)).await;
            assert_eq!(world.endpoint().await, before, "{}", world.scratch.name);
        }
        world.state.partners.replace(Vec::new());
        sweep(now).await;
        sweep(now + TimeDelta::days(2)).await;
        assert_eq!(world.dead_letters().await, []);
        let read = world.scratch.database.read();
        let filters = [partner_event::EventFilter {
            types: vec!["order.shipped"],
            customers: None,
        }];
        assert_eq!(partner_event::count(read, &filters).await.unwrap(), 0);
        assert_eq!(webhook_endpoint::all(read).await.unwrap(), []);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_webhook_whose_task_is_missing_is_woken_and_what_it_does_not_get_is_skipped() {
    for world in worlds().await {
        world.publish_orders(Uuid::now_v7(), &[1]).await;
        let (db, now) = (world.scratch.database.write(), world.clock.now());
        let subject = format!("{CLIENT}/{WEBHOOK}");
        assert!(
            tasks::discard(db, "deliver_webhooks", &subject, now)
                .await
                .unwrap()
        );
        assert_eq!(world.deliver().await, []);
        workers::measure_once(&world.state).await.unwrap();
        assert_eq!(
            sequences(&world.deliver().await),
            [1],
            "{}",
            world.scratch.name
        );

        // Recorded for another partner: skipped after a while, unless something else waits.
        let of_another = async || {
            let event = partner_event::NewPartnerEvent {
                event_id: Uuid::now_v7(),
                event_type: "return.initiated".to_owned(),
                object_id: "ret_1".to_owned(),
                sequence: 1,
                customer_id: None,
                data: json!({}),
                occurred_at: now,
            };
            let appended = partner_event::append(db, event, world.clock.now()).await;
            appended.unwrap()
        };
        let measured = async || {
            workers::measure_once(&world.state).await.unwrap();
            world.endpoint().await.position
        };
        let before = world.endpoint().await.position;
        of_another().await;
        assert_eq!(measured().await, before);
        world.clock.advance(TimeDelta::minutes(2));
        world.publish_orders(Uuid::now_v7(), &[2]).await;
        assert_eq!(measured().await, before);
        assert_eq!(sequences(&world.deliver().await), [2]);
        let last = of_another().await;
        world.clock.advance(TimeDelta::minutes(2));
        assert_eq!(measured().await, last, "{}", world.scratch.name);
        world.scratch.drop().await;
    }
}

#[tokio::test]
async fn one_instance_measures_webhooks_and_counts_up_to_a_limit() {
    for world in worlds().await {
        world.publish_orders(Uuid::now_v7(), &[1]).await;
        let first = world.clock.now();
        world.clock.advance(TimeDelta::seconds(1));
        world.publish_orders(Uuid::now_v7(), &[2, 3]).await;
        let read = world.scratch.database.read();
        let filters = [partner_event::EventFilter {
            types: vec!["order.shipped"],
            customers: None,
        }];
        for (limit, waiting) in [(2, 2), (10, 3)] {
            let backlog = partner_event::backlog(read, &filters, 0, limit).await;
            let expected = partner_event::Backlog {
                waiting,
                oldest: Some(first),
            };
            assert_eq!(backlog.unwrap(), expected, "{}", world.scratch.name);
        }

        let mut jobs = workers::jobs(&world.state, &world.context());
        let mut named = jobs.iter_mut();
        let job = named.find(|job| job.name == "notifications.webhook_metrics");
        let has_run = async || {
            let lease = lease::Entity::find_by_id("webhook_metrics").one(read).await;
            lease.unwrap().is_some_and(|lease| lease.ran_at.is_some())
        };
        let waiting = async {
            while !has_run().await {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = job.unwrap().run() => panic!("it runs until it is stopped"),
            run = tokio::time::timeout(PATIENCE, waiting) => run.expect("it runs under its lease"),
        }
        world.scratch.drop().await;
    }
}
