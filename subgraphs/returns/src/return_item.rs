//! The GraphQL type `ReturnItem`.

use async_graphql::{Enum, Object};
use entities::returns::return_item as entity;
use resolvers::{ApiError, ApiResult};
use serde::Serialize;

use crate::order_item::OrderItem;
use crate::return_reason::ReturnReason;
use crate::rules::reasons;

/// The condition an item is returned in. Recorded only; never a reason for refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize)]
#[graphql(remote = "entity::ItemCondition")]
pub(crate) enum ItemCondition {
    Unopened,
    OpenedUnused,
    OpenedUsed,
    Defective,
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

/// Units of an order item that are returned.
#[Object]
impl ReturnItem {
    async fn order_item(&self) -> OrderItem {
        OrderItem {
            id: self.row.order_item_id,
        }
    }

    /// The product's name at the time of purchase.
    async fn product_name(&self) -> &str {
        &self.row.product_name
    }

    async fn quantity(&self) -> i32 {
        self.row.quantity
    }

    async fn condition(&self) -> ItemCondition {
        self.row.condition.into()
    }

    async fn reason(&self) -> ReturnReason {
        self.reason.into()
    }

    async fn reason_text(&self) -> Option<&str> {
        self.row.reason_text.as_deref()
    }
}
