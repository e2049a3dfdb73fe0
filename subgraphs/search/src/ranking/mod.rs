//! Ranks the first results of a search: by a model in this process, or by a service.

mod features;
mod model;
mod model_file;
mod popularity;
pub mod window;

use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::flags::{EvaluationContext, Flag, Flags};
use platform::providers::ranking_service::{
    RankedProduct, RankingRequest, RankingService, RankingServiceError,
};
use resolvers::id::IdKind;
use uuid::Uuid;

pub use self::features::{FEATURES, Features, popularity, recency, relative_to_best, text_score};
pub use self::model::{RankingModel, RankingModelError};
pub use self::model_file::{CurrentModel, ModelFileError};
pub use self::popularity::{Popularity, PopularityCounts};

/// Whether results are ranked: off leaves them in the engine's order.
const FLAG: Flag = Flag::on_by_default("search_reranking");

/// The version of the ranking service's protocol.
const VERSION: u32 = 1;

/// Ranks results. Cheap to clone; clones share the model.
#[derive(Clone, Debug)]
pub struct Ranker {
    method: Arc<Method>,
    flags: Flags,
    pub popularity: Popularity,
}

#[derive(Debug)]
enum Method {
    None,
    Model(CurrentModel),
    Service {
        service: RankingService,
        budget: Duration,
    },
}

impl Ranker {
    /// Leaves results in the engine's order.
    pub fn none() -> Self {
        Self::new(Method::None)
    }

    /// By a model, whichever is current at the time of a search.
    pub fn model(model: CurrentModel) -> Self {
        Self::new(Method::Model(model))
    }

    /// By a service. Results stay in the engine's order if it does not answer in this time.
    pub fn service(service: RankingService, budget: Duration) -> Self {
        Self::new(Method::Service { service, budget })
    }

    fn new(method: Method) -> Self {
        Self {
            method: Arc::new(method),
            flags: Flags::defaults(),
            popularity: Popularity::default(),
        }
    }

    /// With flags that decide for whom results are ranked.
    pub fn with_flags(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    /// Whether this customer's results are ranked; `None` is a visitor.
    pub async fn is_on(&self, customer: Option<Uuid>) -> bool {
        if matches!(*self.method, Method::None) {
            return false;
        }
        let mut subject = EvaluationContext::default();
        if let Some(customer) = customer {
            subject = subject.with_targeting_key(IdKind::Customer.format(customer));
        }
        self.flags.is_on(FLAG, &subject).await
    }

    /// The places of these products in the order of the ranking, the best first; equal ones stay in their order. `None`
    /// if they cannot be ranked: the log and metrics say why.
    pub async fn order(&self, text: &str, products: &[(Uuid, Features)]) -> Option<Vec<usize>> {
        let started = Instant::now();
        let (by, scores) = match &*self.method {
            Method::None => return None,
            Method::Model(model) => {
                let model = model.load();
                let scores = products.iter().map(|(_, features)| model.score(*features));
                ("model", Ok(scores.collect()))
            }
            Method::Service { service, budget } => {
                ("service", scores(service, *budget, text, products).await)
            }
        };
        let outcome = match &scores {
            Ok(_) => "ranked",
            Err(Failure::Paused) => "paused",
            Err(Failure::TimedOut) => "timed_out",
            Err(Failure::Failed) => "failed",
        };
        metrics::counter!("vantage_search_rankings_total", "by" => by, "outcome" => outcome)
            .increment(1);
        metrics::histogram!("vantage_search_ranking_duration_seconds", "by" => by)
            .record(started.elapsed().as_secs_f64());
        scores.ok().map(|scores| order(&scores))
    }
}

/// Why a service did not rank.
enum Failure {
    /// It failed too often to be called now.
    Paused,
    TimedOut,
    Failed,
}

async fn scores(
    service: &RankingService,
    budget: Duration,
    query: &str,
    products: &[(Uuid, Features)],
) -> Result<Vec<f64>, Failure> {
    let product = |(id, features): &(Uuid, Features)| RankedProduct {
        id: IdKind::Product.format(*id),
        text_score: features.text_score,
        preference_similarity: features.similarity,
        recency: features.recency,
        popularity: features.popularity,
    };
    let request = RankingRequest {
        version: VERSION,
        query,
        products: products.iter().map(product).collect(),
    };
    // The client has the same budget for the call; this one includes the rest.
    let answer = tokio::time::timeout(budget * 2, service.scores(&request)).await;
    answer
        .map_err(|_| Failure::TimedOut)?
        .map_err(|error| match error {
            RankingServiceError::Paused => Failure::Paused,
            RankingServiceError::Http(error) => match error {
                platform::http::HttpError::TimedOut { .. } => Failure::TimedOut,
                _ => Failure::Failed,
            },
            error @ RankingServiceError::Count { .. } => {
                tracing::warn!(%error, "results stay in the engine's order: correct the ranking service");
                Failure::Failed
            }
        })
}

/// The best score first; equal ones in their order.
fn order(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_score_comes_first_and_equal_ones_stay() {
        assert_eq!(order(&[0.5, 2.0, 0.5, -1.0, 2.0]), [1, 4, 0, 2, 3]);
        assert_eq!(order(&[0.0, -0.0]).len(), 2);
        assert_eq!(order(&[]), [] as [usize; 0]);
    }

    #[tokio::test]
    async fn the_model_moves_up_what_is_popular_among_equals_only() {
        let ranker = Ranker::model(CurrentModel::default());
        let product = |text_score, popularity| {
            let features = Features {
                text_score,
                popularity,
                ..Features::default()
            };
            (Uuid::now_v7(), features)
        };
        let products = [product(1.0, 0.0), product(0.3, 1.0), product(1.0, 0.9)];
        assert_eq!(ranker.order("lamp", &products).await, Some(vec![2, 0, 1]));
        assert!(ranker.is_on(None).await && !Ranker::none().is_on(None).await);
        assert_eq!(Ranker::none().order("lamp", &products).await, None);
    }
}
