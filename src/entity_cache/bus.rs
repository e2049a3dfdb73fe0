//! A bus whose events also invalidate what routers have stored.

use std::sync::Arc;

use async_trait::async_trait;
use platform::bus::{BusError, Consumer, Event, EventBus, LogState, Receipt};

use super::{Invalidations, events};

/// Invalidates before it publishes, and when a domain has applied an event of another one.
#[derive(Debug)]
pub(crate) struct InvalidatingBus {
    bus: Arc<dyn EventBus>,
    invalidations: Invalidations,
}

impl InvalidatingBus {
    pub(crate) fn new(bus: Arc<dyn EventBus>, invalidations: Invalidations) -> Self {
        Self { bus, invalidations }
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
