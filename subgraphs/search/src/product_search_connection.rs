//! The GraphQL type `ProductSearchConnection`: presents the results of a search.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use chrono::{DateTime, Utc};
use entities::search::search_exposure;
use resolvers::connection::{Page, PageInfo};
use resolvers::{ApiError, ApiResult};
use uuid::Uuid;

use crate::State;
use crate::engine::{Analysis, Deadline, Hit, ParsedQuery};
use crate::facet::Facet;
use crate::loaders::Loaders;
use crate::personalization::{Personalization, Ranking};
use crate::product::Product;
use crate::ranking::{self, PopularityCounts};
use crate::rules::match_reasons::{self, Moved, Texts};

/// A page of hits.
pub(crate) struct Results {
    pub page: Page<Hit>,
    pub total: u64,
    pub facets: Vec<Facet>,
    /// By how many places the ranking has moved products up.
    pub moved: HashMap<Uuid, i64>,
    pub is_ranked: bool,
    pub is_relaxed: bool,
}

/// The request's parameters, needed to explain results.
#[derive(Debug)]
pub(crate) struct SearchRequest {
    pub text: String,
    pub parsed: ParsedQuery,
    pub analysis: Arc<Analysis>,
    pub query_id: Uuid,
    pub ranking: Ranking,
    pub popularity: Arc<PopularityCounts>,
    pub now: DateTime<Utc>,
    /// For whatever else the engine is asked.
    pub deadline: Deadline,
}

impl SearchRequest {
    /// For the experiment.
    pub(crate) fn exposure(
        &self,
        customer_id: Uuid,
        latency_micros: i64,
        now: DateTime<Utc>,
    ) -> search_exposure::Model {
        search_exposure::Model {
            query_id: self.query_id,
            customer_id,
            variant: self.ranking.variant,
            mode: self.ranking.possible,
            latency_micros,
            exposed_at: now,
            clicked_at: None,
            carted_at: None,
            converted_at: None,
        }
    }
}

/// A result of a search, with its place in the list.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct ProductSearchEdge {
    /// The product.
    pub node: Product,
    /// The product's place in the list, for `after` and `before`. Opaque.
    pub cursor: String,
    /// How relevant the product is compared to the most relevant result, from 0 to 1.
    pub score: f64,
    /// How well the product fits the customer's preferences, if the results are ranked by them.
    #[graphql(skip)]
    similarity: Option<f32>,
    /// By how many places the ranking has moved the product up.
    #[graphql(skip)]
    moved: i64,
    #[graphql(skip)]
    request: Arc<SearchRequest>,
}

#[ComplexObject]
impl ProductSearchEdge {
    /// Which words of the query matched what: `exact title`, `title: headphones`, `brand: auralis`, `title starts: head`,
    /// `title means: telly` for a synonym, `title resembles: hedphones` for a typo; and which of the customer's preferences
    /// moved the product up: `preference: headphones`. Last, by how many places the ranking has moved it,
    /// and what speaks for it apart from its texts: `ranked 3 higher: popular, new`, `ranked 1 lower`. Empty for a blank
    /// query, unless the product fits the customer's preferences.
    async fn why(&self, context: &Context<'_>) -> ApiResult<Vec<String>> {
        let product = self.node.row(context).await?;
        let texts = Texts {
            title: &product.title,
            brand: product.brand.as_deref(),
            category: &product.category,
            description: &product.description,
        };
        let mut reasons =
            match_reasons::reasons(&self.request.parsed, &self.request.analysis, texts);
        let interests = &self.request.ranking.interests;
        reasons.extend(self.similarity.and_then(|similarity| {
            match_reasons::preference(similarity, texts, &interests.categories, &interests.brands)
        }));
        reasons.extend(match_reasons::ranking(Moved {
            places: self.moved,
            similarity: f64::from(self.similarity.unwrap_or(0.0)),
            recency: ranking::recency(product.created_at, self.request.now),
            popularity: self.request.popularity.of(product.id),
        }));
        Ok(reasons)
    }
}

/// A page of search results.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct ProductSearchConnection {
    /// The products of the page with their cursors, in the requested order.
    pub edges: Vec<ProductSearchEdge>,
    /// The products of the page without their cursors.
    pub nodes: Vec<Product>,
    /// Whether there are more results, and from which cursors.
    pub page_info: PageInfo,
    /// How many products match, on all pages.
    pub total_count: i32,
    /// Whether no product matches most words of the query, so that the results match at least one of them.
    pub is_relaxed: bool,
    /// The distribution of the results over categories, brands, prices and ratings, counted over all pages.
    pub facets: Vec<Facet>,
    /// How the results are personalized.
    pub personalization: Personalization,
    /// Identifies this search in `searchEventRecord`.
    pub query_id: ID,
    #[graphql(skip)]
    request: Arc<SearchRequest>,
}

#[ComplexObject]
impl ProductSearchConnection {
    /// "Did you mean": the query with each word that no product has replaced by the most similar one of the catalog. Null
    /// if every word is known, or resembles none. The results include what resembles the query as it is.
    async fn did_you_mean(&self, context: &Context<'_>) -> Option<ApiResult<String>> {
        let engine = &context.data_unchecked::<State>().engine;
        let corrected = engine.correct(self.request.text.clone());
        let corrected = self.request.deadline.limit(corrected).await;
        corrected.map_err(ApiError::from).transpose()
    }
}

impl ProductSearchConnection {
    /// Presents a page of hits, loading the products in one batch. Products deleted since they were indexed are
    /// omitted.
    pub(crate) async fn load(
        context: &Context<'_>,
        request: Arc<SearchRequest>,
        results: Results,
    ) -> ApiResult<Self> {
        let Results {
            page,
            total,
            facets,
            moved,
            is_ranked,
            is_relaxed,
        } = results;
        let ids = page.rows.iter().map(|(_, hit)| hit.position.id);
        let mut products = context
            .data_unchecked::<Loaders>()
            .products
            .load_many(ids)
            .await?;
        let page_info = page.page_info();
        let edges: Vec<_> = page
            .rows
            .into_iter()
            .filter_map(|(cursor, hit)| {
                Some(ProductSearchEdge {
                    node: Product::Whole(products.remove(&hit.position.id)?),
                    cursor,
                    score: (f64::from(hit.score) * 10_000.0).round() / 10_000.0,
                    similarity: hit.similarity,
                    moved: moved.get(&hit.position.id).copied().unwrap_or(0),
                    request: request.clone(),
                })
            })
            .collect();
        Ok(Self {
            nodes: edges.iter().map(|edge| edge.node.clone()).collect(),
            edges,
            page_info,
            total_count: i32::try_from(total).unwrap_or(i32::MAX),
            is_relaxed,
            facets,
            personalization: Personalization {
                reranked: is_ranked,
                ..request.ranking.shown()
            },
            query_id: ID(request.query_id.to_string()),
            request,
        })
    }
}
