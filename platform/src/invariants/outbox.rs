//! The events of an aggregate are numbered from 1 without gaps.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::DbErr;

use super::{Inspection, PAGE, Rows, Violation};
use crate::database::ReadTransaction;
use crate::sweep;
use crate::tables::outbox_event::{self, Position};
use crate::tables::outbox_sequence;

/// The numbers of an aggregate's events.
pub const SEQUENCE: &str = "outbox_sequence";

/// Events that are read at a time.
const EVENTS: u64 = 1_000;

/// Checks the numbers of all aggregates' events that are kept.
pub async fn check(inspection: &mut Inspection<'_>) -> Result<(), DbErr> {
    let kept_since = inspection.now() - sweep::CONFIRMED;
    let rows = Rows {
        name: "event sequences",
        id: |row: &outbox_sequence::Model| row.aggregate_id.clone(),
    };
    inspection
        .walk(
            rows,
            async |db, after| outbox_sequence::after(db, after, PAGE).await,
            async |db, sequences| violations(db, sequences, kept_since).await,
        )
        .await
}

async fn violations(
    db: &ReadTransaction,
    sequences: &[outbox_sequence::Model],
    kept_since: DateTime<Utc>,
) -> Result<Vec<Violation>, DbErr> {
    let mut of_topics: HashMap<&str, HashMap<String, i64>> = HashMap::new();
    for row in sequences {
        let of_topic = of_topics.entry(&row.topic).or_default();
        of_topic.insert(row.aggregate_id.clone(), row.last);
    }
    let mut found = Vec::new();
    for (topic, lasts) in of_topics {
        let aggregates: Vec<String> = lasts.keys().cloned().collect();
        let mut previous: Option<Position> = None;
        loop {
            let after = previous.as_ref();
            let page = outbox_event::positions(db, topic, &aggregates, after, EVENTS).await?;
            if page.is_empty() {
                break;
            }
            for event in page {
                match &previous {
                    Some(known) if known.aggregate_id == event.aggregate_id => {
                        found.extend(gap(known, event.sequence, kept_since));
                    }
                    known => found.extend(end(known.as_ref(), &lasts, kept_since)),
                }
                previous = Some(event);
            }
        }
        found.extend(end(previous.as_ref(), &lasts, kept_since));
    }
    Ok(found)
}

/// The event after this one has another number than the next.
fn gap(known: &Position, next: i64, kept_since: DateTime<Utc>) -> Option<Violation> {
    // Old events are deleted, not always in their order.
    let is_missing = next != known.sequence + 1 && known.occurred_at > kept_since;
    is_missing.then(|| {
        let expected = format!("event {}", known.sequence + 1);
        let found = format!("event {next} after event {}", known.sequence);
        Violation::new(SEQUENCE, &known.aggregate_id, expected, found)
    })
}

/// The last event of an aggregate has another number than it should.
fn end(
    last: Option<&Position>,
    lasts: &HashMap<String, i64>,
    kept_since: DateTime<Utc>,
) -> Option<Violation> {
    let last = last?;
    let given = *lasts.get(&last.aggregate_id)?;
    let is_wrong = last.sequence > given || last.sequence < given && last.occurred_at > kept_since;
    is_wrong.then(|| {
        let expected = format!("the last event to be {given}");
        let found = format!("event {}", last.sequence);
        Violation::new(SEQUENCE, &last.aggregate_id, expected, found)
    })
}
