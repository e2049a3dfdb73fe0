//! What a timeline tells was published.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr};

use super::Violation;
use crate::tables::outbox_event::{self, Position};
use crate::tables::outbox_sequence;

/// An entry of a timeline without an event.
pub const EVENT: &str = "timeline_event";

/// Events that are read at a time.
const EVENTS: u64 = 1_000;

/// The events that were published of an aggregate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// How many there were, those included that are deleted now.
    pub count: i64,
    /// The types of those that are kept, in their order.
    pub types: Vec<String>,
}

/// The events of these aggregates.
pub async fn published(
    db: &impl ConnectionTrait,
    topic: &str,
    aggregates: &[String],
) -> Result<HashMap<String, Published>, DbErr> {
    let mut of_aggregates: HashMap<String, Published> = HashMap::new();
    for (aggregate, count) in outbox_sequence::last_of(db, topic, aggregates).await? {
        of_aggregates.entry(aggregate).or_default().count = count;
    }
    let mut after: Option<Position> = None;
    loop {
        let page = outbox_event::positions(db, topic, aggregates, after.as_ref(), EVENTS).await?;
        let Some(last) = page.last() else {
            return Ok(of_aggregates);
        };
        after = Some(last.clone());
        for event in page {
            let of_aggregate = of_aggregates.entry(event.aggregate_id).or_default();
            of_aggregate.types.push(event.event_type);
        }
    }
}

impl Published {
    /// Finds entries of a timeline, given by the types of their events, that have no event. `first` is the type of the
    /// aggregate's first event. Aggregates that did not begin with an event (`is_published` is false), such as those of the
    /// demo shop, have entries without one.
    pub fn check(
        &self,
        id: &str,
        first: &str,
        is_published: bool,
        entries: &[&str],
    ) -> Vec<Violation> {
        let is_any_deleted = i64::try_from(self.types.len()).is_ok_and(|kept| kept < self.count);
        if !is_any_deleted && self.types.first().is_some_and(|kept| kept == first) {
            return self.check_types(id, entries);
        }
        let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        if !is_published || self.count >= count {
            return Vec::new();
        }
        let expected = format!("{count} events, one for each entry of the timeline");
        vec![Violation::new(EVENT, id, expected, self.count)]
    }

    fn check_types(&self, id: &str, entries: &[&str]) -> Vec<Violation> {
        let mut entries = entries.to_vec();
        entries.sort_unstable();
        let of_types = entries.chunk_by(|one, other| one == other);
        let missing = of_types.filter_map(|of_type| {
            let (event, count) = (of_type.first()?, of_type.len());
            let published = self.types.iter().filter(|known| known == event).count();
            let expected = format!("{count} × {event} in the outbox, as in the timeline");
            (published < count).then(|| Violation::new(EVENT, id, expected, published))
        });
        missing.collect()
    }
}
