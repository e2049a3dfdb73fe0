//! What was published against what the bus still has: events that every consumer group has committed are confirmed, and
//! those that the bus has lost before that are published again.
//!
//! A bus loses events when its server ends without having stored them, when it goes back to an older copy, and when it
//! drops what is old while a group is away. Then its log is another one, or begins later; consumers tell what they have
//! had already by its id.

use std::collections::{HashMap, HashSet};

use metrics::counter;
use sea_orm::DbErr;

use super::Publisher;
use crate::bus::{BusError, LogState};
use crate::inbox::ConsumerGroup;
use crate::queue::Round;
use crate::tables::outbox_event;

/// The consumer groups that read each topic, whether they are there or not.
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

    /// The offset up to which every group has committed everything.
    fn committed<'a>(&self, topic: &str, state: &'a LogState) -> Committed<'a> {
        let expected = self.0.get(topic).map(Vec::as_slice).unwrap_or_default();
        if expected
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
    /// Looks at every topic that has events without confirmation.
    pub(super) async fn reconcile_all(&self) {
        if let Err(error) = self.try_reconcile_all().await {
            tracing::debug!(%error, domain = self.domain(), "the outbox is not reconciled");
        }
    }

    async fn try_reconcile_all(&self) -> Result<(), ReconcileError> {
        let topics = outbox_event::unconfirmed_topics(self.context.database.read()).await?;
        for topic in topics {
            if let Some(state) = self.context.bus.log(&topic).await? {
                self.reconcile(&topic, &state).await?;
            }
        }
        Ok(())
    }

    /// Finds out, before these are published, whether their log is still the one that it was: what it has lost goes
    /// first, so that the events of an aggregate stay in their order. Nothing when they may be published now.
    pub(super) async fn reconcile_before(
        &self,
        claimed: &[outbox_event::Model],
    ) -> Result<Option<Round>, DbErr> {
        let mut republished = 0;
        let topics: HashSet<_> = claimed.iter().map(|row| row.topic.as_str()).collect();
        for topic in topics {
            match self.context.bus.log(topic).await {
                Ok(Some(state)) if self.is_known(topic, &state.log) => {}
                Ok(Some(state)) => republished += self.reconcile(topic, &state).await?,
                // A topic that is no log: publishing to it says so of each event.
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

    /// Has what was lost published again, and confirms what every group has. The number is of those lost.
    async fn reconcile(&self, topic: &str, state: &LogState) -> Result<u64, DbErr> {
        let (db, now) = (self.context.database.write(), self.context.clock.now());
        let (log, oldest) = (state.log.as_str(), state.oldest.as_deref());
        // First: an entry that is gone may be passed over by those who have not read it.
        let lost = outbox_event::republish_lost(db, topic, log, oldest, now).await?;
        if lost > 0 {
            tracing::warn!(
                domain = self.domain(),
                topic,
                events = lost,
                "the event bus has lost events; they are published again"
            );
            counter!("vantage_outbox_republished_total", "domain" => self.domain().to_owned())
                .increment(lost);
        }
        match self.expected.committed(topic, state) {
            Committed::Nothing => {}
            Committed::UpTo(offset) => {
                outbox_event::confirm(db, topic, log, Some(offset), now).await?;
            }
            Committed::Everything => {
                outbox_event::confirm(db, topic, log, None, now).await?;
            }
        }
        let mut logs = self.logs.lock();
        logs.insert(topic.to_owned(), log.to_owned());
        Ok(lost)
    }

    fn is_known(&self, topic: &str, log: &str) -> bool {
        let logs = self.logs.lock();
        logs.get(topic).is_some_and(|known| known == log)
    }
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
