//! Reports when an exchange rate becomes stale, very stale or fresh again, once for all instances, and shows how old
//! each is.

use std::collections::HashMap;

use chrono::TimeDelta;
use entities::pricing::rate_freshness::{self, RateFreshness};
use entities::pricing::{exchange_rate, held_exchange_rate};
use metrics::gauge;
use platform::workers::WorkerContext;
use sea_orm::DbErr;

use crate::State;
use crate::events::{self, AlertReason};
use crate::rate_cache::pair;

/// Looks at the rates until told to stop. Every instance does: the first to see a change reports it.
pub(crate) async fn run(state: State, context: WorkerContext) {
    loop {
        if let Err(error) = observe(&state).await {
            tracing::warn!(%error, "the age of exchange rates could not be read");
        }
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = tokio::time::sleep(state.rates.watch_interval()) => {}
        }
    }
}

/// Looks at the rates once, and returns the changes that it was the first to see, in the order of currencies.
pub async fn observe(state: &State) -> Result<Vec<(String, RateFreshness)>, DbErr> {
    let db = state.database.read();
    let mut rates = exchange_rate::all(db).await?;
    rates.sort_by(|one, other| one.currency.cmp(&other.currency));
    let reported: HashMap<_, _> = rate_freshness::all(db)
        .await?
        .into_iter()
        .map(|row| (row.currency, row.freshness))
        .collect();
    let held = held_exchange_rate::all(db).await?.len();
    gauge!("vantage_pricing_rates_held").set(f64::from(u32::try_from(held).unwrap_or(u32::MAX)));
    let now = state.clock.now();
    let mut changes = Vec::new();
    for row in rates {
        let age = now - row.fetched_at;
        gauge!("vantage_pricing_rate_age_seconds", "pair" => pair(&row.currency))
            .set(age.max(TimeDelta::zero()).as_seconds_f64());
        let freshness = state.rates.freshness(age);
        let before = reported.get(&row.currency).copied();
        if before.unwrap_or(RateFreshness::Fresh) != freshness
            && report(state, &row, before, freshness).await?
        {
            changes.push((row.currency, freshness));
        }
    }
    Ok(changes)
}

/// Returns whether this was the first to report the change.
async fn report(
    state: &State,
    row: &exchange_rate::Model,
    before: Option<RateFreshness>,
    freshness: RateFreshness,
) -> Result<bool, DbErr> {
    let transaction = state.database.begin().await?;
    if !rate_freshness::change(&transaction, &row.currency, before, freshness).await? {
        transaction.rollback().await;
        return Ok(false);
    }
    if freshness == RateFreshness::VeryStale {
        let now = state.clock.now();
        events::alert(&transaction, row, AlertReason::VeryStale, None, now).await?;
    }
    transaction.commit().await?;
    let (currency, fetched_at) = (&row.currency, row.fetched_at);
    match freshness {
        RateFreshness::Fresh => tracing::info!(currency, "exchange rate is fresh again"),
        RateFreshness::Stale => tracing::warn!(currency, %fetched_at, "exchange rate is stale"),
        RateFreshness::VeryStale => tracing::error!(
            currency,
            %fetched_at,
            buffer_percent = %state.rates.buffer_percent,
            "exchange rate is very stale, prices carry a buffer"
        ),
    }
    Ok(true)
}
