//! The GraphQL type `OrderItem`, visible only to the customer who placed the order.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entities::orders::order_item as entity;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use resolvers::{ApiError, ApiResult, access};
use uuid::Uuid;

use crate::loaders::Loaders;
use crate::order::Order;
use crate::rules::line;

// A product of the catalog; described by the domain that owns it.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(unresolvable = "id")]
pub(crate) struct Product {
    pub id: ID,
}

/// Only created for the customer who placed the order.
#[derive(Clone, Debug)]
pub(crate) struct OrderItem {
    currency: CurrencyCode,
    row: Arc<entity::Model>,
}

impl TryFrom<Arc<entity::Model>> for OrderItem {
    type Error = ApiError;

    fn try_from(row: Arc<entity::Model>) -> ApiResult<Self> {
        let currency = CurrencyCode::from_code(&row.currency_code).ok_or_else(|| {
            ApiError::internal(format!("order item {} has unknown values", row.id))
        })?;
        Ok(Self { currency, row })
    }
}

impl OrderItem {
    /// Resolves a representation: the item if it exists and is the caller's.
    pub(crate) async fn resolve_reference(
        context: &Context<'_>,
        id: Uuid,
    ) -> ApiResult<Option<Self>> {
        let Some(caller) = access::visitor(context)? else {
            return Ok(None);
        };
        let loaders = context.data_unchecked::<Loaders>();
        loaders
            .order_items
            .load_one(id)
            .await?
            .filter(|row| row.customer_id == caller)
            .map(Self::try_from)
            .transpose()
    }

    fn unit(&self) -> Money {
        Money::new(self.row.unit_price_amount, self.currency)
    }
}

/// A line of an order, with name, price and tax as of when it was placed.
#[Object]
impl OrderItem {
    async fn id(&self) -> ID {
        IdKind::OrderItem.id(self.row.id)
    }

    async fn order(&self, context: &Context<'_>) -> ApiResult<Order> {
        let loaders = context.data_unchecked::<Loaders>();
        let id = self.row.order_id;
        loaders
            .orders
            .load_one(id)
            .await?
            .ok_or_else(|| ApiError::internal(format!("order {id} is missing")))?
            .try_into()
    }

    async fn product(&self) -> Product {
        Product {
            id: IdKind::Product.id(self.row.product_id),
        }
    }

    async fn product_name(&self) -> &str {
        &self.row.product_name
    }

    async fn quantity(&self) -> i32 {
        self.row.quantity
    }

    async fn unit_price(&self) -> Money {
        self.unit()
    }

    /// Quantity times unit price, without tax.
    async fn line_total(&self) -> ApiResult<Money> {
        line::total(self.unit(), self.row.quantity)
            .ok_or_else(|| ApiError::internal(format!("order item {} is too large", self.row.id)))
    }

    /// The tax on the whole line.
    async fn tax(&self) -> Money {
        Money::new(self.row.tax_amount, self.currency)
    }

    /// Why the product cannot be returned: `PERSONALIZED`, `HAZARDOUS`, `DIGITAL`, or null. For other domains only.
    #[graphql(inaccessible)]
    async fn restriction(&self) -> Option<String> {
        self.row
            .restriction
            .map(|restriction| restriction.as_str().to_uppercase())
    }
}
