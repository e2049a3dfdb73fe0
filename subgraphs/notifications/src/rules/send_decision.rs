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
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SuppressReason {
    /// The customer does not want messages of its category by its channel.
    OptedOut,
    /// Its time had passed before it could be sent.
    Expired,
    /// All of its window is in the customer's quiet hours.
    QuietHours,
    /// The customer has no device, no address or no telephone number that it could be sent to.
    NoRecipient,
    /// The receiving side refuses messages, because the customer has asked for that there.
    RecipientStopped,
    /// No provider is configured for its channel.
    ChannelNotConfigured,
    /// The customer was erased.
    CustomerDeleted,
}

/// What decides about a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub status: DeliveryStatus,
    pub scheduled_for: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether the customer was erased.
    pub is_erased: bool,
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
    // Their preferences went with them, so the cell says nothing.
    if message.is_erased {
        return Decision::Suppress(SuppressReason::CustomerDeleted);
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

/// What is decided about the next device while a message is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextDevice {
    Send,
    /// It is not the customer's any more.
    Skip,
    /// Neither this device nor any other gets the message.
    Stop(SuppressReason),
}

/// What decides about the next device while a message is being sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipient {
    /// Whether the message may still be sent.
    pub is_open: bool,
    /// Whether the customer was erased.
    pub is_erased: bool,
    /// Whether the customer wants such messages.
    pub is_wanted: bool,
    /// Whether the device is the customer's.
    pub has_device: bool,
}

pub(crate) fn decide_next(recipient: Recipient) -> NextDevice {
    // Only an erasure settles a message that is being sent, even if the customer has come back since.
    if recipient.is_erased || !recipient.is_open {
        NextDevice::Stop(SuppressReason::CustomerDeleted)
    } else if !recipient.is_wanted {
        NextDevice::Stop(SuppressReason::OptedOut)
    } else if !recipient.has_device {
        NextDevice::Skip
    } else {
        NextDevice::Send
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
                    is_erased: false,
                    cell: &cell(enabled),
                };
                assert_eq!(decide(&candidate, at(100)), expected, "{candidate:?}");
                let of_erased = Candidate {
                    is_erased: true,
                    ..candidate
                };
                let expected = Decision::Suppress(SuppressReason::CustomerDeleted);
                assert_eq!(decide(&of_erased, at(100)), expected, "{of_erased:?}");
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

    #[test]
    fn what_holds_before_each_device_decides_about_it() {
        let check = |is_open, is_erased, is_wanted, has_device, expected| {
            let recipient = Recipient {
                is_open,
                is_erased,
                is_wanted,
                has_device,
            };
            assert_eq!(decide_next(recipient), expected, "{recipient:?}");
        };
        let erased = NextDevice::Stop(SuppressReason::CustomerDeleted);
        let opted_out = NextDevice::Stop(SuppressReason::OptedOut);
        check(true, false, true, true, NextDevice::Send);
        check(true, false, true, false, NextDevice::Skip);
        check(true, false, false, true, opted_out);
        check(true, false, false, false, opted_out);
        check(true, true, false, false, erased);
        check(true, true, true, true, erased);
        check(false, false, true, true, erased);
    }

    proptest! {
        #[test]
        fn nothing_is_sent_twice_or_to_who_opted_out_or_was_erased_or_outside_its_window(
            status in prop::sample::select(DeliveryStatus::ALL),
            scheduled_for in prop::option::of(0_i64..200),
            expires_at in prop::option::of(0_i64..200),
            enabled: bool,
            is_erased: bool,
        ) {
            let candidate = Candidate {
                status,
                scheduled_for: scheduled_for.map(at),
                expires_at: expires_at.map(at),
                is_erased,
                cell: &cell(enabled),
            };
            if decide(&candidate, at(100)) == Decision::Send {
                prop_assert!(enabled && !is_erased);
                prop_assert!(matches!(status, DeliveryStatus::Scheduled | DeliveryStatus::Failed));
                prop_assert!(scheduled_for.is_none_or(|time| time <= 100));
                prop_assert!(expires_at.is_none_or(|time| time > 100));
            }
        }
    }
}
