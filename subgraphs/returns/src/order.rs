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

    /// The caller's returns of this order, including cancelled ones, oldest first.
    async fn returns(&self, context: &Context<'_>) -> Option<ApiResult<Vec<Return>>> {
        Some(self.load_returns(context).await)
    }
}

impl Order {
    async fn load_returns(&self, context: &Context<'_>) -> ApiResult<Vec<Return>> {
        let customer = access::customer(context)?;
        let order = self.id;
        let rows = context
            .data_unchecked::<Loaders>()
            .returns_of_order
            .load_list(OrderOf { customer, order })
            .await?;
        rows.into_iter().map(Return::try_from).collect()
    }
}
