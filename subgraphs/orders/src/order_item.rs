//! The GraphQL type `OrderItem`, visible only to the customer who placed the order.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entities::orders::order::{self, OrderStatus};
use entities::orders::order_item as entity;
use resolvers::id::IdKind;
use resolvers::money::{CurrencyCode, Money};
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult, access};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::loaders::Loaders;
use crate::order::Order;
use crate::rules::line;

/// A product that the shop sells or has sold, visible to everyone.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(unresolvable = "id")]
pub(crate) struct Product {
    /// Globally unique id: `prd_` followed by 26 characters.
    pub id: ID,
}

/// Only created for the customer who placed the order.
#[derive(Clone, Debug)]
pub(crate) struct OrderItem {
    currency: CurrencyCode,
    row: Arc<entity::Model>,
    /// Its order's row, if the item was reached from there.
    order: Option<Arc<order::Model>>,
}

impl TryFrom<Arc<entity::Model>> for OrderItem {
    type Error = ApiError;

    fn try_from(row: Arc<entity::Model>) -> ApiResult<Self> {
        let currency = CurrencyCode::from_code(&row.currency_code).ok_or_else(|| {
            ApiError::internal(format!("order item {} has unknown values", row.id))
        })?;
        Ok(Self {
            currency,
            row,
            order: None,
        })
    }
}

impl OrderItem {
    /// An item of this order.
    pub(crate) fn of_order(row: Arc<entity::Model>, order: Arc<order::Model>) -> ApiResult<Self> {
        let item = Self::try_from(row)?;
        Ok(Self {
            order: Some(order),
            ..item
        })
    }

    /// Resolves a representation: the item if it exists and the caller may see it.
    pub(crate) async fn resolve_reference(
        context: &Context<'_>,
        id: Uuid,
    ) -> ApiResult<Option<Self>> {
        let loaders = context.data_unchecked::<Loaders>();
        let Some(row) = loaders.order_items.load_one(id).await? else {
            return Ok(None);
        };
        if !access::is_owner_or_has_scope(context, row.customer_id, access::SUPPORT)? {
            return Ok(None);
        }
        row.try_into().map(Some)
    }

    async fn order_row(&self, context: &Context<'_>) -> ApiResult<Arc<order::Model>> {
        if let Some(order) = &self.order {
            return Ok(order.clone());
        }
        let loaders = context.data_unchecked::<Loaders>();
        let id = self.row.order_id;
        let row = loaders.orders.load_one(id).await?;
        row.ok_or_else(|| ApiError::internal(format!("order {id} is missing")))
    }

    fn unit(&self) -> Money {
        Money::new(self.row.unit_price_amount, self.currency)
    }
}

/// A line of an order: units of one product, with name, price and tax as of when the order was placed. Visible only to the
/// customer who placed it.
#[Object]
impl OrderItem {
    /// Globally unique id: `oi_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::OrderItem.id(self.row.id)
    }

    /// The order that the line belongs to.
    async fn order(&self, context: &Context<'_>) -> ApiResult<Order> {
        self.order_row(context).await?.try_into()
    }

    /// The product as it is now. It may no longer be for sale.
    async fn product(&self) -> Product {
        Product {
            id: IdKind::Product.id(self.row.product_id),
        }
    }

    /// The product's title when the order was placed.
    async fn product_name(&self) -> &str {
        &self.row.product_name
    }

    /// How many units were ordered.
    async fn quantity(&self) -> i32 {
        self.row.quantity
    }

    /// The price of one unit, without tax.
    async fn unit_price(&self) -> Money {
        self.unit()
    }

    /// `quantity` times `unitPrice`, without tax.
    async fn line_total(&self) -> ApiResult<Money> {
        line::total(self.unit(), self.row.quantity)
            .ok_or_else(|| ApiError::internal(format!("order item {} is too large", self.row.id)))
    }

    /// The tax on the whole line.
    async fn tax(&self) -> Money {
        Money::new(self.row.tax_amount, self.currency)
    }

    /// Why the product cannot be returned: `PERSONALIZED`, `HAZARDOUS` or `DIGITAL`; null if it can. For other subgraphs
    /// only.
    #[graphql(inaccessible)]
    async fn restriction(&self) -> Option<String> {
        self.row
            .restriction
            .map(|restriction| restriction.as_str().to_uppercase())
    }

    /// When the order was delivered; null unless its status is DELIVERED. For other subgraphs only.
    #[graphql(inaccessible)]
    async fn order_delivered_at(&self, context: &Context<'_>) -> Option<ApiResult<DateTime>> {
        let order = self.order_row(context).await;
        let delivered_at = order.map(|order| match order.status {
            OrderStatus::Delivered => order.delivered_at.map(DateTime),
            _ => None,
        });
        delivered_at.transpose()
    }

    /// The order's `totalUsd`, in US dollars. For other subgraphs only.
    #[graphql(inaccessible)]
    async fn order_total_usd(&self, context: &Context<'_>) -> Option<ApiResult<Decimal>> {
        let order = self.order_row(context).await;
        Some(order.map(|order| Money::new(order.usd_amount, CurrencyCode::Usd).decimal()))
    }
}
