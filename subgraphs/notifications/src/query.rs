//! Entity resolvers, and the events of partners. Customers' own data is under `me`.

use async_graphql::{Context, ID, Object};
use resolvers::ApiResult;
use resolvers::id::IdKind;

use crate::customer::Customer;
use crate::notification::Notification;
use crate::order::Order;
use crate::partner_event::{self, PartnerEventConnection};

pub(crate) struct Query;

/// Root fields of queries, which read data.
#[Object]
impl Query {
    #[graphql(entity)]
    async fn customer(&self, id: ID) -> Option<Customer> {
        IdKind::Customer.parse(&id).map(|id| Customer { id })
    }

    #[graphql(entity)]
    async fn notification(&self, context: &Context<'_>, id: ID) -> ApiResult<Option<Notification>> {
        match IdKind::Notification.parse(&id) {
            Some(id) => Notification::resolve_reference(context, id).await,
            None => Ok(None),
        }
    }

    #[graphql(entity)]
    async fn order(&self, id: ID) -> Option<Order> {
        IdKind::Order.parse(&id).map(|id| Order { id })
    }

    /// The events that the calling partner is notified of, oldest first: those of all its webhooks, as far back as they
    /// are kept. Requires the partner's key, without a user's token.
    async fn partner_events(
        &self,
        context: &Context<'_>,
        #[graphql(default = 20, desc = "How many events to read, from 0 to 100.")] first: Option<
            i32,
        >,
        #[graphql(
            desc = "Read the events that follow this one: an event's id, such as the last `webhook-id` received."
        )]
        after: Option<ID>,
    ) -> Option<ApiResult<PartnerEventConnection>> {
        Some(partner_event::page(context, first, after.as_deref().map(String::as_str)).await)
    }
}
