//! Charges an operation's cost to its request's rate-limit buckets.

use std::sync::Arc;
use std::time::Duration;

use platform::rate_limit::{Bucket, Decision, RateLimiter};

use crate::error::{ErrorCode, GraphQLError};
use crate::response::GraphQLResponse;

/// A request's buckets: its client's, and its user's or address's.
#[derive(Clone, Debug)]
pub struct Charge {
    limiter: Arc<RateLimiter>,
    buckets: Arc<[Bucket]>,
}

impl Charge {
    /// `None` without buckets: the request is not rate limited.
    pub fn new(limiter: Arc<RateLimiter>, buckets: Vec<Bucket>) -> Option<Self> {
        let buckets: Arc<[Bucket]> = buckets.into();
        (!buckets.is_empty()).then_some(Self { limiter, buckets })
    }

    #[cfg(test)]
    pub(crate) fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Charges a cost of at least 1. Returns the state of the tightest bucket, if known.
    ///
    /// # Errors
    /// The rejection, when too little is left.
    pub(crate) async fn acquire(&self, cost: f64) -> Result<Option<Decision>, GraphQLResponse> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number within the range of the type"
        )]
        let cost = cost.ceil().clamp(1.0, f64::from(u32::MAX)) as u32;
        let decision = self.limiter.acquire(&self.buckets, cost).await;
        match decision.and_then(|decision| decision.retry_after.zip(Some(decision))) {
            Some((wait, decision)) => Err(refusal(cost, wait, decision)),
            None => Ok(decision),
        }
    }
}

/// Whole seconds for headers, rounded up.
pub(crate) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn refusal(cost: u32, wait: Duration, decision: Decision) -> GraphQLResponse {
    let (wait, left) = (seconds(wait), decision.remaining);
    let message = format!(
        "The operation costs {cost}, and {left} of {} are left: try again in {wait} s.",
        decision.quota.burst
    );
    let mut error = GraphQLError::new(ErrorCode::RateLimited, message);
    let other = &mut error.extensions.other;
    other.insert("cost".to_owned(), cost.into());
    other.insert("remaining".to_owned(), left.into());
    other.insert("retryAfter".to_owned(), wait.into());
    GraphQLResponse {
        rate: Some(decision),
        ..GraphQLResponse::request_error(vec![error])
    }
}
