//! Reconciles published events with the bus: events that every consumer group has committed are confirmed, and events
//! that the bus lost before that are published again.
//!
//! A bus loses events when its server stops without having stored them, when it is restored from an older copy, and
//! when it trims entries while a group is offline. Its log then has a new identity or starts later. Consumers recognize
//! by its id an event they already have.

use std::collections::{HashMap, HashSet};

use metrics::counter;
use sea_orm::DbErr;

use super::Publisher;
use crate::bus::{BusError, LogState};
use crate::inbox::ConsumerGroup;
use crate::queue::Round;
use crate::tables::outbox_event;

/// The consumer groups expected to read each topic, whether or not they are online.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected(HashMap<&'static str, Vec<&'static str>>);

impl Expected {
    pub(super) fn new(consumers: &[ConsumerGroup]) -> Self {
        let mut expected = Self::default();
        for group in consumers {
            for topic in group.topics {
                expected.0.entry(topic).or_default().push(group.name);
            }
        }
        expected
    }

    /// The groups that read this topic.
    fn groups(&self, topic: &str) -> &[&'static str] {
        self.0.get(topic).map(Vec::as_slice).unwrap_or_default()
    }

    /// The offset up to which every group has committed everything.
    fn committed<'a>(&self, topic: &str, state: &'a LogState) -> Committed<'a> {
        if self
            .groups(topic)
            .iter()
            .any(|name| !state.groups.contains_key(*name))
        {
            return Committed::Nothing;
        }
        match state.groups.values().min() {
            Some(offset) => Committed::UpTo(offset),
            None => Committed::Everything,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Committed<'a> {
    Nothing,
    UpTo(&'a str),
    /// Nobody reads the topic.
    Everything,
}

impl Publisher {
    /// Reconciles every topic with unconfirmed events. Returns whether there were any, as far as is known.
    pub(super) async fn reconcile_all(&self) -> bool {
        self.try_reconcile_all().await.unwrap_or_else(|error| {
            tracing::debug!(%error, domain = self.domain(), "outbox not reconciled");
            true
        })
    }

    async fn try_reconcile_all(&self) -> Result<bool, ReconcileError> {
        let topics = outbox_event::unconfirmed_topics(self.context.database.read()).await?;
        let is_any = !topics.is_empty();
        for topic in topics {
            let groups = self.expected.groups(&topic);
            if let Some(logs) = self.context.bus.logs(&topic, groups).await? {
                self.reconcile(&topic, &logs).await?;
            }
        }
        Ok(is_any)
    }

    /// Before publishing these events, checks that their logs are still the same. What they lost is published first, to
    /// keep the events of an aggregate in order. Returns `None` when these events may be published now.
    pub(super) async fn reconcile_before(
        &self,
        claimed: &[outbox_event::Model],
    ) -> Result<Option<Round>, DbErr> {
        let mut republished = 0;
        let topics: HashSet<_> = claimed.iter().map(|row| row.topic.as_str()).collect();
        for topic in topics {
            match self.unknown_logs(topic).await {
                Ok(Some(logs)) => republished += self.reconcile(topic, &logs).await?,
                // Not a log: publishing will refuse each event.
                Ok(None) | Err(BusError::Refused(_)) => {}
                Err(error) => {
                    let waiting: Vec<_> = claimed.iter().map(|row| row.id).collect();
                    return self.bus_away(&waiting, &error).await.map(Some);
                }
            }
        }
        if republished == 0 {
            return Ok(None);
        }
        let (db, now) = (self.context.database.write(), self.context.clock.now());
        outbox_event::release(db, claimed.iter().map(|row| row.id), now).await?;
        Ok(Some(Round::Worked))
    }

    /// The topic's logs, unless they are those seen last.
    async fn unknown_logs(&self, topic: &str) -> Result<Option<Vec<LogState>>, BusError> {
        match self.context.bus.logs(topic, &[]).await? {
            Some(logs) if !self.is_known(topic, &logs) => {
                let groups = self.expected.groups(topic);
                self.context.bus.logs(topic, groups).await
            }
            _ => Ok(None),
        }
    }

    /// Republishes lost events and confirms those every group has. Returns the number of lost events.
    async fn reconcile(&self, topic: &str, logs: &[LogState]) -> Result<u64, DbErr> {
        let (db, now) = (self.context.database.write(), self.context.clock.now());
        // Before confirming: groups may have skipped an entry that no longer exists.
        let oldest: Vec<_> = logs
            .iter()
            .map(|state| (state.log.as_str(), state.oldest.as_deref()))
            .collect();
        let lost = outbox_event::republish_lost(db, topic, &oldest, now).await?;
        if lost > 0 {
            tracing::warn!(
                domain = self.domain(),
                topic,
                events = lost,
                "the event bus lost events, republishing them"
            );
            counter!("vantage_outbox_republished_total", "domain" => self.domain().to_owned())
                .increment(lost);
        }
        let committed: Vec<_> = logs
            .iter()
            .filter_map(|state| match self.expected.committed(topic, state) {
                Committed::Nothing => None,
                Committed::UpTo(offset) => Some((state.log.as_str(), Some(offset))),
                Committed::Everything => Some((state.log.as_str(), None)),
            })
            .collect();
        if !committed.is_empty() {
            outbox_event::confirm(db, topic, &committed, now).await?;
        }
        self.logs.lock().insert(topic.to_owned(), names(logs));
        Ok(lost)
    }

    fn is_known(&self, topic: &str, logs: &[LogState]) -> bool {
        self.logs.lock().get(topic) == Some(&names(logs))
    }
}

fn names(logs: &[LogState]) -> HashSet<String> {
    logs.iter().map(|state| state.log.clone()).collect()
}

#[derive(Debug, thiserror::Error)]
enum ReconcileError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Database(#[from] DbErr),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_confirmed_when_the_slowest_group_has_it_and_none_is_missing() {
        let consumers = [
            ConsumerGroup {
                name: "one",
                topics: &["a", "b"],
            },
            ConsumerGroup {
                name: "two",
                topics: &["a"],
            },
        ];
        let expected = Expected::new(&consumers);
        let state = |groups: &[(&str, &str)]| LogState {
            log: "log".to_owned(),
            oldest: None,
            groups: groups
                .iter()
                .map(|(name, offset)| ((*name).to_owned(), (*offset).to_owned()))
                .collect(),
        };
        let check = |topic, groups: &[(&str, &str)], committed| {
            assert_eq!(
                expected.committed(topic, &state(groups)),
                committed,
                "{topic} {groups:?}"
            );
        };
        check("a", &[("one", "5"), ("two", "3")], Committed::UpTo("3"));
        check("a", &[("one", "5")], Committed::Nothing);
        check("b", &[("one", "5")], Committed::UpTo("5"));
        check("b", &[("one", "5"), ("other", "4")], Committed::UpTo("4"));
        check("b", &[], Committed::Nothing);
        check("c", &[("other", "4")], Committed::UpTo("4"));
        check("c", &[], Committed::Everything);
    }
}
