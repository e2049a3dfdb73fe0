//! Tasks are restarted however they end, are visible while down, and stop in order.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::mpsc;

use super::*;

/// Fails differently at each start, then keeps running.
fn unreliable(supervisor: &Supervisor) -> mpsc::UnboundedReceiver<u32> {
    let (started, starts) = mpsc::unbounded_channel();
    let count = Arc::new(AtomicU32::new(0));
    supervisor.start(Stage::Work, "unreliable", move |stop| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let _ = started.send(number);
        assert_ne!(number, 1, "panics before it has a future");
        async move {
            match number {
                0 => panic!("number {number}"),
                2 => {}
                _ => stop.cancelled().await,
            }
        }
    });
    starts
}

#[tokio::test]
async fn a_task_that_panics_or_ends_is_started_again_and_seen_until_then() {
    let supervisor = Supervisor::new();
    let mut starts = unreliable(&supervisor);
    let failures = [
        "it panicked: number 0",
        "it panicked: assertion `left != right` failed: panics before it has a future\n  left: 1\n right: 1",
        "it ended",
    ];
    for (number, failure) in (0..).zip(failures) {
        assert_eq!(starts.recv().await, Some(number));
        // Down for a moment only: looked at whenever something has run.
        while supervisor.down().is_empty() {
            tokio::task::yield_now().await;
        }
        let down = supervisor.down();
        assert_eq!(&*down[0].name, "unreliable");
        assert_eq!(down[0].last_failure.as_deref(), Some(failure));
        assert_eq!(down[0].restarts, u64::from(number));
    }
    assert_eq!(starts.recv().await, Some(3));
    assert_eq!(supervisor.down(), []);
    assert_eq!(supervisor.statuses()[0].restarts, 3);
    supervisor.shutdown(Duration::from_secs(1)).await;
    assert_eq!(supervisor.statuses(), []);
}

#[tokio::test]
async fn stages_stop_one_after_another() {
    let supervisor = Supervisor::new();
    let (started, mut starts) = mpsc::unbounded_channel();
    let (ended, mut ends) = mpsc::unbounded_channel();
    // Started in the reverse order.
    for stage in Stage::ALL.into_iter().rev() {
        let (started, ended) = (started.clone(), ended.clone());
        supervisor.start(stage, format!("{stage:?}"), move |stop| {
            let (started, ended) = (started.clone(), ended.clone());
            async move {
                let _ = started.send(stage);
                stop.cancelled().await;
                // Give other stages the chance to end, in case they were wrongly told to.
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                let _ = ended.send(stage);
            }
        });
    }
    for _ in Stage::ALL {
        starts.recv().await.unwrap();
    }
    supervisor.shutdown(Duration::from_secs(30)).await;
    for stage in Stage::ALL {
        assert_eq!(ends.recv().await, Some(stage));
    }
}

#[tokio::test]
async fn a_task_that_does_not_stop_holds_up_nobody_for_longer_than_the_patience() {
    let supervisor = Supervisor::new();
    supervisor.start(Stage::Work, "stuck", |_| std::future::pending());
    let (started, mut starts) = mpsc::unbounded_channel();
    let (ended, mut ends) = mpsc::unbounded_channel();
    supervisor.start(Stage::Support, "next", move |stop| {
        let (started, ended) = (started.clone(), ended.clone());
        async move {
            let _ = started.send(());
            stop.cancelled().await;
            let _ = ended.send(());
        }
    });
    starts.recv().await.unwrap();
    supervisor.shutdown(Duration::from_millis(50)).await;
    assert_eq!(ends.recv().await, Some(()));
}

#[tokio::test]
async fn names_are_unique_and_an_aborted_task_is_gone() {
    let supervisor = Supervisor::new();
    let first = supervisor.start(Stage::Support, "pubsub", |_| std::future::pending());
    supervisor.start(Stage::Support, "pubsub", |_| std::future::pending());
    let names = |supervisor: &Supervisor| -> Vec<String> {
        let statuses = supervisor.statuses();
        statuses
            .iter()
            .map(|status| status.name.to_string())
            .collect()
    };
    assert_eq!(names(&supervisor), ["pubsub", "pubsub-2"]);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(names(&supervisor), ["pubsub-2"]);
}
