//! A return's way from the first click to the warehouse: which transitions are legal, what the customer
//! does next, and how each step is told.

use std::borrow::Cow;

use async_graphql::Enum;
use chrono::{DateTime, Duration, Utc};

/// A label that the carrier has not scanned for this long sends the return to manual review.
pub const SCAN_FALLBACK: Duration = Duration::hours(72);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum ReturnStatus {
    Initiated,
    LabelGenerated,
    /// The carrier has the package.
    CarrierScanned,
    RefundIssued,
    /// The package is back at the warehouse and its units are in stock again.
    Completed,
    /// A support agent looks at it.
    ManualReview,
    Cancelled,
}

/// A transition that the state machine does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a return cannot go from {from} to {to}", from = from.as_str(), to = to.as_str())]
pub struct IllegalTransition {
    pub from: ReturnStatus,
    pub to: ReturnStatus,
}

impl ReturnStatus {
    pub const ALL: [Self; 7] = [
        Self::Initiated,
        Self::LabelGenerated,
        Self::CarrierScanned,
        Self::RefundIssued,
        Self::Completed,
        Self::ManualReview,
        Self::Cancelled,
    ];

    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initiated => "initiated",
            Self::LabelGenerated => "label_generated",
            Self::CarrierScanned => "carrier_scanned",
            Self::RefundIssued => "refund_issued",
            Self::Completed => "completed",
            Self::ManualReview => "manual_review",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(stored: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == stored)
    }

    /// What the timeline calls reaching this status.
    pub const fn timeline_event(self) -> &'static str {
        match self {
            Self::Initiated => "return_initiated",
            _ => self.as_str(),
        }
    }

    /// The statuses that come directly after this one; `refunded` is whether the refund was issued.
    pub const fn next(self, refunded: bool) -> &'static [Self] {
        match self {
            // The money is out and the package went back to the customer: all that is left is to get it.
            Self::ManualReview if refunded => &[Self::Completed],
            // Straight to review when no label can be bought at a sane rate.
            Self::Initiated => &[Self::LabelGenerated, Self::ManualReview, Self::Cancelled],
            Self::LabelGenerated => &[Self::CarrierScanned, Self::ManualReview, Self::Cancelled],
            // A late scan goes on as if it had been in time.
            Self::ManualReview => &[Self::CarrierScanned, Self::Cancelled],
            Self::CarrierScanned => &[Self::RefundIssued],
            // To review when the carrier sends the package back to the customer.
            Self::RefundIssued => &[Self::Completed, Self::ManualReview],
            Self::Completed | Self::Cancelled => &[],
        }
    }

    /// The new status, or why the transition is refused.
    pub fn transition_to(self, to: Self, refunded: bool) -> Result<Self, IllegalTransition> {
        if self.next(refunded).contains(&to) {
            Ok(to)
        } else {
            Err(IllegalTransition { from: self, to })
        }
    }
}

/// What the customer does or waits for; `None` when nothing more will happen.
pub fn next_step(status: ReturnStatus, carrier: Option<&str>) -> Option<Cow<'static, str>> {
    Some(match status {
        ReturnStatus::Initiated => "Generate your shipping label".into(),
        ReturnStatus::LabelGenerated => match carrier {
            Some(carrier) => {
                format!("Print label and drop off package at any {carrier} location").into()
            }
            None => "Print label and drop off package".into(),
        },
        ReturnStatus::CarrierScanned => {
            "Your package is on its way and your refund is being issued".into()
        }
        ReturnStatus::RefundIssued => {
            "Your refund was issued; your package is on its way to our warehouse".into()
        }
        ReturnStatus::ManualReview => {
            "A support agent is reviewing your return and will contact you by email".into()
        }
        ReturnStatus::Completed | ReturnStatus::Cancelled => return None,
    })
}

/// When a return whose label waits for its first scan goes to manual review.
pub fn fallback_deadline(
    status: ReturnStatus,
    label_generated_at: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    (status == ReturnStatus::LabelGenerated)
        .then_some(label_generated_at)?
        .map(|generated| generated + SCAN_FALLBACK)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ReturnStatus::*;
    use super::*;

    #[test]
    fn the_flow_has_exactly_these_transitions() {
        let transitions = [
            (Initiated, LabelGenerated),
            (Initiated, ManualReview),
            (Initiated, Cancelled),
            (LabelGenerated, CarrierScanned),
            (LabelGenerated, ManualReview),
            (LabelGenerated, Cancelled),
            (ManualReview, CarrierScanned),
            (ManualReview, Cancelled),
            (CarrierScanned, RefundIssued),
            (RefundIssued, Completed),
            (RefundIssued, ManualReview),
        ];
        for from in ReturnStatus::ALL {
            for to in ReturnStatus::ALL {
                let expected = if transitions.contains(&(from, to)) {
                    Ok(to)
                } else {
                    Err(IllegalTransition { from, to })
                };
                assert_eq!(from.transition_to(to, false), expected);
            }
        }
        assert_eq!(
            Completed
                .transition_to(Initiated, true)
                .unwrap_err()
                .to_string(),
            "a return cannot go from completed to initiated"
        );
    }

    #[test]
    fn a_status_is_stored_and_read_back() {
        for status in ReturnStatus::ALL {
            assert_eq!(ReturnStatus::parse(status.as_str()), Some(status));
        }
        assert_eq!(ReturnStatus::parse("lost"), None);
    }

    #[test]
    fn the_next_step_names_the_labels_carrier_and_ends_with_the_return() {
        let cases = [
            (Initiated, None, Some("Generate your shipping label")),
            (
                LabelGenerated,
                Some("USPS"),
                Some("Print label and drop off package at any USPS location"),
            ),
            (
                LabelGenerated,
                None,
                Some("Print label and drop off package"),
            ),
            (Completed, Some("USPS"), None),
            (Cancelled, None, None),
        ];
        for (status, carrier, expected) in cases {
            assert_eq!(next_step(status, carrier).as_deref(), expected);
        }
    }

    #[test]
    fn the_fallback_runs_from_the_label_and_only_while_its_scan_is_awaited() {
        let generated: DateTime<Utc> = "2025-10-09T10:16:46Z".parse().unwrap();
        let deadline: DateTime<Utc> = "2025-10-12T10:16:46Z".parse().unwrap();
        for status in ReturnStatus::ALL {
            assert_eq!(
                fallback_deadline(status, Some(generated)),
                (status == LabelGenerated).then_some(deadline),
            );
            assert_eq!(fallback_deadline(status, None), None);
        }
    }

    proptest! {
        #[test]
        fn no_walk_refunds_without_a_scan_or_cancels_after_one(
            steps in proptest::collection::vec(0_usize..7, 0..40),
        ) {
            let mut walked = vec![Initiated];
            for step in steps {
                let now = walked[walked.len() - 1];
                let refunded = walked.contains(&RefundIssued);
                if let Ok(next) = now.transition_to(ReturnStatus::ALL[step], refunded) {
                    walked.push(next);
                }
            }
            let at = |status| walked.iter().position(|walked| *walked == status);
            prop_assert!(at(RefundIssued).is_none() || at(CarrierScanned) < at(RefundIssued));
            prop_assert!(at(Completed).is_none() || at(RefundIssued) < at(Completed));
            prop_assert!(at(CarrierScanned).is_none() || at(Cancelled).is_none());
            for status in ReturnStatus::ALL {
                let times = walked.iter().filter(|walked| **walked == status).count();
                // Once for the label, and once for a package that went back to the customer.
                let most = if status == ManualReview { 2 } else { 1 };
                prop_assert!(times <= most, "{status:?} was reached {times} times");
            }
        }
    }
}
