//! Currencies, rates and product prices, tested by query on every database.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod checkout_quote;
mod currency_context;
mod exchange_rates;
mod fixture;
mod new_products;
mod price_cache;
mod price_concurrency;
mod price_import;
mod price_schedule;
mod price_set;
mod price_updated;
mod prices;
mod rate_provider;
mod rate_refresh;
