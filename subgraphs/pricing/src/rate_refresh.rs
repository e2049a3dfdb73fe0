//! Fetches exchange rates on schedule, in one instance of many. What is fetched replaces the last known rates, except
//! for those that moved too far: they are held until somebody releases them.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use entities::pricing::{exchange_rate, held_exchange_rate, rate_fetch};
use metrics::counter;
use parking_lot::Mutex;
use platform::database::DatabaseTransaction;
use platform::jobs;
use platform::providers::open_exchange_rates::{
    Latest, LatestRates, OpenExchangeRates, RatesError, SOURCE, Validator,
};
use platform::workers::WorkerContext;
use resolvers::money::CurrencyCode;
use rust_decimal::Decimal;
use sea_orm::DbErr;
use tokio::time::Instant;

use crate::State;
use crate::events::{self, AlertReason, Held};
use crate::rate_confirm;
use crate::rules::rate_jump;

/// However long the provider asks to be left alone.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// What a fetch brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefreshReport {
    /// The rates are what they were when they were fetched before.
    pub unchanged: bool,
    /// Currencies whose fetched rate is in use now.
    pub used: Vec<String>,
    /// Currencies whose fetched rate moved too far.
    pub held: Vec<String>,
    /// Currencies that the provider told no rate of.
    pub missing: Vec<String>,
}

/// Why there are no newer rates.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    #[error(transparent)]
    Provider(#[from] RatesError),
    #[error("the exchange rates of the provider are of none of our currencies")]
    NoneOfOurs,
    #[error("the provider of exchange rates asked to be left alone for {} more seconds", .0.as_secs())]
    LeftAlone(Duration),
    #[error("the exchange rates could not be stored: {0}")]
    Database(#[from] DbErr),
}

/// Keeps the rates fresh until told to stop.
pub(crate) async fn run(state: State, provider: OpenExchangeRates, context: WorkerContext) {
    let pause = Pause::default();
    let work = || async {
        pause.check()?;
        let refreshed = refresh(&state, &provider).await;
        pause.learn(&refreshed);
        refreshed.map(drop)
    };
    let interval = state.rates.fetch_interval();
    jobs::run_leased(&context, "pricing.rates", interval, work).await;
}

/// Until when the provider asks to be left alone.
#[derive(Default)]
struct Pause(Mutex<Option<Instant>>);

impl Pause {
    fn check(&self) -> Result<(), RefreshError> {
        let wait = (*self.0.lock()).map(|until| until - Instant::now());
        match wait.filter(|wait| !wait.is_zero()) {
            Some(wait) => Err(RefreshError::LeftAlone(wait)),
            None => Ok(()),
        }
    }

    fn learn(&self, refreshed: &Result<RefreshReport, RefreshError>) {
        let wait = match refreshed {
            Err(RefreshError::Provider(error)) => error.retry_in(),
            _ => None,
        };
        let wait = wait.map(|wait| wait.min(LONGEST_WAIT));
        *self.0.lock() = wait.map(|wait| Instant::now() + wait);
    }
}

/// Fetches the rates now.
pub async fn refresh(
    state: &State,
    provider: &OpenExchangeRates,
) -> Result<RefreshReport, RefreshError> {
    let mut refreshed = fetch(state, provider).await;
    if let (Ok(report), Some(second)) = (&mut refreshed, &state.second_rate_provider)
        && !report.held.is_empty()
    {
        match rate_confirm::confirm_held(state, second).await {
            Ok(confirmed) => {
                report.held.retain(|currency| !confirmed.contains(currency));
                report.used.extend(confirmed);
            }
            Err(error) => tracing::warn!(%error, "held exchange rates could not be confirmed"),
        }
    }
    let outcome = match &refreshed {
        Ok(report) if report.unchanged => "unchanged",
        Ok(_) => "changed",
        Err(_) => "failed",
    };
    counter!("vantage_pricing_rate_fetches_total", "outcome" => outcome).increment(1);
    refreshed
}

async fn fetch(state: &State, provider: &OpenExchangeRates) -> Result<RefreshReport, RefreshError> {
    let validator = validator(state).await?;
    let latest = provider.latest(validator.as_ref()).await?;
    let now = state.clock.now();
    let transaction = state.database.begin().await?;
    let stored = Stored::lock(&transaction).await?;
    let (mut judged, mut validator) = match latest {
        Latest::Unchanged => (stored.renewed(now), validator),
        Latest::Rates(latest) => {
            let judged = stored.judge(&latest, state.rates.max_move_percent, now);
            (judged, latest.validator)
        }
    };
    if judged.used.is_empty() && judged.held.is_empty() {
        return Err(RefreshError::NoneOfOurs);
    }
    exchange_rate::put_rates(&transaction, judged.used.clone()).await?;
    events::rates_refreshed(&transaction, &judged.used, now).await?;
    held_exchange_rate::put(&transaction, judged.held.clone()).await?;
    let settled = judged.used.iter().map(|row| row.currency.as_str());
    held_exchange_rate::remove(&transaction, settled).await?;
    for alert in judged.alerts.drain(..) {
        let Alert { last, held } = alert;
        tracing::error!(
            currency = last.currency,
            rate = last.rate,
            held_rate = %held.rate,
            move_percent = ?held.move_percent.map(|percent| percent.to_string()),
            "exchange rate moved too far and is held: `vantage rates release` uses it"
        );
        events::alert(&transaction, &last, AlertReason::Held, Some(held), now).await?;
    }
    match validator.take() {
        Some(Validator { etag, date }) => {
            let row = rate_fetch::Model {
                source: SOURCE.to_owned(),
                etag,
                date,
                fetched_at: now,
            };
            rate_fetch::put(&transaction, row).await?;
        }
        None => rate_fetch::forget(&transaction, SOURCE).await?,
    }
    transaction.commit().await?;
    state.rate_cache.put(&judged.used, now).await;
    if !judged.report.missing.is_empty() {
        let currencies = judged.report.missing.join(" ");
        tracing::warn!(
            currencies,
            "exchange rates are missing from the provider's answer"
        );
    }
    Ok(judged.report)
}

/// What the next request may ask for changes of: nothing, unless an answer of which every rate is still here is known.
async fn validator(state: &State) -> Result<Option<Validator>, DbErr> {
    let db = state.database.read();
    let Some(fetch) = rate_fetch::of_source(db, SOURCE).await? else {
        return Ok(None);
    };
    let rates = exchange_rate::all(db).await?;
    let held = held_exchange_rate::all(db).await?;
    let is_known = |currency: CurrencyCode| {
        let currency = currency.as_str();
        rates
            .iter()
            .any(|row| row.currency == currency && row.source == SOURCE)
            || held
                .iter()
                .any(|row| row.currency == currency && row.source == SOURCE)
    };
    let validator = Validator {
        etag: fetch.etag,
        date: fetch.date,
    };
    Ok(fetched_currencies().all(is_known).then_some(validator))
}

/// All but the base.
fn fetched_currencies() -> impl Iterator<Item = CurrencyCode> {
    CurrencyCode::ALL
        .into_iter()
        .filter(|currency| *currency != CurrencyCode::Usd)
}

/// What is stored, out of reach for others.
struct Stored {
    rates: HashMap<String, exchange_rate::Model>,
    held: HashMap<String, held_exchange_rate::Model>,
}

/// What becomes of an answer.
#[derive(Default)]
struct Judged {
    used: Vec<exchange_rate::Model>,
    held: Vec<held_exchange_rate::Model>,
    /// Rates that were not held before.
    alerts: Vec<Alert>,
    report: RefreshReport,
}

struct Alert {
    last: exchange_rate::Model,
    held: Held,
}

impl Stored {
    async fn lock(transaction: &DatabaseTransaction) -> Result<Self, DbErr> {
        let rates = exchange_rate::lock_all(transaction).await?;
        let held = held_exchange_rate::all(transaction).await?;
        let by_currency = |row: exchange_rate::Model| (row.currency.clone(), row);
        Ok(Self {
            rates: rates.into_iter().map(by_currency).collect(),
            held: held
                .into_iter()
                .map(|row| (row.currency.clone(), row))
                .collect(),
        })
    }

    /// The provider's rates are what they were: those in use, and those that are held.
    fn renewed(self, now: DateTime<Utc>) -> Judged {
        let mut judged = Judged::default();
        judged.report.unchanged = true;
        for (currency, mut row) in self.rates {
            if row.source == SOURCE && !self.held.contains_key(&currency) {
                row.fetched_at = now;
                judged.used.push(row);
                judged.report.used.push(currency);
            }
        }
        for (currency, mut row) in self.held {
            if row.source == SOURCE {
                row.fetched_at = now;
                judged.held.push(row);
                judged.report.held.push(currency);
            }
        }
        judged
    }

    fn judge(mut self, latest: &LatestRates, max_percent: Decimal, now: DateTime<Utc>) -> Judged {
        let mut judged = Judged::default();
        for currency in fetched_currencies() {
            let code = currency.as_str().to_owned();
            let Some(&rate) = latest.rates.get(&code) else {
                judged.report.missing.push(code);
                continue;
            };
            let fetched = exchange_rate::Model {
                currency: code.clone(),
                rate: rate.to_string(),
                source: SOURCE.to_owned(),
                as_of: latest.as_of,
                fetched_at: now,
            };
            let last = self.rates.remove(&code);
            // A last known rate that is none cannot be held against.
            let too_far = last.as_ref().and_then(|row| {
                let last: Decimal = row.rate.parse().ok().filter(|rate| *rate > Decimal::ZERO)?;
                rate_jump::is_too_far(last, rate, max_percent)
                    .then(|| (row.clone(), rate_jump::percent(last, rate)))
            });
            let Some((last, move_percent)) = too_far else {
                judged.used.push(fetched);
                judged.report.used.push(code);
                continue;
            };
            let before = self.held.remove(&code);
            if before.is_none() {
                let held = Held { rate, move_percent };
                judged.alerts.push(Alert { last, held });
            }
            judged.held.push(held_exchange_rate::Model {
                held_since: before.map_or(now, |held| held.held_since),
                currency: fetched.currency,
                rate: fetched.rate,
                source: fetched.source,
                as_of: fetched.as_of,
                fetched_at: fetched.fetched_at,
            });
            judged.report.held.push(code);
        }
        judged
    }
}

#[cfg(test)]
mod tests {
    use platform::http::{Call, HttpError, UnavailableReason};

    use super::*;

    #[test]
    fn a_provider_that_asks_for_it_is_left_alone_for_an_hour_at_most() {
        let pause = Pause::default();
        pause.check().unwrap();
        let answered = |retry_in: Option<Duration>| {
            let error = HttpError::Unavailable {
                call: Call {
                    provider: "exchange_rates",
                    operation: "latest",
                },
                why: UnavailableReason::Status(429),
                retry_in,
                in_doubt: false,
            };
            pause.learn(&Err(RefreshError::Provider(error.into())));
            match pause.check() {
                Err(RefreshError::LeftAlone(wait)) => wait.as_secs_f64().ceil(),
                checked => {
                    checked.unwrap();
                    0.0
                }
            }
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(answered(seconds(60)), 60.0);
        assert_eq!(answered(seconds(1_000_000)), 3_600.0);
        assert_eq!(answered(seconds(0)), 0.0);
        assert_eq!(answered(seconds(60)), 60.0);
        assert_eq!(answered(None), 0.0);
        answered(seconds(60));
        pause.learn(&Ok(RefreshReport::default()));
        pause.check().unwrap();
    }
}
