//! Live tracking. `orderTracking` is the pattern of every subscription: caller, argument,
//! subscribe, read, check, tell.

use async_graphql::{Context, ID, Subscription};
use futures::Stream;
use resolvers::access::authenticated;
use resolvers::id::IdKind;
use resolvers::{ApiError, access};

use crate::update::TrackingUpdate;
use crate::watch::Watch;

pub(crate) struct Subscription;

#[Subscription]
impl Subscription {
    /// The changes of the order's parcels: first how they stand, then each change once, in order.
    #[graphql(directive = authenticated::apply())]
    async fn order_tracking(
        &self,
        context: &Context<'_>,
        order_id: ID,
    ) -> Result<impl Stream<Item = TrackingUpdate> + use<>, ApiError> {
        let customer = access::customer(context)?;
        let order = IdKind::Order.argument("orderId", &order_id)?;
        let watch = Watch::open(context, customer, order).await?;
        Ok(watch.updates())
    }
}
