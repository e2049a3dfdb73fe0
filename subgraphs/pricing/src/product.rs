//! Extends the search domain's `Product` with its price.

use async_graphql::{Context, ID, Object};
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use resolvers::{ApiError, ApiResult};
use uuid::Uuid;

use crate::State;
use crate::currency_context::country_of_caller;
use crate::loaders::Loaders;
use crate::product_price::{
    PriceAdjustment, PriceAdjustmentType, PriceChange, PriceQuote, ProductPrice,
};
use crate::rules::{detection, price};

pub(crate) struct Product {
    pub id: Uuid,
}

/// A product that the shop sells or has sold, visible to everyone.
#[Object]
impl Product {
    /// Globally unique id: `prd_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::Product.id(self.id)
    }

    /// What the product costs now; null if it has no price.
    #[graphql(cache_control(max_age = 60, private))]
    async fn price(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The currency to convert to. By default that of the country that the request came from."
        )]
        currency: Option<CurrencyCode>,
    ) -> Option<ApiResult<ProductPrice>> {
        let answer: ApiResult<Option<ProductPrice>> = async {
            let currency = match currency {
                Some(currency) => currency,
                None => {
                    let state = context.data_unchecked::<State>();
                    let country = country_of_caller(context)?;
                    let currency_of = |country: &str| state.countries.currency(country);
                    detection::detect(None, None, None, country, currency_of).currency
                }
            };
            let loaders = context.data_unchecked::<Loaders>();
            let (row, adjustments, rate) = futures::try_join!(
                loaders.prices.load_one(self.id),
                loaders.adjustments.load_list(self.id),
                loaders.rate(currency),
            )?;
            let Some(row) = row else { return Ok(None) };

            let usd = |minor| Money::new(minor, CurrencyCode::Usd);
            let quote = |minor| {
                PriceQuote::new(usd(minor).decimal(), currency, rate.as_ref())
                    .ok_or_else(|| ApiError::internal("a price is too large to convert"))
            };
            let current =
                price::current(row.base_usd_minor, adjustments.iter().map(|a| a.usd_minor));
            Ok(Some(ProductPrice {
                current: quote(current)?,
                base: quote(row.base_usd_minor)?,
                compare_at: price::compare_at(row.compare_at_usd_minor, current)
                    .map(quote)
                    .transpose()?,
                adjustments: adjustments
                    .into_iter()
                    .map(|adjustment| PriceAdjustment {
                        adjustment_type: PriceAdjustmentType::of(&adjustment.kind),
                        kind: adjustment.kind,
                        usd: usd(adjustment.usd_minor),
                    })
                    .collect(),
            }))
        }
        .await;
        answer.transpose()
    }

    /// The changes of the base price in the last 90 days, newest first.
    #[graphql(cache_control(max_age = 60))]
    async fn price_history(&self, context: &Context<'_>) -> Option<ApiResult<Vec<PriceChange>>> {
        let answer: ApiResult<Option<Vec<PriceChange>>> = async {
            let loaders = context.data_unchecked::<Loaders>();
            let changes = loaders.changes.load_list(self.id).await?;
            let usd = |minor| Money::new(minor, CurrencyCode::Usd);
            let changes = changes.into_iter().map(|change| PriceChange {
                changed_at: change.changed_at.into(),
                base: usd(change.base_usd_minor),
                compare_at: change.compare_at_usd_minor.map(usd),
            });
            Ok(Some(changes.collect()))
        }
        .await;
        answer.transpose()
    }
}
