//! Deletes rows of the platform's tables that are no longer needed.

use chrono::{DateTime, TimeDelta, Utc};
use metrics::counter;
use sea_orm::DbErr;

use crate::database::Database;
use crate::tables::{idempotency_key, inbox_event, outbox_event};

/// How long confirmed events are kept, for inspection.
pub(crate) const CONFIRMED: TimeDelta = TimeDelta::days(7);
/// How long published events are kept for consumers that have not confirmed them. Shorter than `HANDLED`, so that an
/// event is never published again after its handling was forgotten.
const UNCONFIRMED: TimeDelta = TimeDelta::days(21);
/// How long it is remembered that an event was handled: longer than any bus keeps events, so that none is handled
/// again.
const HANDLED: TimeDelta = TimeDelta::days(30);
/// Rows per statement, so that a sweep never blocks other writes for long.
const BATCH: u64 = 1_000;

/// Deletes old rows and returns how many.
pub(crate) async fn sweep(database: &Database, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let db = database.write();
    let mut total = 0;
    loop {
        let outbox = outbox_event::sweep(db, now - CONFIRMED, BATCH).await?;
        let unread = outbox_event::sweep_unconfirmed(db, now - UNCONFIRMED, BATCH).await?;
        if unread > 0 {
            tracing::warn!(
                domain = database.domain(),
                events = unread,
                "deleted events that a consumer has not received for weeks"
            );
        }
        let inbox = inbox_event::sweep(db, now - HANDLED, BATCH).await?;
        let keys = idempotency_key::sweep(db, now, BATCH).await?;
        total += outbox + unread + inbox + keys;
        if outbox < BATCH && unread < BATCH && inbox < BATCH && keys < BATCH {
            break;
        }
    }
    counter!("vantage_swept_rows_total", "domain" => database.domain().to_owned()).increment(total);
    Ok(total)
}
