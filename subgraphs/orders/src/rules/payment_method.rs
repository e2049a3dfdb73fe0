//! Whether a payment method is still usable.

use chrono::{DateTime, Utc};

/// Neither expired nor closed at this moment. It expires exactly at `expires_at`; a closing in the future has not
/// happened yet.
pub(crate) fn usable(
    expires_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> bool {
    expires_at.is_none_or(|at| now < at) && closed_at.is_none_or(|at| now < at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Duration, TimeZone};

    #[test]
    fn a_method_is_usable_until_it_expires_or_is_closed() {
        let now = Utc.with_ymd_and_hms(2025, 10, 3, 14, 8, 0).unwrap();
        let before = Some(now - Duration::microseconds(1));
        let after = Some(now + Duration::microseconds(1));
        let cases = [
            (None, None, true),
            (after, None, true),
            (after, after, true),
            (Some(now), None, false),
            (before, None, false),
            (None, Some(now), false),
            (after, before, false),
        ];
        for (expires_at, closed_at, expected) in cases {
            assert_eq!(
                usable(expires_at, closed_at, now),
                expected,
                "{expires_at:?} {closed_at:?}"
            );
        }
    }
}
