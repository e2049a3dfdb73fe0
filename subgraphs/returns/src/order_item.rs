//! Extends the orders domain's `OrderItem` with its return eligibility.

use async_graphql::{Context, ID, Object};
use resolvers::id::IdKind;
use resolvers::{ApiResult, access};
use uuid::Uuid;

use crate::State;
use crate::loaders::Loaders;
use crate::return_eligibility::ReturnEligibility;
use crate::self_service;

pub(crate) struct OrderItem {
    pub id: Uuid,
}

/// A line of an order, visible only to the customer who placed it.
#[Object]
impl OrderItem {
    /// Globally unique id: `oi_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::OrderItem.id(self.id)
    }

    /// Whether units of this item may be returned now; null if the item is not the caller's.
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
        let loaders = context.data_unchecked::<Loaders>();
        let (item, returned) = futures::try_join!(
            loaders.order_items(context)?.load_one(self.id),
            loaders.returned_of_item.load_one(self.id),
        )?;
        // The orders domain returned it, so it is the caller's.
        let Some(item) = item else { return Ok(None) };
        let state = context.data_unchecked::<State>();
        let (general, now) = (
            self_service::check(state, customer).await,
            state.clock.now(),
        );
        let returned = returned.unwrap_or_default();
        Ok(Some(ReturnEligibility::new(&item, returned, general, now)))
    }
}
