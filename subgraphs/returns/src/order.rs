//! Extends the orders domain's `Order` with its returns.

use async_graphql::{Context, ID, Object};
use resolvers::id::IdKind;
use resolvers::{ApiResult, access};
use uuid::Uuid;

use crate::customer_return::Return;
use crate::loaders::{Loaders, OrderOf};

pub(crate) struct Order {
    pub id: Uuid,
}

/// An order, visible only to the customer who placed it.
#[Object]
impl Order {
    /// Globally unique id: `ord_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::Order.id(self.id)
    }

    /// The caller's returns of this order, including cancelled ones, oldest first. Support sees those of any order.
    async fn returns(&self, context: &Context<'_>) -> Option<ApiResult<Vec<Return>>> {
        Some(self.load_returns(context).await)
    }
}

impl Order {
    async fn load_returns(&self, context: &Context<'_>) -> ApiResult<Vec<Return>> {
        let loaders = context.data_unchecked::<Loaders>();
        let order = self.id;
        let rows = if access::scope(context, access::SUPPORT).is_ok() {
            loaders.all_returns_of_order.load_list(order).await?
        } else {
            let customer = access::customer(context)?;
            let key = OrderOf { customer, order };
            loaders.returns_of_order.load_list(key).await?
        };
        rows.into_iter().map(Return::try_from).collect()
    }
}
