//! Live updates of a product's price.

use std::sync::Arc;

use async_graphql::{Context, ID, Subscription};
use entities::pricing::product_price::{self, Adjusted};
use futures::stream::StreamExt;
use platform::bus::Event;
use platform::inbox::{self, ConsumerGroup, HandleError, Subscriber};
use platform::pubsub::PubSub;
use resolvers::id::IdKind;
use resolvers::live::{self, Watch};
use resolvers::money::CurrencyCode;
use resolvers::subscription::{self, Events};
use resolvers::{ApiError, ApiResult};
use sea_orm::DbErr;
use serde::Deserialize;
use uuid::Uuid;

use crate::State;
use crate::currency_context::CurrencyContext;
use crate::events;
use crate::loaders;
use crate::product_price::ProductPrice;

pub(crate) struct Subscription;

/// Root fields of subscriptions, which send updates as they happen. An operation has one.
#[Subscription]
impl Subscription {
    /// A product's price: as it is, then after each change. By default in the currency of the request's
    /// `currencyContext`.
    async fn price_updated(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The product to watch.")] product_id: ID,
        #[graphql(
            desc = "The currency to convert to. By default that of the request, as in `currencyContext`."
        )]
        currency: Option<CurrencyCode>,
    ) -> Result<Events<ProductPrice>, ApiError> {
        subscription::events(context, async {
            let product = IdKind::Product.argument("productId", &product_id)?;
            let state = context.data_unchecked::<State>().clone();
            let currency = CurrencyContext::of_price(context, currency)?;
            let pubsub = state.pubsub.clone();
            let reading = state.clone();
            let watch = Watch::open(&*pubsub, channel(product), move || {
                read(reading.clone(), product)
            });
            let watch = watch.await?.ok_or_else(|| {
                ApiError::not_found("There is no product with this id, or it has no price")
            })?;
            Ok(watch.updates().then(move |adjusted| {
                let (state, currency) = (state.clone(), currency.clone());
                async move { in_currency(&state, &adjusted, &currency).await }
            }))
        })
        .await
    }
}

async fn read(state: State, product: Uuid) -> Result<Option<Adjusted>, DbErr> {
    let now = state.clock.now();
    let mut prices = product_price::adjusted(state.database.read(), &[product], now).await?;
    Ok(prices.remove(&product))
}

async fn in_currency(
    state: &State,
    adjusted: &Adjusted,
    currency: &Arc<CurrencyContext>,
) -> ApiResult<ProductPrice> {
    let rate = loaders::rate(state, currency.currency).await?;
    let Adjusted {
        amounts,
        adjustments,
    } = adjusted;
    ProductPrice::new(
        amounts,
        adjustments,
        currency,
        rate.as_ref(),
        state.floor_percent,
    )
}

pub(crate) const LIVE: ConsumerGroup = ConsumerGroup {
    name: "pricing.live",
    topics: &[events::TOPIC],
};

/// Notifies everybody who watches a price, in any process, that it changed.
pub(crate) fn subscriber(pubsub: Arc<dyn PubSub>) -> Subscriber {
    live::announcer(LIVE, pubsub, changed_channels)
}

/// The fields used of `price.changed`, version 1.
#[derive(Debug, Deserialize)]
struct Changed {
    prices: Vec<ChangedPrice>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangedPrice {
    product_id: String,
}

fn changed_channels(event: &Event) -> Result<Vec<String>, HandleError> {
    let changed = inbox::read::<Changed>(event, events::PRICE_CHANGED)?;
    let prices = changed.into_iter().flat_map(|changed| changed.prices);
    prices
        .map(|price| Ok(channel(IdKind::Product.of_event(&price.product_id)?)))
        .collect()
}

fn channel(product: Uuid) -> String {
    format!("price:updates:{}", IdKind::Product.format(product))
}
