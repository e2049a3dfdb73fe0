//! Invalidates with the commit of a change, which is sooner than its event can be published. What this misses is invalidated
//! then: the event of another process, for example.

use std::sync::Arc;

use platform::bus::Event;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::{Invalidations, events};

/// Most events whose invalidations are sent together.
const BATCH: usize = 100;

/// Invalidates what the events of committed transactions change, until told to stop.
pub(crate) async fn follow_commits(
    mut committed: broadcast::Receiver<Arc<Event>>,
    invalidations: Invalidations,
    stop: CancellationToken,
) {
    loop {
        let first = tokio::select! {
            () = stop.cancelled() => return,
            first = committed.recv() => first,
        };
        let mut batch = match first {
            Ok(event) => vec![event],
            Err(RecvError::Lagged(_)) => continue,
            // The database is closed.
            Err(RecvError::Closed) => return stop.cancelled().await,
        };
        while batch.len() < BATCH
            && let Ok(event) = committed.try_recv()
        {
            batch.push(event);
        }
        let invalid = events::published(&batch);
        if !invalid.is_empty() {
            invalidations.announce(invalid).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use platform::testing::until;
    use router::{EntityCache, EntityCacheConfig};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn a_committed_change_is_invalidated_before_its_event_is_published() {
        let cache = EntityCache::new(EntityCacheConfig::default());
        let invalidations = Invalidations {
            cache: Some(cache.clone()),
            shared: None,
        };
        let committed = broadcast::Sender::new(16);
        let stop = CancellationToken::new();
        let following = follow_commits(committed.subscribe(), invalidations, stop.clone());
        let following = tokio::spawn(following);
        let event = |event_type: &str| {
            Arc::new(Event {
                id: Uuid::nil(),
                topic: "pricing.events".to_owned(),
                event_type: event_type.to_owned(),
                aggregate_id: "prices".to_owned(),
                sequence: 1,
                occurred_at: DateTime::UNIX_EPOCH,
                data: json!({ "prices": [{ "productId": "prd_1" }] }),
                traceparent: None,
            })
        };
        let before = cache.epoch();
        committed.send(event("rate.alert")).unwrap();
        committed.send(event("price.changed")).unwrap();
        until("the change is noted", async || cache.epoch() > before).await;
        assert_eq!(cache.epoch(), before + 1, "nothing else has changed");
        stop.cancel();
        following.await.unwrap();
    }
}
