//! The GraphQL types of `productSearch`: runs the search, and presents the results.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Enum, ID, SimpleObject};
use chrono::{DateTime, Utc};
use entities::search::search_exposure;
use parking_lot::Mutex;
use resolvers::connection::{Page, PageInfo, PageRequest};
use resolvers::money::CurrencyCode;
use resolvers::{ApiError, ApiResult, access};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use crate::State;
use crate::engine::{
    self, Analysis, FacetRequest, Hit, ParsedQuery, Position, SearchHits, SearchQuery, Sort,
};
use crate::facet::Facet;
use crate::loaders::Loaders;
use crate::personalization::{Personalization, Ranking, RequestedRanking};
use crate::product::Product;
use crate::product_search_filters::{ProductSearchFilters, rate};
use crate::ranked_search::RankedSearch;
use crate::ranking::window::{Place, RankedPage, Window};
use crate::ranking::{self, PopularityCounts};
use crate::rules::attribution;
use crate::rules::match_reasons::{self, Moved, Texts};
use crate::rules::price_range::price_buckets;

/// Maximum length of a query, in characters.
pub(crate) const MAX_QUERY: usize = 256;

/// The order of search results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum ProductSort {
    /// What matches the query best comes first, with a little weight on popularity.
    Relevance,
    /// The cheapest comes first, by base price.
    PriceAsc,
    /// The most expensive comes first, by base price.
    PriceDesc,
    /// The newest in the catalog comes first.
    Newest,
    /// The best rated comes first; of those rated alike, the most reviewed.
    Rating,
}

impl From<ProductSort> for Sort {
    fn from(sort: ProductSort) -> Self {
        match sort {
            ProductSort::Relevance => Self::Relevance,
            ProductSort::PriceAsc => Self::PriceAscending,
            ProductSort::PriceDesc => Self::PriceDescending,
            ProductSort::Newest => Self::Newest,
            ProductSort::Rating => Self::Rating,
        }
    }
}

/// A place in the results, as stored in cursors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The order of the first results, if they are ranked. It comes first, so that the cursors of a page begin alike and
    /// compress well.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    window: Option<Window>,
    /// In the engine's order.
    #[serde(flatten)]
    position: Position,
    /// The state of the index, if the engine needs it.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    snapshot: Option<Arc<str>>,
    /// The version of the preferences that the results are ranked by, so that no page mixes two of them.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    preference: Option<i64>,
    /// The search of all pages.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    query_id: Option<Uuid>,
}

/// The arguments of a search, validated in part.
pub(crate) struct SearchArguments {
    pub text: String,
    pub filters: ProductSearchFilters,
    pub sort: Sort,
    pub personalize: bool,
    pub page: PageRequest<Cursor>,
}

impl SearchArguments {
    /// Which preferences the search may use.
    fn requested_ranking(&self) -> ApiResult<RequestedRanking> {
        let cursor = self.page.beyond.as_ref();
        if cursor.is_some_and(|cursor| cursor.position.sort != self.sort) {
            return Err(ApiError::bad_user_input(
                "the cursor belongs to a search with another sort",
            ));
        }
        let of_cursor = cursor.map(|cursor| cursor.preference);
        if !self.personalize && of_cursor.flatten().is_some() {
            return Err(ApiError::bad_user_input(
                "the cursor belongs to a personalized search",
            ));
        }
        Ok(match of_cursor {
            _ if !self.personalize || self.sort != Sort::Relevance => RequestedRanking::Relevance,
            Some(preference) => RequestedRanking::OfCursor(preference),
            None => RequestedRanking::Current,
        })
    }

    /// Identifies this search: the same for all its pages, and for the same search of a customer within half an hour, which
    /// counts once in the experiment.
    fn query_id(&self, customer: Option<Uuid>, now: DateTime<Utc>) -> Uuid {
        if let Some(query_id) = self.page.beyond.as_ref().and_then(|cursor| cursor.query_id) {
            return query_id;
        }
        customer.map_or_else(Uuid::now_v7, |customer| {
            let what = format!("{:?} {:?}", self.filters, self.sort);
            attribution::query_id(customer, &self.text, &what, now)
        })
    }
}

/// Finds a page of products.
pub(crate) async fn search(
    context: &Context<'_>,
    arguments: SearchArguments,
) -> ApiResult<ProductSearchConnection> {
    let state = context.data_unchecked::<State>();
    let customer = access::visitor(context)?;
    let (started, now) = (Instant::now(), state.clock.now());
    let requested = arguments.requested_ranking()?;
    let query_id = arguments.query_id(customer, now);
    let ranking = state
        .personalization
        .ranking(state, customer, requested)
        .await?;
    let SearchArguments {
        text,
        filters,
        sort,
        page: request,
        ..
    } = arguments;
    filters.check()?;
    let wants_facets = context.look_ahead().field("facets").exists();
    let currency = filters.currency();
    let rate = match currency {
        CurrencyCode::Usd => Decimal::ONE,
        _ if wants_facets || filters.have_prices() => rate(context, currency).await?,
        _ => Decimal::ONE,
    };
    let prices = price_buckets(currency, rate);
    let limit = usize::try_from(request.limit + 1).unwrap_or(usize::MAX);
    let cursor = request.beyond.clone();
    let (place, snapshot) = cursor.map_or((None, None), |cursor| {
        let Cursor {
            position,
            window,
            snapshot,
            ..
        } = cursor;
        (Some(Place { position, window }), snapshot)
    });
    let ranked = RankedSearch {
        state,
        customer,
        query: SearchQuery {
            text: text.clone(),
            filters: filters.resolve(rate)?,
            sort,
            limit,
            direction: request.direction,
            beyond: None,
            snapshot,
            facets: wants_facets.then(|| FacetRequest {
                price_bounds: prices.iter().map(|bucket| bucket.from_usd_minor).collect(),
            }),
            preference: ranking.preference(),
        },
        answer: Mutex::default(),
    };
    let page = ranked.page(place, request.direction, limit);
    let RankedPage {
        hits,
        window,
        moved,
    } = engine::with_timeout(page).await?;
    let answer = ranked.answer.into_inner();
    let SearchHits {
        hits: _,
        total,
        facets,
        snapshot,
        analysis,
    } = answer.ok_or_else(|| ApiError::internal("a page without an answer of the engine"))?;
    let explained = Arc::new(SearchRequest {
        parsed: ParsedQuery::new(&text, &analysis),
        text,
        analysis,
        query_id,
        ranking,
        popularity: state.ranker.popularity.load(),
        now,
    });
    if let Some(customer) = customer
        && requested == RequestedRanking::Current
        && explained.ranking.is_in_experiment
    {
        let took = i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX);
        let exposure = explained.exposure(customer, took, now);
        state.personalization.exposures.record(exposure);
    }
    let preference = explained.ranking.used.as_ref().map(|used| used.version);
    let page = Page::new(&request, hits, |hit: &Hit| Cursor {
        window: window.clone(),
        position: hit.position,
        snapshot: snapshot.clone(),
        preference,
        query_id: Some(query_id),
    })?;
    let facets = facets.map(|counts| Facet::all(counts, &prices));
    let results = Results {
        page,
        total,
        facets: facets.unwrap_or_default(),
        moved,
        is_ranked: window.is_some(),
    };
    ProductSearchConnection::load(context, explained, results).await
}

/// A page of hits.
struct Results {
    page: Page<Hit>,
    total: u64,
    facets: Vec<Facet>,
    /// By how many places the ranking has moved products up.
    moved: HashMap<Uuid, i64>,
    is_ranked: bool,
}

/// The request's parameters, needed to explain results.
#[derive(Debug)]
struct SearchRequest {
    text: String,
    parsed: ParsedQuery,
    analysis: Arc<Analysis>,
    query_id: Uuid,
    ranking: Ranking,
    popularity: Arc<PopularityCounts>,
    now: DateTime<Utc>,
}

impl SearchRequest {
    /// For the experiment.
    fn exposure(
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
    async fn why(&self) -> Vec<String> {
        let product = &self.node.0;
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
        reasons
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
        let corrected = engine::with_timeout(engine.correct(self.request.text.clone())).await;
        corrected.map_err(ApiError::from).transpose()
    }
}

impl ProductSearchConnection {
    /// Presents a page of hits, loading the products in one batch. Products deleted since they were indexed are
    /// omitted.
    async fn load(
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
                    node: Product(products.remove(&hit.position.id)?),
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
