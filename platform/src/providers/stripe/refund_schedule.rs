//! When to check a refund again: while it is pending, and afterwards, because a bank may send it back weeks later.

use chrono::{DateTime, Duration, Utc};

/// A pending refund is polled after half of the time it has been pending, within these bounds.
const MIN_INTERVAL: Duration = Duration::seconds(2);
const MAX_INTERVAL: Duration = Duration::hours(1);

/// How long after it was issued a refund is checked.
const CHECK_SCHEDULE: [Duration; 7] = [
    Duration::seconds(5),
    Duration::minutes(10),
    Duration::hours(6),
    Duration::days(1),
    Duration::days(4),
    Duration::days(14),
    Duration::days(35),
];

/// When to poll a pending refund next.
pub fn next_poll_at(requested_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let pended = now - requested_at;
    now + (pended / 2).clamp(MIN_INTERVAL, MAX_INTERVAL)
}

/// When to check an issued refund next; `None` once it is final.
pub fn next_check_at(issued_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
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
