//! A few products, and what an engine finds of them.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use entities::search::product;
use platform::clock::Clock;
use search::engine::remote::Remote;
use search::engine::{
    Direction, Document, EngineError, Filters, Matching, ProductVector, SearchEngine, SearchHits,
    SearchQuery, Sort,
};
use uuid::Uuid;

pub(crate) fn clock() -> Clock {
    Clock::manual(at(0))
}

/// Seconds after the start of the tests' time.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2025, 10, 9, 12, 0, 0).unwrap() + TimeDelta::seconds(seconds)
}

pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A product with this title, written at this second.
pub(crate) fn document(number: u128, title: &str, seconds: i64) -> Document {
    Document {
        product: product::Model {
            id: id(number),
            title: title.to_owned(),
            description: String::new(),
            brand: None,
            category: "Things".to_owned(),
            image_url: None,
            rating: None,
            review_count: 0,
            available_quantity: 1,
            price_usd_minor: 1_000,
            popularity: 0,
            active: true,
            created_at: at(0),
            updated_at: at(seconds),
            price_sequence: 0,
            weight_grams: None,
            length_mm: None,
            width_mm: None,
            height_mm: None,
            hs_code: None,
            origin_country: None,
            catalog_sequence: 0,
            source_sequence: 0,
            stock_sequence: 0,
            stock_announced_at: None,
        },
        vector: None,
    }
}

pub(crate) fn inactive(mut document: Document) -> Document {
    document.product.active = false;
    document
}

/// A direction between the first two axes.
pub(crate) fn vector(x: f32, y: f32) -> ProductVector {
    let mut values = [0.0; 128];
    values[..2].copy_from_slice(&[x, y]);
    ProductVector::normalized(values).unwrap()
}

/// Builds an index of these and lets it serve.
pub(crate) async fn build(engine: &Remote, documents: Vec<Document>) -> Result<(), EngineError> {
    let mut rebuild = engine.begin_rebuild().await?;
    for documents in documents.chunks(500) {
        rebuild.add(documents.to_vec()).await?;
    }
    rebuild.publish().await
}

pub(crate) fn query(text: &str) -> SearchQuery {
    SearchQuery {
        text: text.to_owned(),
        matching: Matching::Most,
        filters: Filters::default(),
        sort: Sort::Relevance,
        limit: 20,
        direction: Direction::Forward,
        beyond: None,
        snapshot: None,
        facets: None,
        preference: None,
    }
}

pub(crate) async fn find(engine: &Remote, text: &str) -> SearchHits {
    engine.search(query(text)).await.unwrap()
}

/// The numbers of the products found, in order.
pub(crate) fn numbers(hits: &SearchHits) -> Vec<u128> {
    hits.hits
        .iter()
        .map(|hit| hit.position.id.as_u128())
        .collect()
}

/// All pages from this query on, in its direction.
pub(crate) async fn pages(engine: &Remote, query: SearchQuery) -> Vec<u128> {
    let (mut all, mut next) = (Vec::new(), query);
    loop {
        let page = engine.search(next.clone()).await.unwrap();
        all.extend(numbers(&page));
        match page.hits.last() {
            Some(last) if page.hits.len() == next.limit => {
                next = SearchQuery {
                    beyond: Some(last.position),
                    snapshot: page.snapshot.clone().map(|id: Arc<str>| id),
                    ..next
                };
            }
            _ => return all,
        }
    }
}
