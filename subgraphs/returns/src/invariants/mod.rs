//! Invariants of this domain's data, for `vantage check`. `docs/invariants.md` has a section for each kind of violation.

mod customer_return;
mod order_return;
mod refund;
mod reviews;
mod timeline;

use std::collections::HashMap;

use entities::returns::customer_return as returns;
use platform::database::ReadTransaction;
use platform::invariants::idempotency::{self, Missing};
use platform::invariants::{Inspection, orphans, outbox};
use platform::tables::idempotency_key;
use resolvers::id::IdKind;
use sea_orm::DbErr;
use uuid::Uuid;

pub use order_return::{OrderReturn, ReturnedLine, orders_after, returns_of_orders};

/// The kinds of violations that are found here, besides those of the tables that all databases have.
pub const KINDS: &[&str] = &[
    refund::AMOUNTS,
    refund::DESTINATION,
    refund::CREDIT,
    timeline::TIMELINE,
    reviews::REVIEW,
];

/// Checks this domain's database.
pub async fn check(inspection: &mut Inspection<'_>) -> Result<(), DbErr> {
    customer_return::check(inspection).await?;
    outbox::check(inspection).await?;
    idempotency::check(inspection, missing).await?;
    orphans::check(inspection).await
}

/// Results that name returns that do not exist.
async fn missing(
    db: &ReadTransaction,
    keys: &[idempotency_key::Model],
) -> Result<Vec<Missing>, DbErr> {
    let named = keys.iter().enumerate().filter_map(|(index, key)| {
        let id: Uuid = key.outcome["id"].as_str()?.parse().ok()?;
        Some((index, id))
    });
    let named: Vec<(usize, Uuid)> = named.collect();
    let ids: Vec<Uuid> = named.iter().map(|(_, id)| *id).collect();
    let known = returns::existing(db, &ids).await?;
    let unknown = named.into_iter().filter(|(_, id)| !known.contains(id));
    let missing = unknown.map(|(index, id)| Missing {
        index,
        row: IdKind::Return.format(id),
    });
    Ok(missing.collect())
}

/// The rows of one thing, of those of many.
fn of<T: Default>(rows: &mut HashMap<Uuid, T>, id: Uuid) -> T {
    rows.remove(&id).unwrap_or_default()
}
