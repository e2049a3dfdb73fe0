//! When a refund is looked at again: while the bank has not decided, and afterwards, because a bank
//! may send back within weeks what it took.

use chrono::{DateTime, Duration, Utc};

/// A refund that pends is asked about after half of the time that it has pended, within these.
const MIN_INTERVAL: Duration = Duration::seconds(2);
const MAX_INTERVAL: Duration = Duration::hours(1);

/// How long after it was issued a refund is looked at.
const CHECK_SCHEDULE: [Duration; 7] = [
    Duration::seconds(5),
    Duration::minutes(10),
    Duration::hours(6),
    Duration::days(1),
    Duration::days(4),
    Duration::days(14),
    Duration::days(35),
];

/// When to ask again about a refund that pends.
pub(crate) fn next_poll_at(requested_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let pended = now - requested_at;
    now + (pended / 2).clamp(MIN_INTERVAL, MAX_INTERVAL)
}

/// When to look next at a refund that was issued; `None` when it is settled for good.
pub(crate) fn next_check_at(issued_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    CHECK_SCHEDULE
        .into_iter()
        .map(|after| issued_at + after)
        .find(|at| *at > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        "2025-10-09T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_pends_longer_is_asked_about_less_often() {
        for (pended, expected) in [
            (Duration::zero(), MIN_INTERVAL),
            (Duration::seconds(-5), MIN_INTERVAL),
            (Duration::seconds(60), Duration::seconds(30)),
            (Duration::days(2), MAX_INTERVAL),
        ] {
            assert_eq!(next_poll_at(noon() - pended, noon()), noon() + expected);
        }
    }

    #[test]
    fn an_issued_refund_is_watched_until_no_bank_sends_it_back() {
        let mut now = noon();
        let mut looks = 0;
        while let Some(next) = next_check_at(noon(), now) {
            assert!(next > now);
            now = next;
            looks += 1;
        }
        assert_eq!(looks, CHECK_SCHEDULE.len());
        assert_eq!(now, noon() + Duration::days(35));
    }
}
