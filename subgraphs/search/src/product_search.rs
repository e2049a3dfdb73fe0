//! The GraphQL types of `productSearch`: validates the input, and presents the results.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, SimpleObject, Variables};
use resolvers::client::Document;
use resolvers::connection::{Page, PageInfo};
use resolvers::money::CurrencyCode;
use resolvers::{ApiError, ApiResult, access};
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

use crate::State;
use crate::engine::{self, Filters, Hit, Sort};
use crate::loaders::Loaders;
use crate::product::Product;
use crate::rules::match_reasons::{self, Texts};
use crate::rules::price_range::{UsdRange, usd_range};
use crate::rules::text::{Word, query_words};

/// Maximum length of a query, in characters.
pub(crate) const MAX_QUERY: usize = 256;
/// Maximum number of values in one filter.
const MAX_VALUES: usize = 100;
/// The range of ratings.
const RATINGS: std::ops::RangeInclusive<f64> = 0.0..=5.0;

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

/// What every result must match. Filters that are absent match everything.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct ProductSearchFilters {
    /// One of these categories, at most 100, in upper or lower case.
    pub categories: Option<Vec<String>>,
    /// One of these brands, at most 100, in upper or lower case.
    pub brands: Option<Vec<String>>,
    /// The lowest base price as shown in `currency`, inclusive.
    pub min_price: Option<Decimal>,
    /// The highest base price as shown in `currency`, inclusive.
    pub max_price: Option<Decimal>,
    /// The currency of `minPrice` and `maxPrice`. By default US dollars.
    pub currency: Option<CurrencyCode>,
    /// True for products in stock, false for those out of stock.
    pub in_stock: Option<bool>,
    /// The lowest rating, from 0 to 5, inclusive.
    pub min_rating: Option<f64>,
}

impl ProductSearchFilters {
    /// Rejects filters that no product can match.
    fn check(&self) -> ApiResult<()> {
        let wrong = |message: &str| Err(ApiError::bad_user_input(message));
        if [self.min_price, self.max_price]
            .into_iter()
            .flatten()
            .any(|price| price.is_sign_negative() && !price.is_zero())
        {
            return wrong("filters.minPrice and filters.maxPrice must not be negative");
        }
        if let (Some(min), Some(max)) = (self.min_price, self.max_price)
            && min > max
        {
            return wrong("filters.minPrice must not be above filters.maxPrice");
        }
        if let Some(rating) = self.min_rating
            && !RATINGS.contains(&rating)
        {
            return wrong("filters.minRating must be from 0 to 5");
        }
        Ok(())
    }

    /// The validated filters, with prices in US dollars.
    pub(crate) async fn resolve(self, context: &Context<'_>) -> ApiResult<Filters> {
        self.check()?;
        let currency = self.currency.unwrap_or(CurrencyCode::Usd);
        let price = if self.min_price.is_none() && self.max_price.is_none() {
            UsdRange::default()
        } else {
            let rate = rate(context, currency).await?;
            usd_range(self.min_price, self.max_price, currency, rate)
        };
        let values = |name: &str, values: Option<Vec<String>>| {
            let values = values.unwrap_or_default();
            if values.len() > MAX_VALUES {
                return Err(ApiError::bad_user_input(format!(
                    "filters.{name} must have at most {MAX_VALUES} values"
                )));
            }
            Ok(values)
        };
        Ok(Filters {
            categories: values("categories", self.categories)?,
            brands: values("brands", self.brands)?,
            price,
            in_stock: self.in_stock,
            min_rating: self.min_rating,
        })
    }
}

static EXCHANGE_RATE: Document =
    Document::new("query($to: CurrencyCode!) { exchangeRate(to: $to) { effectiveRate } }");

/// The exchange rate from US dollars, as used by the pricing domain.
async fn rate(context: &Context<'_>, currency: CurrencyCode) -> ApiResult<Decimal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        exchange_rate: Rate,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Rate {
        effective_rate: Decimal,
    }
    if currency == CurrencyCode::Usd {
        return Ok(Decimal::ONE);
    }
    let answer: Answer = context
        .data_unchecked::<State>()
        .pricing
        .query(
            access::caller(context)?,
            &EXCHANGE_RATE,
            Variables::from_json(serde_json::json!({ "to": currency })),
        )
        .await?;
    Ok(answer.exchange_rate.effective_rate)
}

/// How strongly results are personalized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum PersonalizationMode {
    /// Not at all.
    None,
    /// Half by the customer's preferences, half by what is popular in each category.
    Blended,
    /// By the customer's preferences.
    Full,
}

/// How results are personalized. They are not yet, so the mode is always NONE.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Personalization {
    /// How strongly the results are personalized.
    pub mode: PersonalizationMode,
    /// The factor for products that fit the customer's preferences; 1 has no effect.
    pub boost: f64,
    /// The customer's group in the experiment, `control` for those whose results are not personalized.
    pub variant: &'static str,
    /// Whether the order differs from that by relevance alone.
    pub reranked: bool,
}

impl Personalization {
    /// No personalization: relevance only.
    pub(crate) const NONE: Self = Self {
        mode: PersonalizationMode::None,
        boost: 1.0,
        variant: "control",
        reranked: false,
    };
}

/// The distribution of the results over an attribute's values, counted over all pages.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Facet {
    /// The attribute: `category`, `brand`, `price` or `rating`.
    pub name: &'static str,
    /// The attribute's values that have results.
    pub buckets: Vec<FacetBucket>,
}

/// A value of an attribute, with the number of results that have it.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct FacetBucket {
    /// A category, a brand, a range of base prices in US dollars ("25.00-49.99"), or a lowest rating ("4" is 4 and better).
    pub value: String,
    /// How many results there would be with this value as an additional filter.
    pub count: i32,
}

impl From<engine::Facet> for Facet {
    fn from(facet: engine::Facet) -> Self {
        let bucket = |bucket: engine::Bucket| FacetBucket {
            value: bucket.value,
            count: i32::try_from(bucket.count).unwrap_or(i32::MAX),
        };
        Self {
            name: facet.name,
            buckets: facet.buckets.into_iter().map(bucket).collect(),
        }
    }
}

/// The request's parameters, needed to explain results.
#[derive(Debug)]
pub(crate) struct SearchRequest {
    text: String,
    words: Vec<Word>,
}

impl SearchRequest {
    pub(crate) fn new(text: String) -> Arc<Self> {
        let words = query_words(&text);
        Arc::new(Self { text, words })
    }
}

/// A result of a search, with its place in the list.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct ProductSearchEdge {
    /// The product.
    pub node: Product,
    /// The product's place in the list, for `after`. Opaque.
    pub cursor: String,
    /// How relevant the product is compared to the most relevant result, from 0 to 1.
    pub score: f64,
    #[graphql(skip)]
    request: Arc<SearchRequest>,
}

#[ComplexObject]
impl ProductSearchEdge {
    /// Which words of the query matched what: `exact title`, `title: headphones`, `brand: auralis`, `title starts: head`,
    /// `title resembles: hedphones`. Empty for a blank query.
    async fn why(&self) -> Vec<String> {
        let product = &self.node.0;
        let texts = Texts {
            title: &product.title,
            brand: product.brand.as_deref(),
            category: &product.category,
            description: &product.description,
        };
        match_reasons::reasons(&self.request.text, &self.request.words, texts)
    }
}

/// A page of search results.
#[derive(SimpleObject)]
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
}

impl ProductSearchConnection {
    /// Presents a page of hits, loading the products in one batch. Products deleted since they were indexed are
    /// omitted.
    pub(crate) async fn load(
        context: &Context<'_>,
        request: Arc<SearchRequest>,
        page: Page<Hit>,
        total: u64,
        facets: Vec<engine::Facet>,
    ) -> ApiResult<Self> {
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
                    request: request.clone(),
                })
            })
            .collect();
        Ok(Self {
            nodes: edges.iter().map(|edge| edge.node.clone()).collect(),
            edges,
            page_info,
            total_count: i32::try_from(total).unwrap_or(i32::MAX),
            facets: facets.into_iter().map(Facet::from).collect(),
            personalization: Personalization::NONE,
            query_id: ID(Uuid::now_v7().to_string()),
        })
    }
}
