//! Live updates of a return.

use std::sync::Arc;

use async_graphql::{Context, ID, Subscription};
use entities::returns::customer_return;
use futures::stream::StreamExt;
use platform::bus::Event;
use platform::inbox::{ConsumerGroup, HandleError, Subscriber};
use platform::pubsub::PubSub;
use resolvers::access::authenticated;
use resolvers::id::IdKind;
use resolvers::live::{self, Numbered, Watch};
use resolvers::subscription::{self, Events};
use resolvers::{ApiError, access};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::customer_return::Return;
use crate::events;

pub(crate) struct Subscription;

/// Root fields of subscriptions, which send updates as they happen. An operation has one.
#[Subscription]
impl Subscription {
    /// One of the caller's returns: first as it is now, then after each change, also of its parcel's status. Changes that
    /// follow each other closely may be one update. NOT_FOUND if it does not exist.
    #[graphql(directive = authenticated::apply())]
    async fn return_updated(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The return's id, `ret_…`.")] return_id: ID,
        #[graphql(
            desc = "The `sequence` of the last update received before a lost connection. The current state is only sent if it is newer."
        )]
        after: Option<i32>,
    ) -> Result<Events<Return>, ApiError> {
        subscription::events(context, async {
            let customer = access::customer(context)?;
            let id = IdKind::Return.argument("returnId", &return_id)?;
            let state = context.data_unchecked::<State>().clone();
            let pubsub = state.pubsub.clone();
            let watch = Watch::open(&*pubsub, channel(id), move || read(state.clone(), id));
            let not_found = || ApiError::not_found("There is no return with this id");
            let watch = watch.await?.ok_or_else(not_found)?;
            if watch.current().state.customer_id != customer {
                return Err(ApiError::forbidden("You can only watch your own returns"));
            }
            Ok(watch.updates_after(after).map(Return::try_from))
        })
        .await
    }
}

/// The number is read first: the row has at least the change with that number.
async fn read(state: State, id: Uuid) -> Result<Option<Numbered<customer_return::Model>>, DbErr> {
    let db = state.database.read();
    let numbers =
        live::last_sequences(&state.database, events::TOPIC, IdKind::Return, &[id]).await?;
    let sequence = numbers.get(&id).copied().unwrap_or_default();
    let row = customer_return::by_id(db, id).await?;
    Ok(row.map(|state| Numbered { sequence, state }))
}

pub(crate) const LIVE: ConsumerGroup = ConsumerGroup {
    name: "returns.live",
    topics: &[events::TOPIC],
};

/// Notifies everybody who watches a return, in any process, that it changed.
pub(crate) fn subscriber(pubsub: Arc<dyn PubSub>) -> Subscriber {
    live::announcer(LIVE, pubsub, changed_channels)
}

fn changed_channels(event: &Event) -> Result<Vec<String>, HandleError> {
    let id = IdKind::Return.parse(&event.aggregate_id);
    Ok(id.map(channel).into_iter().collect())
}

fn channel(id: Uuid) -> String {
    format!("return:updates:{}", IdKind::Return.format(id))
}
