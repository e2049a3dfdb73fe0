//! What this domain tells the others, through its outbox.

use chrono::{DateTime, Utc};
use metrics::counter;
use platform::database::DatabaseTransaction;
use platform::outbox::{self, NewEvent};
use rust_decimal::Decimal;
use sea_orm::DbErr;
use serde::Serialize;

pub(crate) const TOPIC: &str = "pricing.events";

/// A rate needs a person.
const RATE_ALERT: &str = "rate.alert";

/// Why a rate needs a person; events and metrics carry it in snake_case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub(crate) enum AlertReason {
    /// It moved further than it may in one fetch, and is not used until it is released.
    Held,
    /// It was not fetched for so long that prices carry a buffer.
    VeryStale,
}

/// Version 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RateAlert<'a> {
    version: u32,
    currency: &'a str,
    reason: &'static str,
    /// The last known rate: the one that is used.
    rate: &'a str,
    fetched_at: DateTime<Utc>,
    held: Option<Held>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Held {
    pub rate: Decimal,
    pub move_percent: Option<Decimal>,
}

/// Alerts to a rate through the outbox, and counts it.
pub(crate) async fn alert(
    transaction: &DatabaseTransaction,
    rate: &entities::pricing::exchange_rate::Model,
    reason: AlertReason,
    held: Option<Held>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let reason = reason.into_str();
    counter!("vantage_pricing_rate_alerts_total", "alert" => reason).increment(1);
    let event = NewEvent {
        topic: TOPIC,
        event_type: RATE_ALERT,
        aggregate_id: &rate.currency,
        data: RateAlert {
            version: 1,
            currency: &rate.currency,
            reason,
            rate: &rate.rate,
            fetched_at: rate.fetched_at,
            held,
        },
    };
    outbox::append(transaction, event, now).await?;
    Ok(())
}
