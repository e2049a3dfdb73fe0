//! An engine with an index, and short forms of what cases ask it.

use std::collections::HashMap;
use std::sync::Arc;

use entities::search::product;
use search::engine::{
    Direction, Document, FacetRequest, Facets, Filters, Matching, SearchEngine, SearchHits,
    SearchQuery, Sort,
};
use uuid::Uuid;

use crate::catalog;

/// Bounds of price buckets, in US cents.
pub(crate) const PRICE_BOUNDS: [i64; 5] = [0, 2_500, 5_000, 10_000, 25_000];

/// Every order.
pub(crate) const SORTS: [Sort; 5] = [
    Sort::Relevance,
    Sort::PriceAscending,
    Sort::PriceDescending,
    Sort::Newest,
    Sort::Rating,
];

/// An engine whose index contains these products.
#[derive(Debug)]
pub(crate) struct Shop {
    pub engine: Arc<dyn SearchEngine>,
    titles: HashMap<Uuid, String>,
}

/// A query for everything, from the start.
pub(crate) fn all() -> SearchQuery {
    SearchQuery {
        text: String::new(),
        matching: Matching::Most,
        filters: Filters::default(),
        sort: Sort::Relevance,
        limit: 100,
        direction: Direction::Forward,
        beyond: None,
        snapshot: None,
        facets: None,
        preference: None,
    }
}

/// A query for a text.
pub(crate) fn text(text: &str) -> SearchQuery {
    SearchQuery {
        text: text.to_owned(),
        ..all()
    }
}

/// Builds an index of these products and publishes it.
pub(crate) async fn build(engine: &dyn SearchEngine, documents: Vec<Document>) {
    let mut index = engine.begin_rebuild().await.unwrap();
    index.add(documents).await.unwrap();
    index.publish().await.unwrap();
}

impl Shop {
    /// With an index of the small catalog.
    pub(crate) async fn filled(engine: Arc<dyn SearchEngine>) -> Self {
        Self::of(engine, catalog::rows()).await
    }

    /// With the index of the small catalog that the engine has already.
    pub(crate) fn opened(engine: Arc<dyn SearchEngine>) -> Self {
        let titles = catalog::rows().into_iter().map(|row| (row.id, row.title));
        Self {
            titles: titles.collect(),
            engine,
        }
    }

    /// With an index of these products.
    pub(crate) async fn of(engine: Arc<dyn SearchEngine>, rows: Vec<product::Model>) -> Self {
        let titles = rows.iter().map(|row| (row.id, row.title.clone())).collect();
        build(&*engine, rows.into_iter().map(Document::new).collect()).await;
        Self { engine, titles }
    }

    pub(crate) async fn search(&self, query: SearchQuery) -> SearchHits {
        let text = query.text.clone();
        let found = self.engine.search(query).await;
        found.unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    pub(crate) async fn ids(&self, query: SearchQuery) -> Vec<Uuid> {
        let found = self.search(query).await;
        found.hits.iter().map(|hit| hit.position.id).collect()
    }

    /// The titles found, in order.
    pub(crate) async fn titles(&self, query: SearchQuery) -> Vec<&str> {
        let ids = self.ids(query).await;
        ids.iter().map(|id| self.titles[id].as_str()).collect()
    }

    /// Checks the first result of each query.
    pub(crate) async fn first(&self, cases: &[(&str, &str)]) {
        for (query, expected) in cases {
            let titles = self.titles(text(query)).await;
            assert_eq!(titles.first(), Some(expected), "{query:?}: {titles:?}");
        }
    }

    /// Checks the results of each query, in any order.
    pub(crate) async fn finds(&self, cases: &[(&str, &[&str])]) {
        for (query, expected) in cases {
            let mut titles = self.titles(text(query)).await;
            let mut expected = expected.to_vec();
            titles.sort_unstable();
            expected.sort_unstable();
            assert_eq!(titles, expected, "{query:?}");
        }
    }

    /// Checks that one title is found by each query.
    pub(crate) async fn includes(&self, expected: &str, queries: &[&str]) {
        for query in queries {
            let titles = self.titles(text(query)).await;
            assert!(titles.contains(&expected), "{query:?}: {titles:?}");
        }
    }

    /// Checks that nothing is found by each query.
    pub(crate) async fn finds_nothing(&self, queries: &[&str]) {
        for query in queries {
            let found = self.search(text(query)).await;
            assert_eq!((found.total, found.hits.len()), (0, 0), "{query:?}");
        }
    }

    pub(crate) async fn facets(&self, query: SearchQuery) -> Facets {
        let request = FacetRequest {
            price_bounds: PRICE_BOUNDS.to_vec(),
        };
        let found = self.search(SearchQuery {
            facets: Some(request),
            ..query
        });
        found.await.facets.unwrap()
    }

    /// Checks what a text is corrected to.
    pub(crate) async fn corrects(&self, cases: &[(&str, Option<&str>)]) {
        for (query, expected) in cases {
            let corrected = self.engine.correct((*query).to_owned()).await.unwrap();
            assert_eq!(corrected.as_deref(), *expected, "{query:?}");
        }
    }

    /// The titles suggested for a text, in order.
    pub(crate) async fn suggested(&self, prefix: &str, limit: usize) -> Vec<&str> {
        let ids = self.engine.suggest(prefix.to_owned(), limit).await.unwrap();
        ids.iter().map(|id| self.titles[id].as_str()).collect()
    }
}
