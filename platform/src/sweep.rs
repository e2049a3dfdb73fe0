//! Deletes the rows of the platform's tables that nobody needs anymore.

use chrono::{DateTime, TimeDelta, Utc};
use metrics::counter;
use sea_orm::DbErr;

use crate::database::Database;
use crate::tables::{idempotency_key, inbox_event, outbox_event};

/// How long published events are kept, to look into.
const PUBLISHED: TimeDelta = TimeDelta::days(7);
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
        let outbox = outbox_event::sweep(db, now - PUBLISHED, BATCH).await?;
        let inbox = inbox_event::sweep(db, now - HANDLED, BATCH).await?;
        let keys = idempotency_key::sweep(db, now, BATCH).await?;
        total += outbox + inbox + keys;
        if outbox < BATCH && inbox < BATCH && keys < BATCH {
            break;
        }
    }
    counter!("vantage_swept_rows_total", "domain" => database.domain().to_owned()).increment(total);
    Ok(total)
}
