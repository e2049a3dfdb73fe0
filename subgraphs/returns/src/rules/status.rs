//! A return's state machine: legal transitions, the customer's next step, and timeline names.

use std::borrow::Cow;

use chrono::{DateTime, Duration, Utc};
use entities::returns::customer_return::RefundMethod;
pub use entities::returns::customer_return::ReturnStatus;

/// A label not scanned by the carrier for this long sends the return to manual review.
pub const SCAN_FALLBACK: Duration = Duration::hours(72);

/// A transition that the state machine does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a return cannot go from {from} to {to}", from = from.as_str(), to = to.as_str())]
pub struct IllegalTransition {
    pub from: ReturnStatus,
    pub to: ReturnStatus,
}

/// The timeline event for reaching this status.
pub const fn timeline_event(status: ReturnStatus) -> &'static str {
    match status {
        ReturnStatus::Initiated => "return_initiated",
        _ => status.as_str(),
    }
}

/// The possible next statuses; `refunded` is whether the refund was issued.
pub const fn successors(status: ReturnStatus, refunded: bool) -> &'static [ReturnStatus] {
    use ReturnStatus::{
        Cancelled, CarrierScanned, Completed, Initiated, LabelGenerated, ManualReview, RefundIssued,
    };
    match status {
        // The refund was issued and the package went back to the customer: it only remains to close the return.
        ManualReview if refunded => &[Completed],
        // Directly to review if no label can be bought at a plausible rate.
        Initiated => &[LabelGenerated, ManualReview, Cancelled],
        LabelGenerated => &[CarrierScanned, ManualReview, Cancelled],
        // A late scan proceeds as if it had been in time. Support may want another label, or refund without a package.
        ManualReview => &[Initiated, CarrierScanned, RefundIssued, Cancelled],
        CarrierScanned => &[RefundIssued],
        // To review if the carrier turns the package back to the customer.
        RefundIssued => &[Completed, ManualReview],
        // The carrier has the package all the same, and support refunds it.
        Cancelled => &[CarrierScanned],
        Completed => &[],
    }
}

/// The new status, or why the transition is refused.
pub fn transition(
    from: ReturnStatus,
    to: ReturnStatus,
    refunded: bool,
) -> Result<ReturnStatus, IllegalTransition> {
    if successors(from, refunded).contains(&to) {
        Ok(to)
    } else {
        Err(IllegalTransition { from, to })
    }
}

/// The customer's next step; `None` when nothing more will happen. Store credit waits to be used.
pub fn next_step(
    status: ReturnStatus,
    carrier: Option<&str>,
    refund: RefundMethod,
) -> Option<Cow<'static, str>> {
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
        ReturnStatus::RefundIssued if refund == RefundMethod::StoreCredit => {
            "Your refund was issued as store credit: use it for your next order".into()
        }
        ReturnStatus::Completed if refund == RefundMethod::StoreCredit => {
            "Your refund is store credit: use it for your next order".into()
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

/// When a return whose label is not scanned goes to manual review.
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
            (ManualReview, Initiated),
            (ManualReview, CarrierScanned),
            (ManualReview, RefundIssued),
            (ManualReview, Cancelled),
            (Cancelled, CarrierScanned),
            (CarrierScanned, RefundIssued),
            (RefundIssued, Completed),
            (RefundIssued, ManualReview),
        ];
        for &from in ReturnStatus::ALL {
            for &to in ReturnStatus::ALL {
                let expected = if transitions.contains(&(from, to)) {
                    Ok(to)
                } else {
                    Err(IllegalTransition { from, to })
                };
                assert_eq!(transition(from, to, false), expected);
            }
        }
        assert_eq!(
            transition(Completed, Initiated, true)
                .unwrap_err()
                .to_string(),
            "a return cannot go from completed to initiated"
        );
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
            let step = next_step(status, carrier, RefundMethod::OriginalPayment);
            assert_eq!(step.as_deref(), expected);
        }
        for status in [RefundIssued, Completed] {
            let step = next_step(status, None, RefundMethod::StoreCredit).unwrap();
            assert!(step.contains("store credit"), "{step}");
        }
    }

    #[test]
    fn the_fallback_runs_from_the_label_and_only_while_its_scan_is_awaited() {
        let generated: DateTime<Utc> = "2025-10-09T10:16:46Z".parse().unwrap();
        let deadline: DateTime<Utc> = "2025-10-12T10:16:46Z".parse().unwrap();
        for &status in ReturnStatus::ALL {
            assert_eq!(
                fallback_deadline(status, Some(generated)),
                (status == LabelGenerated).then_some(deadline),
            );
            assert_eq!(fallback_deadline(status, None), None);
        }
    }

    proptest! {
        #[test]
        fn no_walk_refunds_twice_or_without_a_scan_or_a_review(
            steps in proptest::collection::vec(0_usize..7, 0..40),
        ) {
            let mut walked = vec![Initiated];
            for step in steps {
                let now = walked[walked.len() - 1];
                let refunded = walked.contains(&RefundIssued);
                if let Ok(next) = transition(now, ReturnStatus::ALL[step], refunded) {
                    walked.push(next);
                }
            }
            let at = |status| walked.iter().position(|walked| *walked == status);
            if let Some(refunded) = at(RefundIssued) {
                let prior = walked[refunded - 1];
                prop_assert!(matches!(prior, CarrierScanned | ManualReview), "{prior:?}");
            }
            prop_assert!(at(Completed).is_none() || at(RefundIssued) < at(Completed));
            for status in [RefundIssued, Completed] {
                let times = walked.iter().filter(|walked| **walked == status).count();
                prop_assert!(times <= 1, "{status:?} was reached {times} times");
            }
        }
    }
}
