//! Deletes the rows of the platform's tables that nobody needs anymore.

use chrono::{DateTime, TimeDelta, Utc};
use metrics::counter;
use sea_orm::DbErr;

use crate::database::Database;
use crate::tables::{idempotency_key, inbox_event, outbox_event};

/// How long events are kept that every consumer has, to look into.
const CONFIRMED: TimeDelta = TimeDelta::days(7);
/// How long published events are kept for consumers that are not known to have them: not as long as it is remembered that
/// an event was handled, so that none is published again after that.
const UNCONFIRMED: TimeDelta = TimeDelta::days(21);
/// How long it is remembered that an event was handled: longer than any bus keeps events, so none
/// comes again after that.
const HANDLED: TimeDelta = TimeDelta::days(30);
/// Rows of one statement: no change waits long for a sweep.
const BATCH: u64 = 1_000;

/// Deletes what is old, and gives the number of rows.
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
                "events are deleted that a consumer has not received for weeks"
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
