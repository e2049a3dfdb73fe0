//! What support can decide about a return that waits for a person, and what follows from it.

use entities::returns::return_decision::ReviewDecision;
pub(crate) use entities::returns::return_review::ReviewReason;

use super::refund::Quote;
use super::status::ReturnStatus;

/// What follows from a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Get a label; one that was bought is replaced.
    Label,
    /// Refund what was quoted, or what was decided.
    Refund,
    /// The carrier has the package of a cancelled return: the return goes on, and is refunded.
    Reopen,
    /// The return ends as cancelled.
    Cancel,
    /// The package is on its way, and nothing is refunded for it.
    RefundNothing,
    /// The refunded return ends, although no package arrived.
    Close,
    /// Nothing changes: only the review ends.
    Dismiss,
    /// The provider is asked again to void a label; the review stays open until it is voided.
    Void,
    /// Support accepts that the price of a label is lost.
    AcceptLoss,
    /// Nothing changes: the review stays open.
    Wait,
}

/// What follows from this decision about a return that waits for this reason in this status; `None` if it is not
/// possible. `refunded` is whether the refund was issued.
pub(crate) const fn effect(
    decision: ReviewDecision,
    reason: ReviewReason,
    status: ReturnStatus,
    refunded: bool,
) -> Option<Effect> {
    use ReturnStatus::{Cancelled, CarrierScanned, Initiated, ManualReview};
    Some(match (decision, status) {
        (ReviewDecision::Wait, _) => Effect::Wait,
        // Only the price of a label is in question, and the return itself needs nobody.
        (ReviewDecision::RetryVoid, _) if matches!(reason, ReviewReason::LabelNotVoided) => {
            Effect::Void
        }
        (ReviewDecision::Reject, _) if matches!(reason, ReviewReason::LabelNotVoided) => {
            Effect::AcceptLoss
        }
        _ if matches!(reason, ReviewReason::LabelNotVoided) => return None,
        (ReviewDecision::Reject, ManualReview) if refunded => Effect::Close,
        (_, ManualReview) if refunded => return None,
        (ReviewDecision::RetryLabel, Initiated | ManualReview) => Effect::Label,
        (
            ReviewDecision::Refund | ReviewDecision::RefundToStoreCredit,
            CarrierScanned | ManualReview,
        ) => Effect::Refund,
        (ReviewDecision::Refund | ReviewDecision::RefundToStoreCredit, Cancelled) => Effect::Reopen,
        (ReviewDecision::Reject, Initiated | ManualReview) => Effect::Cancel,
        (ReviewDecision::Reject, CarrierScanned) => Effect::RefundNothing,
        (ReviewDecision::Reject, _) => Effect::Dismiss,
        _ => return None,
    })
}

/// The possible decisions about such a return.
pub(crate) fn possible(
    reason: ReviewReason,
    status: ReturnStatus,
    refunded: bool,
) -> Vec<ReviewDecision> {
    let all = ReviewDecision::ALL.iter().copied();
    all.filter(|decision| effect(*decision, reason, status, refunded).is_some())
        .collect()
}

/// Whether a return that waits for one reason is better listed under another one that was found now.
pub(crate) const fn outweighs(reason: ReviewReason, known: ReviewReason) -> bool {
    // A label's price matters less than anything else.
    matches!(known, ReviewReason::LabelNotVoided) || !matches!(reason, ReviewReason::LabelNotVoided)
}

/// The refund with another total, its components changed as little as possible: a higher one refunds more for the
/// items; a lower one less for the shipping, then the tax, then the items.
pub(crate) fn with_total(quote: &Quote, total: i64) -> Quote {
    let mut changed = quote.clone();
    let mut less = (quote.total - total).max(0);
    for component in [&mut changed.shipping, &mut changed.tax, &mut changed.items] {
        let taken = less.min((*component).max(0));
        *component -= taken;
        less -= taken;
    }
    let more = total - (changed.items + changed.tax + changed.shipping);
    changed.items += more;
    changed.total = total;
    spread(&mut changed.lines, changed.items);
    changed
}

/// Changes the lines so that they add up to `sum`, from the last one on.
fn spread(lines: &mut [i64], sum: i64) {
    let mut excess = lines.iter().sum::<i64>() - sum;
    if let Some(first) = lines.first_mut().filter(|_| excess < 0) {
        *first -= excess;
        return;
    }
    for line in lines.iter_mut().rev() {
        let taken = excess.min(*line);
        *line -= taken;
        excess -= taken;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_status_in_the_queue_has_a_way_out() {
        let waits = [
            (ReturnStatus::Initiated, false),
            (ReturnStatus::CarrierScanned, false),
            (ReturnStatus::ManualReview, false),
            (ReturnStatus::ManualReview, true),
            (ReturnStatus::RefundIssued, true),
            (ReturnStatus::Completed, true),
            (ReturnStatus::Cancelled, false),
        ];
        for (status, refunded) in waits {
            for &reason in ReviewReason::ALL {
                let decisions = possible(reason, status, refunded);
                assert!(
                    decisions.contains(&ReviewDecision::Wait),
                    "{reason:?} {status:?}"
                );
                assert!(decisions.len() > 1, "{reason:?} {status:?} has no way out");
            }
        }
    }

    #[test]
    fn nothing_is_refunded_twice() {
        for &status in ReturnStatus::ALL {
            for decision in [ReviewDecision::Refund, ReviewDecision::RefundToStoreCredit] {
                let is_refunded =
                    matches!(status, ReturnStatus::RefundIssued | ReturnStatus::Completed);
                let effect = effect(decision, ReviewReason::RefundRefused, status, true);
                if is_refunded || status == ReturnStatus::ManualReview {
                    assert_eq!(effect, None, "{status:?}");
                }
            }
        }
    }

    #[test]
    fn decisions_depend_on_where_the_return_is() {
        use ReturnStatus::{Cancelled, CarrierScanned, Initiated, ManualReview};
        for (decision, status, refunded, expected) in [
            (
                ReviewDecision::RetryLabel,
                ManualReview,
                false,
                Some(Effect::Label),
            ),
            (
                ReviewDecision::RetryLabel,
                Initiated,
                false,
                Some(Effect::Label),
            ),
            (ReviewDecision::RetryLabel, CarrierScanned, false, None),
            (ReviewDecision::RetryLabel, ManualReview, true, None),
            (
                ReviewDecision::Refund,
                ManualReview,
                false,
                Some(Effect::Refund),
            ),
            (ReviewDecision::Refund, Initiated, false, None),
            (
                ReviewDecision::Refund,
                Cancelled,
                false,
                Some(Effect::Reopen),
            ),
            (
                ReviewDecision::Reject,
                ManualReview,
                false,
                Some(Effect::Cancel),
            ),
            (
                ReviewDecision::Reject,
                ManualReview,
                true,
                Some(Effect::Close),
            ),
            (
                ReviewDecision::Reject,
                CarrierScanned,
                false,
                Some(Effect::RefundNothing),
            ),
            (
                ReviewDecision::Reject,
                Cancelled,
                false,
                Some(Effect::Dismiss),
            ),
            (ReviewDecision::Wait, ManualReview, true, Some(Effect::Wait)),
        ] {
            let reason = ReviewReason::NoScan;
            let effect = effect(decision, reason, status, refunded);
            assert_eq!(effect, expected, "{decision:?} {status:?}");
        }
        // A refund that is under way is not stopped because of a label's price.
        let reason = ReviewReason::LabelNotVoided;
        let dismissed = effect(ReviewDecision::Reject, reason, CarrierScanned, false);
        assert_eq!(dismissed, Some(Effect::AcceptLoss));
        let decisions = possible(reason, ManualReview, false);
        let expected = [
            ReviewDecision::RetryVoid,
            ReviewDecision::Reject,
            ReviewDecision::Wait,
        ];
        assert_eq!(decisions, expected);
        let other = effect(
            ReviewDecision::RetryVoid,
            ReviewReason::NoScan,
            ManualReview,
            false,
        );
        assert_eq!(other, None);
    }

    #[test]
    fn the_price_of_a_label_hides_no_other_reason() {
        for &known in ReviewReason::ALL {
            let hides = outweighs(ReviewReason::LabelNotVoided, known);
            assert_eq!(hides, known == ReviewReason::LabelNotVoided);
            assert!(outweighs(ReviewReason::NoScan, known));
        }
    }

    proptest! {
        #[test]
        fn another_total_still_adds_up(
            lines in proptest::collection::vec(0_i64..100_000, 1..5),
            tax in 0_i64..20_000,
            shipping in -5_000_i64..5_000,
            total in 0_i64..500_000,
        ) {
            let items: i64 = lines.iter().sum();
            prop_assume!(items + tax + shipping >= 0);
            let quote = Quote {
                items, tax, shipping, lines,
                total: items + tax + shipping,
                includes_shipping: false,
            };
            let changed = with_total(&quote, total);
            prop_assert_eq!(changed.total, total);
            prop_assert_eq!(changed.items + changed.tax + changed.shipping, total);
            prop_assert_eq!(changed.lines.iter().sum::<i64>(), changed.items);
            prop_assert!(changed.lines.iter().all(|line| *line >= 0));
            prop_assert_eq!(with_total(&quote, quote.total), quote);
        }
    }
}
