//! Live updates of a product's price.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, ID, Subscription};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use entities::pricing::product_price::{self, Adjusted};
use futures::stream::{self, Stream, StreamExt};
use platform::backoff::Backoff;
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{self, ConsumerGroup, HandleError, Handler, Subscriber};
use platform::pubsub::{PubSub, Subscription as Signals};
use resolvers::id::IdKind;
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

/// How long to wait before a price that could not be read is read again.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

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
            // Subscribe before reading, so that no change is missed in between.
            let signals = state.pubsub.subscribe(&channel(product)).await;
            let signals = signals.map_err(|error| {
                tracing::warn!(product_id = %*product_id, %error, "price cannot be watched");
                ApiError::unavailable("Live updates are not available at the moment")
            })?;
            let first = read(&state, product).await?.ok_or_else(|| {
                ApiError::not_found("There is no product with this id, or it has no price")
            })?;
            Ok(updates(state, signals, first, currency))
        })
        .await
    }
}

/// The price as read, then each that differs from the previous one.
fn updates(
    state: State,
    signals: Signals,
    first: Adjusted,
    currency: CurrencyContext,
) -> impl Stream<Item = ApiResult<ProductPrice>> + Send + 'static {
    let of_first = {
        let (state, first, currency) = (state.clone(), first.clone(), currency.clone());
        async move { in_currency(&state, &first, &currency).await }
    };
    let later = stream::unfold((signals, first), move |(mut signals, last)| {
        let (state, currency) = (state.clone(), currency.clone());
        async move {
            loop {
                // A message and a gap both mean: read it again.
                signals.next().await?;
                let adjusted = read_in_the_end(&state, last.price.product_id).await?;
                if adjusted != last {
                    let price = in_currency(&state, &adjusted, &currency).await;
                    return Some((price, (signals, adjusted)));
                }
            }
        }
    });
    stream::once(of_first).chain(later)
}

async fn read(state: &State, product: Uuid) -> Result<Option<Adjusted>, DbErr> {
    let now = state.clock.now();
    let mut prices = product_price::adjusted(state.database.read(), &[product], now).await?;
    Ok(prices.remove(&product))
}

/// The price, however long the database does not answer: a watcher is not told twice.
async fn read_in_the_end(state: &State, product: Uuid) -> Option<Adjusted> {
    let mut backoff = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
    loop {
        match read(state, product).await {
            Ok(price) => return price,
            // The database's health is reported elsewhere, and there may be thousands of watchers.
            Err(error) => tracing::debug!(%error, "watched price could not be read"),
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

async fn in_currency(
    state: &State,
    adjusted: &Adjusted,
    currency: &CurrencyContext,
) -> ApiResult<ProductPrice> {
    let rate = loaders::rate(state, currency.currency).await?;
    ProductPrice::new(adjusted, currency, rate.as_ref(), state.floor_percent)
}

pub(crate) const LIVE: ConsumerGroup = ConsumerGroup {
    name: "pricing.live",
    topics: &[events::TOPIC],
};

/// Notifies everybody who watches a price, in any process, that it changed.
pub(crate) fn subscriber(pubsub: Arc<dyn PubSub>) -> Subscriber {
    Subscriber {
        group: LIVE,
        handler: Arc::new(Announce(pubsub)),
    }
}

struct Announce(Arc<dyn PubSub>);

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

#[async_trait]
impl Handler for Announce {
    async fn handle(
        &self,
        _: &DatabaseTransaction,
        event: &Event,
        _: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let changed = inbox::read::<Changed>(event, events::PRICE_CHANGED)?;
        for ChangedPrice { product_id } in changed.into_iter().flat_map(|changed| changed.prices) {
            let product = IdKind::Product.of_event(&product_id)?;
            // A watcher that misses this sees the price with its next change.
            if let Err(error) = self.0.publish(&channel(product), Bytes::new()).await {
                tracing::warn!(product_id, %error, "price change not announced");
            }
        }
        Ok(())
    }
}

fn channel(product: Uuid) -> String {
    format!("price:updates:{}", IdKind::Product.format(product))
}
