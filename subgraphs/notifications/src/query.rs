//! Entity resolvers. This domain has no root query of its own: a customer's preferences are under `me`.

use async_graphql::{Context, ID, Object};
use resolvers::ApiResult;
use resolvers::id::IdKind;

use crate::customer::Customer;
use crate::notification::Notification;
use crate::order::Order;

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
}
