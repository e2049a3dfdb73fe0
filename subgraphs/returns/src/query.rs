//! Root queries and entity resolvers.

use async_graphql::{Context, ID, Object};
use resolvers::ApiResult;
use resolvers::access::authenticated;
use resolvers::id::IdKind;

use crate::customer_return::Return;
use crate::order::Order;
use crate::order_item::OrderItem;
use crate::return_create_input::ReturnCreateInput;
use crate::return_preview::{self, ReturnPreview};
use crate::return_reason::ReturnReason;
use crate::rules::reasons::REASONS;

pub(crate) struct Query;

/// Root fields of queries, which read data.
#[Object]
impl Query {
    /// One of the caller's returns: null if it does not exist, FORBIDDEN if it belongs to somebody else.
    #[graphql(
        name = "return",
        directive = authenticated::apply(),
        cache_control(no_cache)
    )]
    async fn one_return(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The return's id, `ret_…`.")] id: ID,
    ) -> Option<ApiResult<Return>> {
        Return::of_caller(context, &id).await.transpose()
    }

    /// The 18 reasons that a customer can give for a return, by category.
    #[graphql(cache_control(max_age = 3600))]
    async fn return_reasons(&self) -> Vec<ReturnReason> {
        REASONS.iter().map(ReturnReason::from).collect()
    }

    /// Whether a return would be accepted now, and what would be refunded. Changes nothing. Errors in the input are
    /// BAD_USER_INPUT.
    #[graphql(directive = authenticated::apply(), cache_control(no_cache))]
    async fn return_preview(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The return, as for `returnCreate`.")] input: ReturnCreateInput,
    ) -> ApiResult<ReturnPreview> {
        return_preview::preview(context, &input).await
    }

    #[graphql(entity)]
    async fn return_by_id(&self, context: &Context<'_>, id: ID) -> Option<ApiResult<Return>> {
        Return::resolve_reference(context, &id).await.transpose()
    }

    #[graphql(entity)]
    async fn order(&self, id: ID) -> Option<Order> {
        IdKind::Order.parse(&id).map(|id| Order { id })
    }

    #[graphql(entity)]
    async fn order_item(&self, id: ID) -> Option<OrderItem> {
        IdKind::OrderItem.parse(&id).map(|id| OrderItem { id })
    }
}
