//! Root queries and entity resolvers.

use async_graphql::{Context, ID, Object};
use entities::returns::return_review;
use resolvers::access::authenticated;
use resolvers::id::IdKind;
use resolvers::scalars::DateTime;
use resolvers::{ApiResult, access};
use rust_decimal::Decimal;

use crate::customer_return::{Return, ReturnConnection, ReturnStatus};
use crate::order::Order;
use crate::order_facts::OrderItemFacts;
use crate::order_item::OrderItem;
use crate::return_create_input::ReturnCreateInput;
use crate::return_preview::{self, ReturnPreview};
use crate::return_reason::ReturnReason;
use crate::return_review::ReviewReason;
use crate::rules::eligibility::{OrderFacts, Restriction};
use crate::rules::reasons::REASONS;
use crate::support_returns;

pub(crate) struct Query;

/// Root fields of queries, which read data.
#[Object]
impl Query {
    /// One of the caller's returns: null if it does not exist, FORBIDDEN if it belongs to somebody else. Support sees all.
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

    /// Returns that wait for a person, those that wait longest first. Requires the scope `support`.
    #[graphql(requires_scopes = "support", cache_control(no_cache))]
    async fn support_returns(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only returns with one of these statuses; by default all.")]
        status: Option<Vec<ReturnStatus>>,
        #[graphql(desc = "Only returns that wait for this reason.")] reason: Option<ReviewReason>,
        #[graphql(
            default = true,
            desc = "Whether they still wait. With `false`, those that waited once and do not any more."
        )]
        is_open: bool,
        #[graphql(default = 20, desc = "How many returns to read, from 0 to 100.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Read the returns that follow this cursor.")] after: Option<String>,
    ) -> ApiResult<ReturnConnection> {
        access::scope(context, access::SUPPORT)?;
        let statuses = status.unwrap_or_default().into_iter().map(Into::into);
        let filter = return_review::Filter {
            is_open,
            reason: reason.map(Into::into),
            statuses: statuses.collect(),
        };
        support_returns::page(context, &filter, first, after.as_deref()).await
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
    async fn order_item(
        &self,
        #[graphql(key)] id: ID,
        quantity: Option<i32>,
        restriction: Option<String>,
        order_delivered_at: Option<DateTime>,
        order_total_usd: Option<Decimal>,
    ) -> Option<OrderItem> {
        let id = IdKind::OrderItem.parse(&id)?;
        let facts = quantity.zip(order_total_usd);
        let facts = facts.map(|(quantity, total_usd)| OrderItemFacts {
            id,
            purchased: quantity.into(),
            restriction: restriction.as_deref().map(Restriction::from_name),
            order: OrderFacts {
                delivered_at: order_delivered_at.map(|time| time.0),
                total_usd,
            },
        });
        Some(OrderItem { id, facts })
    }
}
