//! The entry points of other domains' entities. This domain has no root query of its own: a
//! customer's preferences hang off `me`.

use async_graphql::{ID, Object};
use resolvers::id::IdKind;

use crate::customer::Customer;
use crate::order::Order;

pub(crate) struct Query;

#[Object]
impl Query {
    #[graphql(entity)]
    async fn customer(&self, id: ID) -> Option<Customer> {
        IdKind::Customer.parse(&id).map(|id| Customer { id })
    }

    #[graphql(entity)]
    async fn order(&self, id: ID) -> Option<Order> {
        IdKind::Order.parse(&id).map(|id| Order { id })
    }
}
