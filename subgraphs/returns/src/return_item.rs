//! The GraphQL type `ReturnItem`.

use async_graphql::{Enum, Object};
use entities::returns::return_item as entity;
use resolvers::{ApiError, ApiResult};
use serde::Serialize;

use crate::order_item::OrderItem;
use crate::return_reason::ReturnReason;
use crate::rules::reasons;

/// The condition that an item is returned in, as the customer states it. It is recorded, and never a reason to refuse the
/// return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize)]
#[graphql(remote = "entity::ItemCondition")]
pub(crate) enum ItemCondition {
    /// The package was not opened.
    Unopened,
    /// The package was opened, and the item not used.
    OpenedUnused,
    /// The item was used.
    OpenedUsed,
    /// The item does not work.
    Defective,
    /// The item is broken or marked.
    Damaged,
}

#[derive(Clone, Debug)]
pub(crate) struct ReturnItem {
    reason: &'static reasons::ReturnReason,
    row: entity::Model,
}

impl TryFrom<entity::Model> for ReturnItem {
    type Error = ApiError;

    fn try_from(row: entity::Model) -> ApiResult<Self> {
        let unknown = || ApiError::internal(format!("return item {} has unknown values", row.id));
        Ok(Self {
            reason: reasons::ReturnReason::from_code(&row.reason_code).ok_or_else(unknown)?,
            row,
        })
    }
}

/// Units of one order item that are sent back.
#[Object]
impl ReturnItem {
    /// The line of the order.
    async fn order_item(&self) -> OrderItem {
        OrderItem {
            id: self.row.order_item_id,
            facts: None,
        }
    }

    /// The product's title when the order was placed.
    async fn product_name(&self) -> &str {
        &self.row.product_name
    }

    /// How many units are sent back.
    async fn quantity(&self) -> i32 {
        self.row.quantity
    }

    /// Their condition, as the customer stated it.
    async fn condition(&self) -> ItemCondition {
        self.row.condition.into()
    }

    /// Why they are sent back.
    async fn reason(&self) -> ReturnReason {
        self.reason.into()
    }

    /// The reason in the customer's own words; null if there were none.
    async fn reason_text(&self) -> Option<&str> {
        self.row.reason_text.as_deref()
    }
}
