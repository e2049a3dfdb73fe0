//! Extends the orders domain's `OrderItem` with its return eligibility.

use async_graphql::{Context, ID, Object};
use resolvers::id::IdKind;
use resolvers::scalars::DateTime;
use resolvers::{ApiError, ApiResult, access};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::State;
use crate::loaders::Loaders;
use crate::order_facts::OrderItemFacts;
use crate::return_eligibility::ReturnEligibility;

pub(crate) struct OrderItem {
    pub id: Uuid,
    /// What the orders domain told this request's caller, through the router. `None` for an item that is not theirs, and
    /// if nothing is asked that requires it.
    pub facts: Option<OrderItemFacts>,
}

/// A line of an order, visible only to the customer who placed it.
#[Object]
impl OrderItem {
    /// Globally unique id: `oi_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::OrderItem.id(self.id)
    }

    /// How many units were ordered.
    #[graphql(external)]
    async fn quantity(&self) -> ApiResult<i32> {
        Err(ApiError::internal("quantities are with the orders"))
    }

    /// Why the product cannot be returned: `PERSONALIZED`, `HAZARDOUS` or `DIGITAL`; null if it can. For other subgraphs
    /// only.
    #[graphql(external)]
    async fn restriction(&self) -> Option<String> {
        None
    }

    /// When the order was delivered; null unless its status is DELIVERED. For other subgraphs only.
    #[graphql(external)]
    async fn order_delivered_at(&self) -> Option<DateTime> {
        None
    }

    /// The order's `totalUsd`, in US dollars. For other subgraphs only.
    #[graphql(external)]
    async fn order_total_usd(&self) -> Option<Decimal> {
        None
    }

    /// Whether units of this item may be returned now; null if the item is not the caller's.
    #[graphql(requires = "quantity restriction orderDeliveredAt orderTotalUsd")]
    async fn return_eligibility(
        &self,
        context: &Context<'_>,
    ) -> Option<ApiResult<ReturnEligibility>> {
        self.load_eligibility(context).await.transpose()
    }
}

impl OrderItem {
    async fn load_eligibility(
        &self,
        context: &Context<'_>,
    ) -> ApiResult<Option<ReturnEligibility>> {
        let customer = access::customer(context)?;
        let Some(item) = &self.facts else {
            return Ok(None);
        };
        let loaders = context.data_unchecked::<Loaders>();
        let returned = loaders.returned_of_item.load_one(self.id).await?;
        let state = context.data_unchecked::<State>();
        let (general, now) = (
            loaders.self_service(state, customer).await,
            state.clock.now(),
        );
        let returned = returned.unwrap_or_default();
        Ok(Some(ReturnEligibility::new(item, returned, general, now)))
    }
}
