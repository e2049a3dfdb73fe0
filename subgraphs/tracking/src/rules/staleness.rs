//! Whether a parcel's displayed state may be outdated.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::status::{TrackingStatus, is_active};

/// Whether a parcel in transit was last reported longer ago than its carrier's limit. One that has not left or has
/// arrived is never stale: no more reports are expected.
pub(crate) fn is_stale(
    status: TrackingStatus,
    last_answer: DateTime<Utc>,
    now: DateTime<Utc>,
    limit: Duration,
) -> bool {
    // A time in the future counts as now.
    let silence = (now - last_answer).to_std().unwrap_or_default();
    is_active(status) && silence > limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_on_its_way_is_stale_past_the_limit_and_not_at_it() {
        let now = DateTime::from_timestamp(1_759_500_000, 0).unwrap();
        let limit = Duration::from_secs(900);
        let cases = [
            (TrackingStatus::InTransit, 899, false),
            (TrackingStatus::InTransit, 900, false),
            (TrackingStatus::InTransit, 901, true),
            (TrackingStatus::Shipped, 901, true),
            (TrackingStatus::Exception, 901, true),
            (TrackingStatus::InTransit, -5, false),
            (TrackingStatus::LabelCreated, 90_000, false),
            (TrackingStatus::Delivered, 90_000, false),
        ];
        for (status, seconds_ago, expected) in cases {
            let last = now - chrono::Duration::seconds(seconds_ago);
            assert_eq!(
                is_stale(status, last, now, limit),
                expected,
                "{status:?} {seconds_ago}"
            );
        }
    }
}
