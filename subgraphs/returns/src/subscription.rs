//! Live updates of a return.

use std::sync::Arc;

use async_graphql::{Context, ID, Subscription};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use entities::returns::customer_return;
use futures::stream::{self, Stream, StreamExt};
use platform::bus::Event;
use platform::database::DatabaseTransaction;
use platform::inbox::{ConsumerGroup, HandleError, Handler, Subscriber};
use platform::pubsub::{PubSub, Subscription as Signals};
use resolvers::access::authenticated;
use resolvers::id::IdKind;
use resolvers::subscription::{self, Events};
use resolvers::{ApiError, ApiResult, access};
use uuid::Uuid;

use crate::State;
use crate::customer_return::Return;
use crate::events;

pub(crate) struct Subscription;

/// Root fields of subscriptions, which send updates as they happen. An operation has one.
#[Subscription]
impl Subscription {
    /// One of the caller's returns: first as it is now, then after each change. NOT_FOUND if it does not exist.
    #[graphql(directive = authenticated::apply())]
    async fn return_updated(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The return's id, `ret_…`.")] return_id: ID,
    ) -> Result<Events<Return>, ApiError> {
        subscription::events(context, async {
            let customer = access::customer(context)?;
            let id = IdKind::Return.argument("returnId", &return_id)?;
            let state = context.data_unchecked::<State>().clone();
            // Subscribe before reading, so that no change is missed in between.
            let signals = state.pubsub.subscribe(&channel(id)).await;
            let signals = signals.map_err(|error| {
                let return_id = IdKind::Return.format(id);
                tracing::warn!(return_id, %error, "return cannot be watched");
                ApiError::unavailable("Live updates are not available at the moment")
            })?;
            let row = customer_return::by_id(state.database.read(), id).await?;
            let row = row.ok_or_else(|| ApiError::not_found("There is no return with this id"))?;
            if row.customer_id != customer {
                return Err(ApiError::forbidden("You can only watch your own returns"));
            }
            Ok(updates(state, signals, row))
        })
        .await
    }
}

/// The return as read, then each state that differs from the previous one.
fn updates(
    state: State,
    signals: Signals,
    row: customer_return::Model,
) -> impl Stream<Item = ApiResult<Return>> + Send + 'static {
    let first = row.clone();
    let later = stream::unfold((signals, row), move |(mut signals, last)| {
        let state = state.clone();
        async move {
            loop {
                // A message and a gap both mean: read it again.
                signals.next().await?;
                let id = last.id;
                match customer_return::by_id(state.database.read(), id).await {
                    Ok(Some(row)) if row != last => {
                        return Some((Return::try_from(row.clone()), (signals, row)));
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(error) => return Some((Err(error.into()), (signals, last))),
                }
            }
        }
    });
    stream::once(async move { Return::try_from(first) }).chain(later)
}

pub(crate) const LIVE: ConsumerGroup = ConsumerGroup {
    name: "returns.live",
    topics: &[events::TOPIC],
};

/// Notifies everybody who watches a return, in any process, that it changed.
pub(crate) fn subscriber(pubsub: Arc<dyn PubSub>) -> Subscriber {
    Subscriber {
        group: LIVE,
        handler: Arc::new(Announce(pubsub)),
    }
}

struct Announce(Arc<dyn PubSub>);

#[async_trait]
impl Handler for Announce {
    async fn handle(
        &self,
        _: &DatabaseTransaction,
        event: &Event,
        _: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let Some(id) = IdKind::Return.parse(&event.aggregate_id) else {
            return Ok(());
        };
        // A watcher that misses this sees the return with its next change.
        if let Err(error) = self.0.publish(&channel(id), Bytes::new()).await {
            let return_id = IdKind::Return.format(id);
            tracing::warn!(return_id, %error, "return change not announced");
        }
        Ok(())
    }
}

fn channel(id: Uuid) -> String {
    format!("return:updates:{}", IdKind::Return.format(id))
}
