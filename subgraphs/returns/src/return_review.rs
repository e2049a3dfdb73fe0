//! The GraphQL type `ReturnReview`: why a person looks at a return, and what they decided.

use async_graphql::{Context, Enum, Object};
use entities::returns::{customer_return, return_decision, return_review};
use resolvers::money::{CurrencyCode, Money};
use resolvers::scalars::DateTime;
use resolvers::{ApiResult, access};

use crate::customer_return::ReturnStatus;
use crate::loaders::Loaders;
use crate::return_review_input::ReviewDecision;
use crate::rules::review;

/// Why a person has to look at a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "return_review::ReviewReason")]
pub(crate) enum ReviewReason {
    /// The carrier did not scan the package within 72 hours of the label.
    NoScan,
    /// No label was offered at a plausible price.
    RateOutOfBounds,
    /// There is no label, because none could be made.
    NoLabel,
    /// The payment provider refuses the refund, or made another one.
    RefundRefused,
    /// The carrier is sending the package back to the customer.
    ReturnedToCustomer,
    /// The carrier has the package of a cancelled return.
    CancelledButScanned,
    /// A label that is not needed cannot be voided, so its price is lost.
    LabelNotVoided,
}

pub(crate) struct ReturnReview {
    pub row: customer_return::Model,
    pub currency: CurrencyCode,
    pub review: return_review::Model,
}

impl ReturnReview {
    async fn decisions(&self, context: &Context<'_>) -> ApiResult<Vec<return_decision::Model>> {
        let loaders = context.data_unchecked::<Loaders>();
        loaders.decisions_of_return.load_list(self.row.id).await
    }

    /// The last decision about the present reason.
    async fn latest(&self, context: &Context<'_>) -> ApiResult<Option<return_decision::Model>> {
        let decisions = self.decisions(context).await?;
        let latest = decisions.into_iter().next_back();
        let (since, reason) = (self.review.since, self.review.reason);
        Ok(latest.filter(|latest| latest.since == since && latest.reason == reason))
    }
}

/// Why a person looks at a return, or has looked, and what they decided.
#[Object]
impl ReturnReview {
    /// Why.
    async fn reason(&self) -> ReviewReason {
        self.review.reason.into()
    }

    /// Since when it waits, or waited.
    async fn since(&self) -> DateTime {
        self.review.since.into()
    }

    /// Whether it still waits for a decision.
    async fn is_open(&self) -> bool {
        self.review.closed_at.is_none()
    }

    /// What was decided last; null until then, and if the return went on by itself.
    async fn decision(&self, context: &Context<'_>) -> Option<ApiResult<ReviewDecision>> {
        let latest = self.latest(context).await.transpose()?;
        Some(latest.map(|latest| latest.decision.into()))
    }

    /// When that was decided.
    async fn decided_at(&self, context: &Context<'_>) -> Option<ApiResult<DateTime>> {
        let latest = self.latest(context).await.transpose()?;
        Some(latest.map(|latest| latest.decided_at.into()))
    }

    /// Why it was decided. Requires the scope `support`; null without it.
    #[graphql(requires_scopes = "support")]
    async fn note(&self, context: &Context<'_>) -> Option<ApiResult<String>> {
        if let Err(refused) = access::scope(context, access::SUPPORT) {
            return Some(Err(refused));
        }
        let latest = self.latest(context).await.transpose()?;
        Some(latest.map(|latest| latest.note))
    }

    /// What can be decided now; empty if nothing waits. Requires the scope `support`; null without it.
    #[graphql(requires_scopes = "support")]
    async fn allowed_decisions(
        &self,
        context: &Context<'_>,
    ) -> Option<ApiResult<Vec<ReviewDecision>>> {
        if let Err(refused) = access::scope(context, access::SUPPORT) {
            return Some(Err(refused));
        }
        if self.review.closed_at.is_some() {
            return Some(Ok(Vec::new()));
        }
        let is_refunded = self.row.refund_issued_at.is_some();
        let possible = review::possible(self.review.reason, self.row.status, is_refunded);
        Some(Ok(possible.into_iter().map(Into::into).collect()))
    }

    /// Every decision about the return, oldest first. Requires the scope `support`; null without it.
    #[graphql(requires_scopes = "support")]
    async fn history(&self, context: &Context<'_>) -> Option<ApiResult<Vec<ReturnDecision>>> {
        if let Err(refused) = access::scope(context, access::SUPPORT) {
            return Some(Err(refused));
        }
        let currency = self.currency;
        let decisions = self.decisions(context).await;
        Some(decisions.map(|decisions| {
            let decisions = decisions.into_iter();
            decisions
                .map(|row| ReturnDecision { row, currency })
                .collect()
        }))
    }
}

pub(crate) struct ReturnDecision {
    row: return_decision::Model,
    currency: CurrencyCode,
}

/// What support decided about a return: who, when, why, and what it changed.
#[Object]
impl ReturnDecision {
    /// Why the return waited for a person.
    async fn reason(&self) -> ReviewReason {
        self.row.reason.into()
    }

    /// What was decided.
    async fn decision(&self) -> ReviewDecision {
        self.row.decision.into()
    }

    /// Why.
    async fn note(&self) -> &str {
        &self.row.note
    }

    /// Who decided: the subject of their token.
    async fn actor(&self) -> &str {
        &self.row.actor
    }

    /// When.
    async fn decided_at(&self) -> DateTime {
        self.row.decided_at.into()
    }

    /// The return's status before the decision.
    async fn status_before(&self) -> ReturnStatus {
        self.row.status_before.into()
    }

    /// The return's status at once after it.
    async fn status_after(&self) -> ReturnStatus {
        self.row.status_after.into()
    }

    /// The refund before the decision.
    async fn refund_before(&self) -> Money {
        Money::new(self.row.refund_before, self.currency)
    }

    /// The refund after it. Zero if it is quoted again when it is issued.
    async fn refund_after(&self) -> Money {
        Money::new(self.row.refund_after, self.currency)
    }

    /// The carrier that the new label had to be of, if one was named.
    async fn carrier(&self) -> Option<&str> {
        self.row.carrier.as_deref()
    }
}
