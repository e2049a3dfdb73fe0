//! A service that ranks search results. Vantage defines its protocol: `docs/search.md` describes it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::clock::Clock;
use crate::http::{Breaker, ClientError, HttpClient, HttpError, Policy, Request};

/// A hundred scores are 2 KB.
const MAX_RESPONSE: usize = 64 << 10;

/// Calls the ranking service.
#[derive(Clone, Debug)]
pub struct RankingService {
    http: HttpClient,
    clock: Clock,
    /// While the circuit is open, searches do not even try, and log nothing.
    paused_until: Arc<Mutex<Option<DateTime<Utc>>>>,
}

/// A search and its first results.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RankingRequest<'a> {
    pub version: u32,
    /// As the shopper typed it.
    pub query: &'a str,
    /// In the order of the search engine.
    pub products: Vec<RankedProduct>,
}

/// A result. All numbers are from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RankedProduct {
    pub id: String,
    pub text_score: f64,
    pub preference_similarity: f64,
    pub recency: f64,
    #[serde(rename = "popularity7d")]
    pub popularity: f64,
}

/// Why there are no scores.
#[derive(Debug, thiserror::Error)]
pub enum RankingServiceError {
    #[error("the ranking service failed too often recently and is not called for a while")]
    Paused,
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the ranking service answered with {got} scores for {expected} products")]
    Count { got: usize, expected: usize },
}

#[derive(Debug, Deserialize)]
struct Body {
    scores: Vec<f64>,
}

impl RankingService {
    /// `url` is called as it is, without a query string. An answer takes at most `budget`.
    pub fn new(url: Url, budget: Duration, clock: Clock) -> Result<Self, ClientError> {
        let policy = Policy {
            attempt_timeout: budget,
            deadline: budget,
            // A shopper waits: the engine's order is better than a second attempt.
            attempts: 1,
            breaker: Breaker {
                failures: 5,
                hangs: 5,
                open_for: Duration::from_secs(1),
                longest: Duration::from_secs(8),
            },
            max_response_bytes: MAX_RESPONSE,
            ..Policy::default()
        };
        let http = HttpClient::new("ranking_service", url, policy, clock.clone())?;
        Ok(Self {
            http,
            clock,
            paused_until: Arc::default(),
        })
    }

    /// A score for each product, in their order. The higher, the earlier.
    pub async fn scores(
        &self,
        request: &RankingRequest<'_>,
    ) -> Result<Vec<f64>, RankingServiceError> {
        let now = self.clock.now();
        if self.paused_until.lock().is_some_and(|until| now < until) {
            return Err(RankingServiceError::Paused);
        }
        let expected = request.products.len();
        let request = Request::post("rank", &[]).json(request);
        let sent = self.http.send(&request).await;
        if let Err(HttpError::Unavailable {
            retry_in: Some(pause),
            ..
        }) = &sent
        {
            *self.paused_until.lock() = Some(now + *pause);
        }
        let body: Body = sent?.json()?;
        let got = body.scores.len();
        if got != expected {
            return Err(RankingServiceError::Count { got, expected });
        }
        Ok(body.scores)
    }
}
