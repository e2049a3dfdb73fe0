//! Units of an order item in a return, as the graph shows them.

use async_graphql::{Enum, Object};
use entities::returns::return_item as entity;
use resolvers::{ApiError, ApiResult};
use serde::Serialize;

use crate::order_item::OrderItem;
use crate::rules::reasons::ReturnReason;

/// What state an item comes back in. Recorded, never a reason to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize)]
pub enum ItemCondition {
    Unopened,
    OpenedUnused,
    OpenedUsed,
    Defective,
    Damaged,
}

impl ItemCondition {
    pub const ALL: [Self; 5] = [
        Self::Unopened,
        Self::OpenedUnused,
        Self::OpenedUsed,
        Self::Defective,
        Self::Damaged,
    ];

    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unopened => "unopened",
            Self::OpenedUnused => "opened_unused",
            Self::OpenedUsed => "opened_used",
            Self::Defective => "defective",
            Self::Damaged => "damaged",
        }
    }

    pub fn parse(stored: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|condition| condition.as_str() == stored)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ReturnItem {
    condition: ItemCondition,
    reason: &'static ReturnReason,
    row: entity::Model,
}

impl TryFrom<entity::Model> for ReturnItem {
    type Error = ApiError;

    fn try_from(row: entity::Model) -> ApiResult<Self> {
        let unknown = || ApiError::internal(format!("return item {} has unknown values", row.id));
        Ok(Self {
            condition: ItemCondition::parse(&row.condition).ok_or_else(unknown)?,
            reason: ReturnReason::from_code(&row.reason_code).ok_or_else(unknown)?,
            row,
        })
    }
}

/// Units of an order item that come back.
#[Object]
impl ReturnItem {
    async fn order_item(&self) -> OrderItem {
        OrderItem {
            id: self.row.order_item_id,
        }
    }

    /// As it was called when it was bought.
    async fn product_name(&self) -> &str {
        &self.row.product_name
    }

    async fn quantity(&self) -> i32 {
        self.row.quantity
    }

    async fn condition(&self) -> ItemCondition {
        self.condition
    }

    async fn reason(&self) -> &'static ReturnReason {
        self.reason
    }

    async fn reason_text(&self) -> Option<&str> {
        self.row.reason_text.as_deref()
    }
}
