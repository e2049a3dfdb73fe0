//! When a refund is looked at again: while the bank has not decided, and afterwards, because a bank
//! may send back within weeks what it took.

use chrono::{DateTime, Duration, Utc};

/// A refund that pends is asked about after half of the time that it has pended, within these.
const SOONEST: Duration = Duration::seconds(2);
const LATEST: Duration = Duration::hours(1);

/// How long after it was issued a refund is looked at.
const WATCHES: [Duration; 7] = [
    Duration::seconds(5),
    Duration::minutes(10),
    Duration::hours(6),
    Duration::days(1),
    Duration::days(4),
    Duration::days(14),
    Duration::days(35),
];

/// When to ask again about a refund that pends.
pub(crate) fn poll_at(requested_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let pended = now - requested_at;
    now + (pended / 2).clamp(SOONEST, LATEST)
}

/// When to look next at a refund that was issued; `None` when it is settled for good.
pub(crate) fn watch_at(issued_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    WATCHES
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
            (Duration::zero(), SOONEST),
            (Duration::seconds(-5), SOONEST),
            (Duration::seconds(60), Duration::seconds(30)),
            (Duration::days(2), LATEST),
        ] {
            assert_eq!(poll_at(noon() - pended, noon()), noon() + expected);
        }
    }

    #[test]
    fn an_issued_refund_is_watched_until_no_bank_sends_it_back() {
        let mut now = noon();
        let mut looks = 0;
        while let Some(next) = watch_at(noon(), now) {
            assert!(next > now);
            now = next;
            looks += 1;
        }
        assert_eq!(looks, WATCHES.len());
        assert_eq!(now, noon() + Duration::days(35));
    }
}
