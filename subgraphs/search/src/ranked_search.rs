//! A search whose first results are ranked: the engine's answers, and the features of its results.

use async_trait::async_trait;
use entities::search::product;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::State;
use crate::engine::{
    Direction, EngineError, Filters, Hit, Matching, ParsedQuery, SearchHits, SearchQuery, Sort,
};
use crate::ranking::window::{self, Place, Range, RankedPage, RankedSource};
use crate::ranking::{self, Features};

/// A search of a customer.
pub(crate) struct RankedSearch<'a> {
    pub state: &'a State,
    pub customer: Option<Uuid>,
    /// Its range is replaced by those that are needed for a page.
    pub query: SearchQuery,
    /// Of the first answer, which has the facets.
    pub answer: Mutex<Option<SearchHits>>,
}

/// What a search has found.
pub(crate) struct Found {
    pub page: RankedPage,
    /// The engine's first answer; `None` if the engine was not asked.
    pub answer: Option<SearchHits>,
    /// How many words the results match.
    pub matching: Matching,
}

impl RankedSearch<'_> {
    /// A page of what matches most words. If nothing does, whatever the filters, one word is enough.
    ///
    /// # Errors
    /// Those of the engine.
    pub(crate) async fn find(
        mut self,
        beyond: Option<Place>,
        direction: Direction,
        limit: usize,
    ) -> Result<Found, EngineError> {
        let page = self.page(beyond.clone(), direction, limit).await?;
        let answer = self.answer.get_mut().take();
        let is_empty = match &answer {
            Some(answer) if answer.total == 0 => self.matches_nothing(answer).await?,
            _ => false,
        };
        if !is_empty {
            let matching = self.query.matching;
            return Ok(Found {
                page,
                answer,
                matching,
            });
        }
        self.query.matching = Matching::Any;
        Ok(Found {
            page: self.page(beyond, direction, limit).await?,
            answer: self.answer.into_inner(),
            matching: Matching::Any,
        })
    }

    /// Whether fewer words could find something, and no filter is the reason that all of them find nothing.
    async fn matches_nothing(&self, answer: &SearchHits) -> Result<bool, EngineError> {
        let words = ParsedQuery::new(&self.query.text, &answer.analysis).words;
        if words.len() < 2 {
            return Ok(false);
        }
        if self.query.filters == Filters::default() {
            return Ok(true);
        }
        let unfiltered = SearchQuery {
            filters: Filters::default(),
            limit: 0,
            beyond: None,
            facets: None,
            preference: None,
            snapshot: answer.snapshot.clone(),
            ..self.query.clone()
        };
        Ok(self.state.engine.search(unfiltered).await?.total == 0)
    }

    /// Up to `limit` results beyond a place.
    ///
    /// # Errors
    /// Those of the engine.
    pub(crate) async fn page(
        &self,
        beyond: Option<Place>,
        direction: Direction,
        limit: usize,
    ) -> Result<RankedPage, EngineError> {
        if beyond.is_none() && !self.is_ranked().await {
            let range = Range {
                direction,
                beyond: None,
                limit,
            };
            return Ok(RankedPage {
                hits: self.results(range).await?,
                ..RankedPage::default()
            });
        }
        window::page(self, beyond, direction, limit).await
    }

    /// Whether the first results of a new search are ranked.
    async fn is_ranked(&self) -> bool {
        let query = &self.query;
        query.sort == Sort::Relevance
            && !query.text.trim().is_empty()
            && self.state.ranker.is_on(self.customer).await
    }

    async fn features(&self, hits: &[Hit]) -> Option<Vec<(Uuid, Features)>> {
        let ids: Vec<Uuid> = hits.iter().map(|hit| hit.position.id).collect();
        let created_at = match product::created_at(self.state.database.read(), &ids).await {
            Ok(created_at) => created_at,
            Err(error) => {
                tracing::warn!(%error, "products not read, results stay in the engine's order");
                return None;
            }
        };
        let boost = self.query.preference.as_ref();
        let boost = boost.map_or(0.0, |preference| f64::from(preference.boost));
        let similarity = |hit: &Hit| f64::from(hit.similarity.unwrap_or(0.0));
        let scores = hits
            .iter()
            .map(|hit| ranking::text_score(f64::from(hit.score), boost, similarity(hit)));
        let scores = ranking::relative_to_best(&scores.collect::<Vec<_>>());
        let popularity = self.state.ranker.popularity.load();
        let now = self.state.clock.now();
        let features = |(hit, text_score): (&Hit, f64)| {
            let id = hit.position.id;
            let created_at = created_at.get(&id);
            let features = Features {
                text_score,
                similarity: similarity(hit),
                recency: created_at.map_or(0.0, |created_at| ranking::recency(*created_at, now)),
                popularity: popularity.of(id),
            };
            (id, features)
        };
        Some(hits.iter().zip(scores).map(features).collect())
    }
}

#[async_trait]
impl RankedSource for RankedSearch<'_> {
    async fn results(&self, range: Range) -> Result<Vec<Hit>, EngineError> {
        let (is_first, snapshot) = {
            let answer = self.answer.lock();
            let snapshot = answer.as_ref().and_then(|answer| answer.snapshot.clone());
            (answer.is_none(), snapshot)
        };
        let Range {
            direction,
            beyond,
            limit,
        } = range;
        let query = SearchQuery {
            direction,
            beyond,
            limit,
            facets: self.query.facets.clone().filter(|_| is_first),
            snapshot: snapshot.or_else(|| self.query.snapshot.clone()),
            ..self.query.clone()
        };
        let mut found = self.state.engine.search(query).await?;
        let hits = std::mem::take(&mut found.hits);
        if is_first {
            *self.answer.lock() = Some(found);
        }
        Ok(hits)
    }

    async fn rank(&self, hits: &[Hit]) -> Option<Vec<usize>> {
        let products = self.features(hits).await?;
        let ranker = &self.state.ranker;
        ranker.order(&self.query.text, &products).await
    }
}
