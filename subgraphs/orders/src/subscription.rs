//! Live updates of an order.

use std::sync::Arc;

use async_graphql::{Context, ID, Subscription};
use entities::orders::order;
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
use crate::events;
use crate::order::Order;

pub(crate) struct Subscription;

/// Root fields of subscriptions, which send updates as they happen. An operation has one.
#[Subscription]
impl Subscription {
    /// One of the caller's orders: first as it is now, then after each change of its status, payment, refund or parcels, or
    /// of a parcel's status; `orderTracking` has each scan. Changes that follow each other closely may be one update.
    /// NOT_FOUND if it does not exist.
    #[graphql(directive = authenticated::apply())]
    async fn order_updated(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The order's id, `ord_…`.")] order_id: ID,
        #[graphql(
            desc = "The `sequence` of the last update received before a lost connection. The current state is only sent if it is newer."
        )]
        after: Option<i32>,
    ) -> Result<Events<Order>, ApiError> {
        subscription::events(context, async {
            let customer = access::customer(context)?;
            let id = IdKind::Order.argument("orderId", &order_id)?;
            let state = context.data_unchecked::<State>().clone();
            let pubsub = state.pubsub.clone();
            let watch = Watch::open(&*pubsub, channel(id), move || read(state.clone(), id));
            let not_found = || ApiError::not_found("There is no order with this id");
            let watch = watch.await?.ok_or_else(not_found)?;
            if watch.current().state.customer_id != customer {
                return Err(ApiError::forbidden("You can only watch your own orders"));
            }
            Ok(watch.updates_after(after).map(Order::try_from))
        })
        .await
    }
}

/// The number is read first: the row has at least the change with that number.
async fn read(state: State, id: Uuid) -> Result<Option<Numbered<Arc<order::Model>>>, DbErr> {
    let db = state.database.read();
    let numbers =
        live::last_sequences(&state.database, events::TOPIC, IdKind::Order, &[id]).await?;
    let sequence = numbers.get(&id).copied().unwrap_or_default();
    let row = order::by_ids(db, &[id]).await?.remove(&id);
    Ok(row.map(|state| Numbered { sequence, state }))
}

pub(crate) const LIVE: ConsumerGroup = ConsumerGroup {
    name: "orders.live",
    topics: &[events::TOPIC],
};

/// Notifies everybody who watches an order, in any process, that it changed.
pub(crate) fn subscriber(pubsub: Arc<dyn PubSub>) -> Subscriber {
    live::announcer(LIVE, pubsub, changed_channels)
}

fn changed_channels(event: &Event) -> Result<Vec<String>, HandleError> {
    let id = IdKind::Order.parse(&event.aggregate_id);
    Ok(id.map(channel).into_iter().collect())
}

fn channel(id: Uuid) -> String {
    format!("order:updates:{}", IdKind::Order.format(id))
}
