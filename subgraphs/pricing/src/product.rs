//! Extends the search domain's `Product` with its price.

use async_graphql::{Context, ID, Object};
use entities::pricing::product_price::Adjusted;
use resolvers::id::IdKind;
use resolvers::money::CurrencyCode;
use resolvers::{ApiResult, access};
use uuid::Uuid;

use crate::State;
use crate::currency_context::CurrencyContext;
use crate::loaders::Loaders;
use crate::mutation::MERCHANDISING;
use crate::price_set::ScheduledPriceChange;
use crate::product_price::{PriceChange, ProductPrice};

#[derive(Debug)]
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
    #[graphql(cache_control(max_age = 60))]
    async fn price(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The currency to convert to. By default that of the request, as in `currencyContext`."
        )]
        currency: Option<CurrencyCode>,
    ) -> Option<ApiResult<ProductPrice>> {
        let answer: ApiResult<Option<ProductPrice>> = async {
            let currency = CurrencyContext::of_price(context, currency)?;
            let loaders = context.data_unchecked::<Loaders>();
            let floor = context.data_unchecked::<State>().floor_percent;
            let rate = loaders.rate(context, currency.currency);
            // Lists of products seldom show the adjustments, which are most of what there is to read.
            if context.look_ahead().field("adjustments").exists() {
                let (price, rate) = futures::try_join!(loaders.adjusted.load_one(self.id), rate)?;
                let price = price.map(|price| {
                    let Adjusted {
                        amounts,
                        adjustments,
                    } = &*price;
                    ProductPrice::new(amounts, adjustments, &currency, rate.as_ref(), floor)
                });
                return price.transpose();
            }
            let (price, rate) = futures::try_join!(loaders.amounts.load_one(self.id), rate)?;
            let price = price
                .map(|amounts| ProductPrice::new(&amounts, &[], &currency, rate.as_ref(), floor));
            price.transpose()
        }
        .await;
        answer.transpose()
    }

    /// The changes of the price in the last 90 days, newest first.
    #[graphql(cache_control(max_age = 60))]
    async fn price_history(&self, context: &Context<'_>) -> Option<ApiResult<Vec<PriceChange>>> {
        let loaders = context.data_unchecked::<Loaders>();
        let changes = loaders.changes.load_list(self.id).await;
        Some(changes.map(|changes| changes.into_iter().map(PriceChange::from).collect()))
    }

    /// The changes of the price that have not taken effect, the next first.
    #[graphql(cache_control(no_cache), requires_scopes = "merchandising")]
    async fn scheduled_price_changes(
        &self,
        context: &Context<'_>,
    ) -> Option<ApiResult<Vec<ScheduledPriceChange>>> {
        let answer: ApiResult<_> = async {
            access::scope(context, MERCHANDISING)?;
            let loaders = context.data_unchecked::<Loaders>();
            let scheduled = loaders.scheduled.load_list(self.id).await?;
            Ok(Some(
                scheduled.iter().map(ScheduledPriceChange::from).collect(),
            ))
        }
        .await;
        answer.transpose()
    }
}
