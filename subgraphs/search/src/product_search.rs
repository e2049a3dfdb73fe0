//! Runs the searches of `productSearch`.

use std::sync::Arc;

use async_graphql::{Context, Enum};
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use resolvers::cache_policy::make_private;
use resolvers::connection::{Page, PageRequest};
use resolvers::money::CurrencyCode;
use resolvers::{ApiError, ApiResult, access};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use crate::State;
use crate::engine::{
    Deadline, FacetRequest, Hit, Matching, ParsedQuery, Position, SearchHits, SearchQuery, Sort,
};
use crate::facet::Facet;
use crate::personalization::RequestedRanking;
use crate::product_search_connection::{ProductSearchConnection, Results, SearchRequest};
use crate::product_search_filters::{ProductSearchFilters, rate};
use crate::ranked_search::{Found, RankedSearch};
use crate::ranking::window::{Place, RankedPage, Window};
use crate::rules::attribution;
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
    let customer = access::customer_if_any(context)?;
    if customer.is_some() {
        // Its order and the id of the search are the customer's.
        make_private(context);
    }
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
            matching: Matching::Most,
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
    let deadline = Deadline::after(state.deadline);
    let found = ranked.find(place, request.direction, limit);
    let Found {
        page: RankedPage {
            hits,
            window,
            moved,
        },
        answer,
        matching,
    } = deadline.limit(found).await?;
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
        deadline,
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
        is_relaxed: matching == Matching::Any && total > 0,
    };
    ProductSearchConnection::load(context, explained, results).await
}
