//! Leases on every database, with a clock that jumps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::TimeDelta;
use sea_orm::EntityTrait;
use tokio::sync::Notify;

use super::*;
use crate::outbox::tests::{Domain, domains};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn instance<'a>(domain: &'a Domain, holder: &str) -> Instance<'a> {
    Instance {
        holder: holder.to_owned(),
        ..Instance::new(&domain.context, "job", Schedule::Every(HOUR))
    }
}

/// Checks the job as one of the instances and returns the outcome.
async fn run_if_due(domain: &Domain, holder: &str) -> RunOutcome {
    let work = || async { Ok::<_, DbErr>(()) };
    instance(domain, holder).run_if_due(work).await.unwrap()
}

#[tokio::test]
async fn a_job_runs_once_in_an_interval_whoever_looks() {
    for domain in domains().await {
        assert_eq!(
            run_if_due(&domain, "a").await,
            RunOutcome::Done,
            "{}",
            domain.scratch.name
        );
        assert_eq!(run_if_due(&domain, "a").await, RunOutcome::NotDue);
        assert_eq!(run_if_due(&domain, "b").await, RunOutcome::NotDue);
        domain.clock.advance(TimeDelta::minutes(59));
        assert_eq!(run_if_due(&domain, "b").await, RunOutcome::NotDue);
        domain.clock.advance(TimeDelta::minutes(1));
        assert_eq!(run_if_due(&domain, "b").await, RunOutcome::Done);
        assert_eq!(run_if_due(&domain, "a").await, RunOutcome::NotDue);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn to_look_whether_a_job_is_due_writes_nothing() {
    for domain in domains().await {
        assert_eq!(run_if_due(&domain, "a").await, RunOutcome::Done);
        let mut commits = domain.context.database.commits();
        commits.mark_unchanged();
        for holder in ["a", "b"] {
            assert_eq!(run_if_due(&domain, holder).await, RunOutcome::NotDue);
        }
        assert!(!commits.has_changed().unwrap(), "{}", domain.scratch.name);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_nightly_job_runs_once_a_night_whoever_looks() {
    let three = chrono::NaiveTime::from_hms_opt(3, 0, 0).unwrap();
    for domain in domains().await {
        let run = async |holder: &str| {
            let instance = Instance {
                holder: holder.to_owned(),
                ..Instance::new(&domain.context, "nightly", Schedule::DailyAt(three))
            };
            let work = || async { Ok::<_, DbErr>(()) };
            instance.run_if_due(work).await.unwrap()
        };
        let until_three = |now: chrono::DateTime<chrono::Utc>| {
            (now.date_naive() + TimeDelta::days(1))
                .and_time(three)
                .and_utc()
                - now
        };
        // It has never run.
        assert_eq!(run("a").await, RunOutcome::Done, "{}", domain.scratch.name);
        let wait = until_three(domain.clock.now());
        domain.clock.advance(wait - TimeDelta::seconds(1));
        // At an hour before three of the same day it may have been due once more.
        let _ = run("a").await;
        assert_eq!(run("b").await, RunOutcome::NotDue);
        domain.clock.advance(TimeDelta::seconds(1));
        assert_eq!(run("b").await, RunOutcome::Done);
        assert_eq!(run("a").await, RunOutcome::NotDue);
        domain.clock.advance(TimeDelta::hours(23));
        assert_eq!(run("a").await, RunOutcome::NotDue);
        domain.clock.advance(TimeDelta::hours(1));
        assert_eq!(run("a").await, RunOutcome::Done);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_job_that_failed_is_due_and_another_instance_may_run_it() {
    for domain in domains().await {
        let failing = || async { Err("no luck") };
        let failed = instance(&domain, "a").run_if_due(failing).await;
        assert_eq!(failed.unwrap(), RunOutcome::Failed);
        assert_eq!(
            run_if_due(&domain, "b").await,
            RunOutcome::Done,
            "{}",
            domain.scratch.name
        );
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn while_one_instance_runs_it_no_other_does_until_the_lease_of_a_dead_one_is_over() {
    for domain in domains().await {
        let started = Arc::new(Notify::new());
        let endless = || async {
            started.notify_one();
            std::future::pending::<Result<(), DbErr>>().await
        };
        let first = instance(&domain, "a");
        tokio::select! {
            _ = first.run_if_due(endless) => panic!("it does not end"),
            () = started.notified() => {}
        }
        // Dropped in mid-run, as by a kill.
        assert_eq!(
            run_if_due(&domain, "b").await,
            RunOutcome::NotDue,
            "{}",
            domain.scratch.name
        );
        domain.clock.advance(TimeDelta::seconds(31));
        assert_eq!(run_if_due(&domain, "b").await, RunOutcome::Done);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_clock_that_was_ahead_and_is_set_back_does_not_stop_a_job() {
    for domain in domains().await {
        domain.clock.advance(TimeDelta::days(365));
        assert_eq!(run_if_due(&domain, "a").await, RunOutcome::Done);
        let holder = instance(&domain, "a");
        let renewed = lease::renew(domain.context.database.write(), holder.lease_request()).await;
        assert!(renewed.unwrap());
        domain.clock.advance(TimeDelta::days(-365));
        assert_eq!(
            run_if_due(&domain, "b").await,
            RunOutcome::Done,
            "{}",
            domain.scratch.name
        );
        assert_eq!(run_if_due(&domain, "b").await, RunOutcome::NotDue);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_instance_that_lost_its_lease_stops_its_work() {
    for domain in domains().await {
        let mut first = instance(&domain, "a");
        first.ttl = Duration::from_millis(30);
        let stolen = || async {
            // The first instance keeps renewing until its lease is taken.
            while run_if_due(&domain, "b").await == RunOutcome::NotDue {
                domain.clock.advance(TimeDelta::minutes(1));
            }
            std::future::pending::<Result<(), DbErr>>().await
        };
        let run = first.run_if_due(stolen).await.unwrap();
        assert_eq!(run, RunOutcome::Lost, "{}", domain.scratch.name);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_instance_that_works_for_long_keeps_its_lease() {
    for domain in domains().await {
        let mut first = instance(&domain, "a");
        first.ttl = Duration::from_millis(30);
        let ttl = TimeDelta::milliseconds(30);
        let long = || async {
            for _ in 0..5 {
                domain.clock.advance(ttl / 2);
                let (db, held) = (domain.context.database.read(), domain.clock.now() + ttl);
                while lease::Entity::find_by_id("job")
                    .one(db)
                    .await?
                    .unwrap()
                    .expires_at
                    < held
                {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                assert_eq!(run_if_due(&domain, "b").await, RunOutcome::NotDue);
            }
            Ok::<_, DbErr>(())
        };
        let run = first.run_if_due(long).await.unwrap();
        assert_eq!(run, RunOutcome::Done, "{}", domain.scratch.name);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn several_instances_run_a_job_one_at_a_time() {
    for domain in domains().await {
        let (running, runs) = (AtomicU32::new(0), AtomicU32::new(0));
        let work = || async {
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
            tokio::task::yield_now().await;
            running.fetch_sub(1, Ordering::SeqCst);
            if runs.fetch_add(1, Ordering::SeqCst) == 4 {
                domain.context.stop.cancel();
            }
            domain.clock.advance(TimeDelta::milliseconds(20));
            Ok::<_, DbErr>(())
        };
        let every = Duration::from_millis(20);
        let instances = (0..3).map(|_| run_leased(&domain.context, "job", every, work));
        futures::future::join_all(instances).await;
        assert!(runs.load(Ordering::SeqCst) >= 5, "{}", domain.scratch.name);
        domain.scratch.drop().await;
    }
}
