//! A search for products: what is requested, checked and made the engine's; what was found, shown.

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

/// Characters of a query at most.
pub(crate) const MAX_QUERY: usize = 256;
/// Values of one filter at most.
const MAX_VALUES: usize = 100;
/// What products can be rated.
const RATINGS: std::ops::RangeInclusive<f64> = 0.0..=5.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum ProductSort {
    Relevance,
    PriceAsc,
    PriceDesc,
    Newest,
    /// Best rated first, then most reviewed.
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

/// What every result must meet.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct ProductSearchFilters {
    /// Any of these, in any case.
    pub categories: Option<Vec<String>>,
    /// Any of these, in any case.
    pub brands: Option<Vec<String>>,
    /// The base price as shown in the currency, this one included.
    pub min_price: Option<Decimal>,
    /// The base price as shown in the currency, this one included.
    pub max_price: Option<Decimal>,
    /// Of the prices; US dollars when absent.
    pub currency: Option<CurrencyCode>,
    /// Only what is in stock, or with false only what is not.
    pub in_stock: Option<bool>,
    /// Rated so or better.
    pub min_rating: Option<f64>,
}

impl ProductSearchFilters {
    /// What no product can meet is a mistake, not a search without results.
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

    /// Checked, with prices in US dollars.
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

/// What a US dollar is in this currency, as the pricing domain shows prices.
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

/// How much of the order comes from who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum PersonalizationMode {
    /// Plain relevance.
    None,
    /// Half the customer's preferences, half what is popular in a category.
    Blended,
    Full,
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Personalization {
    pub mode: PersonalizationMode,
    /// What similarity to the customer's preferences is multiplied by; 1 changes nothing.
    pub boost: f64,
    /// The customer's side of the experiment.
    pub variant: &'static str,
    pub reranked: bool,
}

impl Personalization {
    /// Results in the order of relevance alone.
    pub(crate) const NONE: Self = Self {
        mode: PersonalizationMode::None,
        boost: 1.0,
        variant: "control",
        reranked: false,
    };
}

/// How the results are spread over the values of something, over all pages.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Facet {
    /// `category`, `brand`, `price` (in US dollars, `25.00-49.99`) or `rating` (`4`: 4 and better).
    pub name: &'static str,
    /// Without empty ones.
    pub buckets: Vec<FacetBucket>,
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct FacetBucket {
    pub value: String,
    /// Results there would be if they were filtered by this value too.
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

/// What was requested, to explain results by.
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

#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct ProductSearchEdge {
    pub node: Product,
    pub cursor: String,
    /// From 0 to 1: relevance as a share of the most relevant result's.
    pub score: f64,
    #[graphql(skip)]
    request: Arc<SearchRequest>,
}

#[ComplexObject]
impl ProductSearchEdge {
    /// What the words of the query met: `exact title`, `title: headphones`, `title starts: head`,
    /// `title resembles: hedphones`. Empty without words.
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

#[derive(SimpleObject)]
pub(crate) struct ProductSearchConnection {
    pub edges: Vec<ProductSearchEdge>,
    pub nodes: Vec<Product>,
    pub page_info: PageInfo,
    pub total_count: i32,
    pub facets: Vec<Facet>,
    pub personalization: Personalization,
    /// Names this search in the events that follow from it.
    pub query_id: ID,
}

impl ProductSearchConnection {
    /// Shows a page of hits, with the products loaded in one batch. A product that was deleted
    /// since it was indexed is left out.
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
