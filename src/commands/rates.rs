//! `vantage rates list|release|set`: exchange rates as they are, those that are held, and those that people set.

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use platform::clock::Clock;
use pricing::RateFreshness;
use pricing::rate_override::{self, KnownRate};
use resolvers::money::CurrencyCode;
use rust_decimal::Decimal;

use crate::cli::{Rates, Settings};
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{self, Domain};
use crate::output;

pub(crate) async fn run(command: Rates) -> anyhow::Result<()> {
    match command {
        Rates::List { settings } => {
            let state = open(&settings).await?;
            for known in rate_override::list(&state).await? {
                output::line(&line(&known))?;
            }
            Ok(())
        }
        Rates::Release {
            settings,
            currencies,
        } => {
            let currencies = currencies.iter().map(|currency| foreign(currency));
            let currencies = currencies.collect::<anyhow::Result<Vec<_>>>()?;
            let state = open(&settings).await?;
            for currency in currencies {
                let code = currency.as_str();
                let Some(row) = rate_override::release(&state, currency).await? else {
                    bail!("no rate of {code} is held: see `vantage rates list`");
                };
                output::line(&format!("{code} {} is used from now on", row.rate))?;
            }
            Ok(())
        }
        Rates::Set {
            settings,
            currency,
            rate,
        } => {
            let currency = foreign(&currency)?;
            let rate = positive(&rate)?;
            let state = open(&settings).await?;
            let row = rate_override::set(&state, currency, rate).await?;
            output::line(&format!(
                "{} {} is used until the next fetch",
                row.currency, row.rate
            ))?;
            Ok(())
        }
    }
}

/// The pricing domain's state over its database.
pub(super) async fn open(settings: &Settings) -> anyhow::Result<pricing::State> {
    let configuration = Configuration::load(
        settings.config.as_deref(),
        std::env::vars_os(),
        &settings.overrides(None),
    )?;
    let (database, _) =
        domains::open_database(&configuration, Domain::Pricing, Missing::Refuse).await?;
    domains::pricing_state(&configuration, database, Clock::system())
}

/// A currency that has a rate.
fn foreign(code: &str) -> anyhow::Result<CurrencyCode> {
    let known = || {
        let codes = CurrencyCode::ALL.into_iter().skip(1);
        codes
            .map(CurrencyCode::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    };
    match CurrencyCode::from_code(&code.to_uppercase()) {
        Some(CurrencyCode::Usd) => bail!("USD is what all rates are from: it has none"),
        Some(currency) => Ok(currency),
        None => bail!("{code:?} is none of {}", known()),
    }
}

fn positive(rate: &str) -> anyhow::Result<Decimal> {
    Decimal::from_str_exact(rate)
        .ok()
        .filter(|rate| *rate > Decimal::ZERO)
        .with_context(|| {
            format!(
                "{rate:?} is no rate: write the units of the currency for one dollar, like 0.9345"
            )
        })
}

/// The currency, the rate in use with its age, and what is held.
fn line(known: &KnownRate) -> String {
    let mut line = known.currency.as_str().to_owned();
    match &known.rate {
        Some(row) => line.push_str(&format!(
            " {} {} {} as of {} fetched {}",
            row.rate,
            known.freshness.map_or("", RateFreshness::as_str),
            row.source,
            second(row.as_of),
            second(row.fetched_at),
        )),
        None => line.push_str(" without a rate: prices are in USD"),
    }
    if let Some(held) = &known.held {
        let moved = held.move_percent.map(|percent| format!(" ({percent:+} %)"));
        line.push_str(&format!(
            ", held since {}: {}{}",
            second(held.since),
            held.rate,
            moved.unwrap_or_default()
        ));
    }
    line
}

fn second(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_foreign_currencies_and_positive_decimals_are_taken() {
        assert_eq!(foreign("eur").unwrap(), CurrencyCode::Eur);
        let error = |code| foreign(code).unwrap_err().to_string();
        assert_eq!(
            error("CHF"),
            "\"CHF\" is none of EUR GBP CAD AUD JPY MXN BRL"
        );
        assert!(error("USD").contains("it has none"));
        assert_eq!(positive("0.9345").unwrap().to_string(), "0.9345");
        for rate in [
            "0",
            "-1",
            "1e3",
            "0,93",
            "",
            "1.23456789012345678901234567890123",
        ] {
            assert!(positive(rate).is_err(), "{rate}");
        }
    }
}
