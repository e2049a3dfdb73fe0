//! Live tracking. `orderTracking` is the pattern for every subscription: caller, argument, subscribe, read, check,
//! stream.

use async_graphql::{Context, ID, Subscription};
use resolvers::access::authenticated;
use resolvers::id::IdKind;
use resolvers::subscription::{self, Events};
use resolvers::{ApiError, access};

use crate::State;
use crate::guest_link::GuestScope;
use crate::subscription_source::{Subscriber, SubscriptionSource};
use crate::tracking_update::TrackingUpdate;

pub(crate) struct Subscription;

/// Root fields of subscriptions, which send updates as they happen. An operation has one.
#[Subscription]
impl Subscription {
    /// The parcels of one of the caller's orders: first the current state of the most recently updated one, then each change
    /// of any of them once, in order. FORBIDDEN while live updates are switched off.
    #[graphql(directive = authenticated::apply())]
    async fn order_tracking(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The order's id, `ord_…`.")] order_id: ID,
        #[graphql(
            desc = "The `sequence` of the last update received before a lost connection. The updates since then are sent instead of the current state."
        )]
        after: Option<i32>,
    ) -> Result<Events<TrackingUpdate>, ApiError> {
        subscription::events(context, async {
            let customer = access::customer(context)?;
            let order = IdKind::Order.argument("orderId", &order_id)?;
            let watch =
                SubscriptionSource::open(context, order, Subscriber::Customer(customer), after)
                    .await?;
            Ok(watch.updates())
        })
        .await
    }

    /// Like `orderTracking`, for somebody without an account who has a signed link to the order, until the link expires.
    async fn order_tracking_by_token(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The token of the link, from `Order.trackingToken`.")] token: String,
        #[graphql(
            desc = "The `sequence` of the last update received before a lost connection. The updates since then are sent instead of the current state."
        )]
        after: Option<i32>,
    ) -> Result<Events<TrackingUpdate>, ApiError> {
        subscription::events(context, async {
            let state = context.data_unchecked::<State>();
            let (scope, until) = state.open_link(context, &token)?;
            let GuestScope::Order(order) = scope else {
                return Err(ApiError::forbidden(
                    "This link shows one parcel, not the order: poll trackByToken instead",
                ));
            };
            let watch =
                SubscriptionSource::open(context, order, Subscriber::Guest { until }, after)
                    .await?;
            Ok(watch.updates())
        })
        .await
    }
}
