//! Decides what reconciliation does about a stuck return.

use chrono::{DateTime, Duration, Utc};

use super::status::{self, ReturnStatus, SCAN_FALLBACK};

/// A return without a label for longer than this is stuck, and support is alerted.
pub const STUCK_AFTER: Duration = Duration::hours(2);

/// More manual reviews than this in one sweep indicate a problem with the carrier or with us.
pub const USUAL_REVIEWS: u64 = 5;

/// What reconciliation needs to know about a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnSnapshot {
    pub status: ReturnStatus,
    pub created_at: DateTime<Utc>,
    pub label_generated_at: Option<DateTime<Utc>>,
    /// Whether support has already been alerted.
    pub alerted: bool,
}

/// What to do about a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconciliationAction {
    SupportAlert,
    ManualReview,
}

/// Returns created before then that still have no label are stuck.
pub fn stuck_before(now: DateTime<Utc>) -> DateTime<Utc> {
    now - STUCK_AFTER
}

/// Labels created before then that still have no scan are overdue.
pub fn overdue_before(now: DateTime<Utc>) -> DateTime<Utc> {
    now - SCAN_FALLBACK
}

/// What to do about this return, if anything.
pub fn due(snapshot: &ReturnSnapshot, now: DateTime<Utc>) -> Option<ReconciliationAction> {
    let overdue = status::fallback_deadline(snapshot.status, snapshot.label_generated_at)
        .is_some_and(|deadline| deadline < now);
    let stuck = snapshot.status == ReturnStatus::Initiated
        && !snapshot.alerted
        && snapshot.created_at < stuck_before(now);
    if overdue {
        Some(ReconciliationAction::ManualReview)
    } else {
        stuck.then_some(ReconciliationAction::SupportAlert)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2025-10-12T10:16:46Z".parse().unwrap()
    }

    fn snapshot(
        status: ReturnStatus,
        created: Duration,
        labelled: Option<Duration>,
    ) -> ReturnSnapshot {
        ReturnSnapshot {
            status,
            created_at: now() - created,
            label_generated_at: labelled.map(|ago| now() - ago),
            alerted: false,
        }
    }

    #[test]
    fn a_label_is_overdue_only_past_72_hours_and_while_its_scan_is_awaited() {
        let second = Duration::seconds(1);
        for &status in ReturnStatus::ALL {
            let awaited = status == ReturnStatus::LabelGenerated;
            for (labelled, overdue) in [
                (SCAN_FALLBACK - second, false),
                (SCAN_FALLBACK, false),
                (SCAN_FALLBACK + second, true),
            ] {
                let snapshot = snapshot(status, Duration::zero(), Some(labelled));
                let expected = (overdue && awaited).then_some(ReconciliationAction::ManualReview);
                assert_eq!(due(&snapshot, now()), expected, "{snapshot:?}");
            }
        }
    }

    #[test]
    fn support_is_told_once_of_what_has_no_label_after_two_hours() {
        for (created, alerted, expected) in [
            (STUCK_AFTER, false, None),
            (
                STUCK_AFTER + Duration::seconds(1),
                false,
                Some(ReconciliationAction::SupportAlert),
            ),
            (STUCK_AFTER + Duration::seconds(1), true, None),
        ] {
            let snapshot = ReturnSnapshot {
                alerted,
                ..snapshot(ReturnStatus::Initiated, created, None)
            };
            assert_eq!(due(&snapshot, now()), expected, "{snapshot:?}");
        }
        let labelled = snapshot(
            ReturnStatus::LabelGenerated,
            STUCK_AFTER * 2,
            Some(Duration::zero()),
        );
        assert_eq!(due(&labelled, now()), None);
    }
}
