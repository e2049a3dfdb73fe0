//! Extends the orders domain's `Order` with its messages.

use async_graphql::{Context, ID, Object};
use resolvers::id::IdKind;
use resolvers::{ApiResult, access};
use uuid::Uuid;

use crate::loaders::{Loaders, OrderOf};
use crate::notification::Notification;

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

    /// The messages to the caller about this order, sent or not, oldest first.
    async fn notifications(&self, context: &Context<'_>) -> Option<ApiResult<Vec<Notification>>> {
        let answer: ApiResult<Option<Vec<Notification>>> = async {
            let customer = access::customer(context)?;
            let order = self.id;
            let rows = context
                .data_unchecked::<Loaders>()
                .notifications_of_order
                .load_list(OrderOf { customer, order })
                .await?;
            Ok(Some(rows.into_iter().map(Notification).collect()))
        }
        .await;
        answer.transpose()
    }
}
