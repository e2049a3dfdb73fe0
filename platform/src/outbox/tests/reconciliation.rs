//! Lost events are published again, and events are kept until every group has them.

use super::*;

/// A log that its only group has committed up to this offset.
fn log(name: &str, committed: usize) -> LogState {
    LogState {
        log: name.to_owned(),
        oldest: None,
        groups: [("reader".to_owned(), offset(committed))].into(),
    }
}

#[tokio::test]
async fn what_a_log_lost_before_every_group_had_it_is_published_again_before_anything_newer() {
    for domain in domains().await {
        let publisher = domain.publisher();
        let publish_all = async || while publisher.publish_due().await.unwrap() == Round::Worked {};
        let log_is = |log| *domain.bus.log.lock().unwrap() = Some(log);
        log_is(log("first", 0));
        for aggregate in ["a", "b", "a"] {
            domain.record_event(aggregate, "thing.happened").await;
            publish_all().await;
        }
        assert_eq!(
            domain.bus.received(),
            expected(&[("a", 1), ("b", 1), ("a", 2)])
        );
        // The group has committed the first.
        log_is(log("first", 1));
        publisher.reconcile_all().await;
        let database = &domain.context.database;
        assert_eq!(
            outbox_event::count_unconfirmed(database.read())
                .await
                .unwrap(),
            2
        );

        // The log was replaced by an empty one; then an event is published that is newer than the lost ones.
        log_is(log("second", 0));
        domain.record_event("a", "thing.happened").await;
        publish_all().await;
        let mut again = domain.bus.received().split_off(3);
        assert!(
            again.iter().position(|one| *one == ("a".to_owned(), 2))
                < again.iter().position(|one| *one == ("a".to_owned(), 3)),
            "{again:?}"
        );
        again.sort();
        assert_eq!(again, expected(&[("a", 2), ("a", 3), ("b", 1)]));

        // The log trims its oldest entry, which nobody has read.
        log_is(LogState {
            oldest: Some(offset(5)),
            ..log("second", 3)
        });
        publisher.reconcile_all().await;
        publish_all().await;
        assert_eq!(domain.bus.received().len(), 7);

        // Once confirmed, nothing is published again, and only then may the rows be swept.
        let sweep_after = |days| sweep(database, now() + TimeDelta::days(days));
        assert_eq!(
            sweep_after(8).await.unwrap(),
            1,
            "the one that the group had"
        );
        log_is(log("second", 7));
        publisher.reconcile_all().await;
        assert_eq!(
            outbox_event::count_unconfirmed(database.read())
                .await
                .unwrap(),
            0
        );
        log_is(log("third", 0));
        publisher.reconcile_all().await;
        publish_all().await;
        assert_eq!(domain.bus.received().len(), 7);
        assert_eq!(sweep_after(8).await.unwrap(), 3);
        domain.scratch.drop().await;
    }
}

#[tokio::test]
async fn what_no_group_is_known_to_have_is_kept_longer_and_not_for_ever() {
    for domain in domains().await {
        *domain.bus.log.lock().unwrap() = Some(LogState {
            groups: HashMap::new(),
            ..log("first", 0)
        });
        domain.record_event("a", "thing.happened").await;
        domain.publish_all().await;
        domain.publisher().reconcile_all().await;
        let database = &domain.context.database;
        let sweep_after = |days| sweep(database, now() + TimeDelta::days(days));
        assert_eq!(sweep_after(20).await.unwrap(), 0, "its reader may come");
        assert_eq!(sweep_after(22).await.unwrap(), 1);
        domain.scratch.drop().await;
    }
}
