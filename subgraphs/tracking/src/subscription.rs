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

#[Subscription]
impl Subscription {
    /// The changes of the order's parcels: first their current state, then each change once, in order. After a lost
    /// connection, pass the last change seen as `after` to receive what came since instead of the current state.
    #[graphql(directive = authenticated::apply())]
    async fn order_tracking(
        &self,
        context: &Context<'_>,
        order_id: ID,
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

    /// The same for somebody with a signed link to the order, until it expires.
    async fn order_tracking_by_token(
        &self,
        context: &Context<'_>,
        token: String,
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
