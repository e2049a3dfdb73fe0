//! Whether a message is sent, by the customer's preferences at the moment of sending.

use chrono::{DateTime, Utc};
use entities::notifications::notification::DeliveryStatus;

use super::preference_matrix::Cell;

/// What is decided about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Send,
    /// Not before then.
    WaitUntil(DateTime<Utc>),
    Suppress(SuppressReason),
    /// It was decided before: it was sent, suppressed or given up.
    Settled,
}

/// Why a message is not sent, as it is stored and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SuppressReason {
    /// The customer does not want messages of its category by its channel.
    OptedOut,
    /// Its time had passed before it could be sent.
    Expired,
    /// The customer has no device, no address or no telephone number that it could be sent to.
    NoRecipient,
    /// The receiving side refuses messages, because the customer has asked for that there.
    RecipientStopped,
    /// No provider is configured for its channel.
    ChannelNotConfigured,
}

/// What decides about a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub status: DeliveryStatus,
    pub scheduled_for: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
    /// The customer's preference now.
    pub cell: &'a Cell,
}

pub(crate) fn decide(message: &Candidate<'_>, now: DateTime<Utc>) -> Decision {
    match message.status {
        DeliveryStatus::Sent | DeliveryStatus::Suppressed | DeliveryStatus::DeadLettered => {
            return Decision::Settled;
        }
        DeliveryStatus::Scheduled | DeliveryStatus::Failed => {}
    }
    if !message.cell.enabled {
        return Decision::Suppress(SuppressReason::OptedOut);
    }
    if message.expires_at.is_some_and(|at| at <= now) {
        return Decision::Suppress(SuppressReason::Expired);
    }
    match message.scheduled_for.filter(|at| *at > now) {
        Some(at) => Decision::WaitUntil(at),
        None => Decision::Send,
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn cell(enabled: bool) -> Cell {
        Cell {
            enabled,
            quiet_hours: None,
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn preferences_then_the_window_then_the_time_decide() {
        use DeliveryStatus::{Failed, Scheduled};
        let check =
            |status, scheduled_for: Option<i64>, expires_at: Option<i64>, enabled, expected| {
                let candidate = Candidate {
                    status,
                    scheduled_for: scheduled_for.map(at),
                    expires_at: expires_at.map(at),
                    cell: &cell(enabled),
                };
                assert_eq!(decide(&candidate, at(100)), expected, "{candidate:?}");
            };
        check(Scheduled, None, None, true, Decision::Send);
        check(Failed, None, None, true, Decision::Send);
        check(Scheduled, Some(100), Some(101), true, Decision::Send);
        check(
            Scheduled,
            Some(101),
            None,
            true,
            Decision::WaitUntil(at(101)),
        );
        let expired = Decision::Suppress(SuppressReason::Expired);
        check(Scheduled, Some(200), Some(100), true, expired);
        let opted_out = Decision::Suppress(SuppressReason::OptedOut);
        check(Failed, None, Some(99), false, opted_out);
        check(Scheduled, Some(200), None, false, opted_out);
    }

    proptest! {
        #[test]
        fn nothing_is_sent_twice_or_to_who_opted_out_or_outside_its_window(
            status in prop::sample::select(DeliveryStatus::ALL),
            scheduled_for in prop::option::of(0_i64..200),
            expires_at in prop::option::of(0_i64..200),
            enabled: bool,
        ) {
            let candidate = Candidate {
                status,
                scheduled_for: scheduled_for.map(at),
                expires_at: expires_at.map(at),
                cell: &cell(enabled),
            };
            if decide(&candidate, at(100)) == Decision::Send {
                prop_assert!(enabled);
                prop_assert!(matches!(status, DeliveryStatus::Scheduled | DeliveryStatus::Failed));
                prop_assert!(scheduled_for.is_none_or(|time| time <= 100));
                prop_assert!(expires_at.is_none_or(|time| time > 100));
            }
        }
    }
}
