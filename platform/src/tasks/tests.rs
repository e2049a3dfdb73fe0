//! Tasks on every database: each runs once, and again after a failure or an interruption.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use chrono::TimeZone;
use sea_orm::EntityTrait;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::bus::InProcessBus;
use crate::clock::Clock;
use crate::testing::{Scratch, scratch_databases, until};
use crate::workers::WorkerContext;

mod killed;
mod migrated;

/// The outcomes of the next runs, and how often each subject was run.
#[derive(Clone, Default)]
struct Works {
    outcomes: Arc<Mutex<Vec<Outcome>>>,
    runs: Arc<Mutex<HashMap<Uuid, Vec<u32>>>>,
    /// If set, runs wait for a permit.
    gate: Option<Arc<Semaphore>>,
}

#[derive(Clone, Copy)]
enum Outcome {
    Done,
    Later(i64),
    Fails,
    Outage,
    Suspended,
    Never,
    Panics,
}

#[derive(Debug, Serialize, Deserialize)]
struct Work {
    of: Uuid,
}

#[async_trait]
impl Task for Work {
    const KIND: &'static str = "work";
    type State = (Works, Clock);

    fn key(&self) -> Uuid {
        self.of
    }

    fn subject(&self) -> String {
        format!("wrk_{}", self.of.as_u128())
    }

    async fn run(&self, (works, clock): &Self::State, attempt: u32) -> Result<Step, TaskError> {
        works
            .runs
            .lock()
            .unwrap()
            .entry(self.of)
            .or_default()
            .push(attempt);
        if let Some(gate) = &works.gate {
            gate.acquire().await.unwrap().forget();
        }
        let next = works.outcomes.lock().unwrap().pop();
        let reason = "it does not answer".to_owned();
        match next.unwrap_or(Outcome::Done) {
            Outcome::Done => Ok(Step::Done),
            Outcome::Later(seconds) => Ok(Step::RetryAt(clock.now() + TimeDelta::seconds(seconds))),
            Outcome::Fails => Err(TaskError::Failed("no luck".to_owned())),
            Outcome::Outage => Err(TaskError::Outage {
                reason,
                retry_in: None,
            }),
            Outcome::Suspended => Err(TaskError::Suspended {
                reason,
                retry_in: Duration::from_secs(2),
            }),
            Outcome::Never => Err(TaskError::Permanent("it is gone".to_owned())),
            Outcome::Panics => panic!("out of order"),
        }
    }
}

struct Domain {
    scratch: Scratch,
    context: WorkerContext,
    clock: Clock,
    works: Works,
}

async fn domains(works: impl Fn() -> Works) -> Vec<Domain> {
    let mut domains = Vec::new();
    for scratch in scratch_databases().await {
        let connection = scratch.database.connect_for_migrations().await.unwrap();
        migrations::migrate::<migrations::pricing::Migrator>(&connection)
            .await
            .unwrap();
        let clock = Clock::manual(Utc.with_ymd_and_hms(2025, 10, 9, 14, 30, 0).unwrap());
        let bus = Arc::new(InProcessBus::new());
        let stop = CancellationToken::new();
        domains.push(Domain {
            context: WorkerContext::new(&scratch.database, bus, clock.clone(), stop),
            scratch,
            clock,
            works: works(),
        });
    }
    domains
}

impl Domain {
    async fn enqueue(&self, of: u128) {
        self.enqueue_for(of, self.clock.now()).await;
    }

    async fn enqueue_for(&self, of: u128, due_at: DateTime<Utc>) {
        let transaction = self.context.database.begin().await.unwrap();
        let of = Uuid::from_u128(of);
        enqueue(&transaction, &Work { of }, due_at, self.clock.now())
            .await
            .unwrap();
        transaction.commit().await.unwrap();
    }

    fn runner(&self) -> Runner {
        Runner::new(self.context.clone()).register::<Work>((self.works.clone(), self.clock.clone()))
    }

    /// The outcomes of the next runs, in order.
    fn plan(&self, outcomes: &[Outcome]) {
        *self.works.outcomes.lock().unwrap() = outcomes.iter().rev().copied().collect();
    }

    async fn run_after(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
        self.runner().run_due().await.unwrap();
    }

    /// The attempt numbers of all runs of a subject.
    fn runs(&self, of: u128) -> Vec<u32> {
        let runs = self.works.runs.lock().unwrap();
        runs.get(&Uuid::from_u128(of)).cloned().unwrap_or_default()
    }

    async fn rows(&self) -> Vec<task::Model> {
        let rows = task::Entity::find().all(self.context.database.read()).await;
        rows.unwrap()
    }
}

#[tokio::test]
async fn a_task_is_performed_once_and_forgotten() {
    for domain in domains(Works::default).await {
        for of in [1, 2, 1] {
            domain.enqueue(of).await;
        }
        domain.run_after(0).await;
        assert_eq!((domain.runs(1), domain.runs(2)), (vec![0], vec![0]));
        assert_eq!(domain.rows().await, []);
        domain.run_after(1_000).await;
        assert_eq!(domain.runs(1), [0], "{}", domain.scratch.name);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn failures_are_tried_again_after_growing_waits_until_one_succeeds() {
    for domain in domains(Works::default).await {
        domain.enqueue(1).await;
        domain.plan(&[
            Outcome::Fails,
            Outcome::Panics,
            Outcome::Fails,
            Outcome::Later(60),
        ]);
        let mut last = TimeDelta::zero();
        for failures in 1..=3 {
            domain.run_after(3).await;
            let [row] = &domain.rows().await[..] else {
                panic!("one task");
            };
            assert_eq!(row.attempts, failures);
            let wait = row.due_at - domain.clock.now();
            assert!(wait > last / 2 && wait <= TimeDelta::seconds(1), "{wait}");
            last = wait;
            let told = row.last_error.as_deref().unwrap();
            let expected = if failures == 2 {
                "it panicked: out of order"
            } else {
                "no luck"
            };
            assert_eq!(told, expected);
        }
        // It succeeds and schedules another run.
        domain.run_after(3).await;
        let row = &domain.rows().await[0];
        assert_eq!((row.attempts, row.last_error.as_deref()), (0, None));
        domain.run_after(59).await;
        assert_eq!(domain.runs(1), [0, 1, 2, 3]);
        domain.run_after(1).await;
        assert_eq!(domain.runs(1), [0, 1, 2, 3, 0]);
        assert_eq!(domain.rows().await, [], "{}", domain.scratch.name);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn an_outage_is_waited_for_and_a_third_party_that_is_left_alone_is_no_failure() {
    for domain in domains(Works::default).await {
        domain.enqueue(1).await;
        domain.plan(&[Outcome::Outage; 20]);
        for _ in 0..20 {
            domain.run_after(15).await;
        }
        assert_eq!(domain.runs(1).len(), 20, "never longer than 15 s");
        domain.plan(&[Outcome::Suspended]);
        domain.run_after(15).await;
        let row = &domain.rows().await[0];
        assert_eq!(row.attempts, 20);
        let wait = row.due_at - domain.clock.now();
        assert!(
            wait >= TimeDelta::seconds(2) && wait < TimeDelta::seconds(3),
            "{wait}"
        );
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_can_never_succeed_is_given_up_listed_and_tried_again_when_somebody_says_so() {
    for domain in domains(Works::default).await {
        domain.enqueue(1).await;
        domain.enqueue(2).await;
        domain.plan(&[Outcome::Never, Outcome::Never]);
        domain.run_after(0).await;
        domain.run_after(100_000).await;
        assert_eq!(domain.runs(1), [0]);
        let (db, now) = (domain.context.database.write(), domain.clock.now());
        let listed = list(db, false, 10).await.unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[0].last_error.as_deref(), Some("it is gone"));
        assert!(listed.iter().all(|row| row.dead_lettered_at.is_some()));

        assert_eq!(retry(db, Some(("work", "wrk_3")), now).await.unwrap(), 0);
        assert_eq!(retry(db, Some(("work", "wrk_1")), now).await.unwrap(), 1);
        assert!(discard(db, "work", "wrk_2", now).await.unwrap());
        assert!(!discard(db, "work", "wrk_2", now).await.unwrap());
        domain.run_after(0).await;
        assert_eq!((domain.runs(1), domain.runs(2)), (vec![0, 0], vec![0]));
        assert_eq!(domain.rows().await, []);

        // Enqueuing a task that was given up tries it again, too.
        domain.plan(&[Outcome::Never]);
        domain.enqueue(3).await;
        domain.run_after(0).await;
        domain.enqueue(3).await;
        domain.run_after(0).await;
        assert_eq!(domain.runs(3), [0, 0]);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_is_enqueued_while_it_is_performed_is_performed_once_more() {
    let gated = || Works {
        gate: Some(Arc::new(Semaphore::new(0))),
        ..Works::default()
    };
    for domain in domains(gated).await {
        let gate = domain.works.gate.clone().unwrap();
        domain.enqueue(1).await;
        let runner = domain.runner();
        let performing = tokio::spawn(async move { runner.run_due().await });
        until("the task runs", async || !domain.runs(1).is_empty()).await;
        assert_eq!(
            domain.runner().run_due().await.ok(),
            Some(()),
            "nobody else begins with it"
        );
        assert_eq!(domain.runs(1), [0]);
        domain.enqueue(1).await;
        gate.add_permits(2);
        performing.await.unwrap().unwrap();
        domain.runner().run_due().await.unwrap();
        assert_eq!(domain.runs(1), [0, 0], "{}", domain.scratch.name);
        assert_eq!(domain.rows().await, []);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_run_that_somebody_asks_for_does_not_put_off_the_next_one() {
    for domain in domains(Works::default).await {
        domain.enqueue(1).await;
        domain.plan(&[
            Outcome::Fails,
            Outcome::Fails,
            Outcome::Suspended,
            Outcome::Outage,
        ]);
        domain.run_after(0).await;
        let prior = domain.rows().await;
        let (database, key) = (&domain.context.database, Uuid::from_u128(1));
        for _ in 0..3 {
            ensure(database.write(), &Work { of: key }, domain.clock.now())
                .await
                .unwrap();
            let asked = claim::<Work>(database, &domain.clock, key).await.unwrap();
            let state = (domain.works.clone(), domain.clock.clone());
            let outcome = asked.expect("it is free").perform(&state).await;
            assert!(outcome.is_err());
            assert_eq!(domain.rows().await, prior, "{}", domain.scratch.name);
        }
        domain.run_after(1).await;
        assert_eq!(domain.runs(1), [0, 1, 1, 1, 1]);
        assert_eq!(domain.rows().await, []);

        domain.plan(&[Outcome::Never]);
        domain.enqueue(1).await;
        domain.run_after(0).await;
        assert!(domain.rows().await[0].dead_lettered_at.is_some());
        ensure(database.write(), &Work { of: key }, domain.clock.now())
            .await
            .unwrap();
        domain.run_after(0).await;
        assert_eq!(domain.rows().await, [], "it gets another try");
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_somebody_left_who_is_gone_another_takes_up_when_the_claim_ends() {
    for domain in domains(Works::default).await {
        domain.enqueue(1).await;
        let key = Uuid::from_u128(1);
        let left = claim::<Work>(&domain.context.database, &domain.clock, key)
            .await
            .unwrap();
        // As by a kill: nothing of it keeps running.
        drop(left.expect("it is free"));
        domain.enqueue(1).await;
        domain.run_after(1).await;
        assert_eq!(domain.runs(1), [] as [u32; 0]);
        domain.run_after(1).await;
        assert_eq!(domain.runs(1), [0]);
        assert_eq!(domain.rows().await, [], "{}", domain.scratch.name);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_is_due_later_is_performed_sooner_when_it_is_enqueued_again_whoever_holds_it() {
    for domain in domains(Works::default).await {
        let later = domain.clock.now() + TimeDelta::hours(1);
        for of in [1, 2] {
            domain.enqueue_for(of, later).await;
        }
        let key = Uuid::from_u128(2);
        let left = claim::<Work>(&domain.context.database, &domain.clock, key).await;
        drop(left.unwrap().expect("it is free"));
        domain.run_after(60).await;
        assert_eq!(domain.works.runs.lock().unwrap().len(), 0);
        for of in [1, 2] {
            domain.enqueue(of).await;
            domain.enqueue_for(of, later).await;
        }
        domain.run_after(0).await;
        assert_eq!((domain.runs(1), domain.runs(2)), (vec![0], vec![0]));
        assert_eq!(domain.rows().await, [], "{}", domain.scratch.name);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn a_runner_is_woken_by_the_commit_and_finishes_what_is_under_way_when_it_stops() {
    let gated = || Works {
        gate: Some(Arc::new(Semaphore::new(0))),
        ..Works::default()
    };
    for domain in domains(gated).await {
        let running = tokio::spawn(domain.runner().run());
        for of in 1..=20 {
            domain.enqueue(of).await;
        }
        let runs = || domain.works.runs.lock().unwrap().len();
        until("eight tasks run", async || runs() >= 8).await;
        domain.context.stop.cancel();
        domain.works.gate.as_ref().unwrap().add_permits(8);
        running.await.unwrap();
        assert_eq!(runs(), 8, "no more at a time");
        assert_eq!(domain.rows().await.len(), 12, "{}", domain.scratch.name);
        domain.scratch.drop().await;
    }
}
