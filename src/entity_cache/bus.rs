//! A bus whose events also invalidate what routers have stored.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use platform::bus::{BusError, Consumer, Event, EventBus, LogState, Receipt};
use router::Invalidation;
use tokio::time::sleep;

use super::{Invalidations, events};

/// Invalidates before it publishes, and when a domain has applied an event of another one.
#[derive(Debug)]
pub(crate) struct InvalidatingBus {
    bus: Arc<dyn EventBus>,
    invalidations: Invalidations,
    rates_settle: Duration,
}

impl InvalidatingBus {
    pub(crate) fn new(bus: Arc<dyn EventBus>, invalidations: Invalidations) -> Self {
        Self {
            bus,
            invalidations,
            rates_settle: events::RATES_SETTLE,
        }
    }

    /// Invalidates once more when no process can use a rate from before: what is fetched until then may still have it.
    fn announce_settled(&self, settled: Vec<Invalidation>) {
        let (invalidations, settle) = (self.invalidations.clone(), self.rates_settle);
        tokio::spawn(async move {
            sleep(settle).await;
            invalidations.announce(settled).await;
        });
    }
}

#[async_trait]
impl EventBus for InvalidatingBus {
    /// The change has been committed, so what is fetched from now on has it. Whoever reacts to the event sees it, too.
    async fn publish(&self, events: &[Arc<Event>]) -> Vec<Result<Receipt, BusError>> {
        let invalid = events::published(events);
        if !invalid.is_empty() {
            self.invalidations.announce(invalid).await;
        }
        let settled = events::settled(events);
        if !settled.is_empty() {
            self.announce_settled(settled);
        }
        self.bus.publish(events).await
    }

    async fn logs(&self, topic: &str, groups: &[&str]) -> Result<Option<Vec<LogState>>, BusError> {
        self.bus.logs(topic, groups).await
    }

    fn subscribe(&self, topics: &[&str], group: &str) -> Result<Box<dyn Consumer>, BusError> {
        self.bus.subscribe(topics, group)
    }

    fn is_shared(&self) -> bool {
        self.bus.is_shared()
    }

    async fn handled(&self, domain: &str, event: &Event) {
        if let Some(invalid) = events::handled(domain, event) {
            self.invalidations.announce(vec![invalid]).await;
        }
        self.bus.handled(domain, event).await;
    }

    async fn check(&self) -> Result<(), BusError> {
        self.bus.check().await
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use platform::bus::InProcessBus;
    use platform::testing::until;
    use router::{EntityCache, EntityCacheConfig};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn what_was_fetched_with_rates_from_before_is_invalidated_once_none_are_used() {
        let cache = EntityCache::new(EntityCacheConfig::default());
        let invalidations = Invalidations {
            cache: Some(cache.clone()),
            shared: None,
        };
        let bus = InvalidatingBus::new(Arc::new(InProcessBus::new()), invalidations);
        assert!(bus.rates_settle > pricing::RateCache::RECHECK);
        let bus = InvalidatingBus {
            rates_settle: Duration::ZERO,
            ..bus
        };
        let refreshed = Arc::new(Event {
            id: Uuid::nil(),
            topic: "pricing.events".to_owned(),
            event_type: "rates.refreshed".to_owned(),
            aggregate_id: "rates".to_owned(),
            sequence: 1,
            occurred_at: DateTime::UNIX_EPOCH,
            data: json!({ "version": 1 }),
            traceparent: None,
        });
        let before = cache.epoch();
        bus.publish(&[refreshed]).await;
        until("it is invalidated again", async || {
            cache.epoch() >= before + 2
        })
        .await;
    }
}
