//! The GraphQL input `ProductSearchFilters`.

use async_graphql::{Context, InputObject, Variables};
use resolvers::client::Document;
use resolvers::money::CurrencyCode;
use resolvers::{ApiError, ApiResult, access};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::State;
use crate::engine::Filters;
use crate::rules::price_range::usd_range;

/// Maximum number of values in one filter.
const MAX_VALUES: usize = 100;
/// The range of ratings.
const RATINGS: std::ops::RangeInclusive<f64> = 0.0..=5.0;

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
    /// The currency of `minPrice`, of `maxPrice` and of the facet `price`. By default US dollars.
    pub currency: Option<CurrencyCode>,
    /// True for products in stock, false for those out of stock.
    pub in_stock: Option<bool>,
    /// The lowest rating, from 0 to 5, inclusive.
    pub min_rating: Option<f64>,
}

impl ProductSearchFilters {
    /// Rejects filters that no product can match.
    pub(crate) fn check(&self) -> ApiResult<()> {
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

    /// The currency of prices.
    pub(crate) fn currency(&self) -> CurrencyCode {
        self.currency.unwrap_or(CurrencyCode::Usd)
    }

    /// Whether they need an exchange rate.
    pub(crate) fn have_prices(&self) -> bool {
        self.min_price.is_some() || self.max_price.is_some()
    }

    /// The filters, with prices in US dollars, of which one is `rate` units of the currency.
    pub(crate) fn resolve(self, rate: Decimal) -> ApiResult<Filters> {
        let price = usd_range(self.min_price, self.max_price, self.currency(), rate);
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
pub(crate) async fn rate(context: &Context<'_>, currency: CurrencyCode) -> ApiResult<Decimal> {
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
