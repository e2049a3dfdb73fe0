//! Root queries and entity resolvers.

use async_graphql::{Context, ID, Object};
use resolvers::access::authenticated;
use resolvers::id::IdKind;
use resolvers::{ApiResult, access};

use crate::State;
use crate::checkout::check_out;
use crate::customer::Customer;
use crate::input;
use crate::order::{Order, OrderConnection, OrderStatus};
use crate::order_item::OrderItem;
use crate::order_preview::OrderPreview;
use crate::order_preview_input::OrderPreviewInput;
use crate::shipping_country::{self, ShippingCountry};
use crate::stock::Stock;
use crate::support_orders;

pub(crate) struct Query;

/// Root fields of queries, which read data.
#[Object]
impl Query {
    /// The signed-in customer; null if the account no longer exists.
    #[graphql(directive = authenticated::apply(), cache_control(no_cache))]
    async fn me(&self, context: &Context<'_>) -> Option<ApiResult<Customer>> {
        let answer: ApiResult<Option<Customer>> = async {
            let customer = access::customer(context)?;
            let (account, ()) = futures::join!(
                Customer::resolve_reference(context, customer),
                Customer::read_orders_ahead(context, customer),
            );
            account
        }
        .await;
        answer.transpose()
    }

    /// One of the caller's orders: null if it does not exist, FORBIDDEN if it belongs to somebody else. Support sees all.
    #[graphql(directive = authenticated::apply(), cache_control(no_cache))]
    async fn order(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The order's id, `ord_…`.")] id: ID,
    ) -> Option<ApiResult<Order>> {
        let answer: ApiResult<Option<Order>> = async {
            access::signed_in(context)?;
            Order::of_caller(context, IdKind::Order.argument("id", &id)?).await
        }
        .await;
        answer.transpose()
    }

    /// What `orderPlace` with the same input would charge, and everything that prevents it. Nothing is written.
    #[graphql(directive = authenticated::apply(), cache_control(no_cache))]
    async fn order_preview(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What to order, and where to send it.")] input: OrderPreviewInput,
    ) -> ApiResult<OrderPreview> {
        let customer = access::customer(context)?;
        let state = context.data_unchecked::<State>();
        let (basket, errors) = input::parse_preview(&input, &state.checkout_rates);
        let checkout = check_out(state, access::caller(context)?, customer, &basket).await?;
        let country = basket.country.as_deref().unwrap_or_default();
        let tax_display = state.checkout_rates.tax_display(country);
        let (is_complete, now) = (basket.country.is_some(), state.clock.now());
        Ok(OrderPreview::new(
            &checkout,
            is_complete,
            tax_display,
            errors,
            now,
        ))
    }

    /// The countries that orders are sent to, with what their addresses need.
    #[graphql(cache_control(max_age = 3600))]
    async fn shipping_countries(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "Only these countries, by ISO 3166-1 alpha-2 code such as DE, at most 100; by default all."
        )]
        codes: Option<Vec<String>>,
    ) -> ApiResult<Vec<ShippingCountry>> {
        let rates = &context.data_unchecked::<State>().checkout_rates;
        match codes {
            Some(codes) => shipping_country::with_codes(&codes, rates),
            None => Ok(shipping_country::all(rates)),
        }
    }

    /// The stock of a product, for support; null if the catalog has never announced the product.
    #[graphql(requires_scopes = "support", cache_control(no_cache))]
    async fn stock(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The product's id, `prd_…`.")] product_id: ID,
    ) -> Option<ApiResult<Stock>> {
        let answer: ApiResult<Option<Stock>> = async {
            access::scope(context, access::SUPPORT)?;
            let product = IdKind::Product.argument("productId", &product_id)?;
            let found = Stock::of_products(context, &[product]).await?;
            Ok(found.into_iter().next())
        }
        .await;
        answer.transpose()
    }

    /// Orders of all customers, newest first; or those that wait for a person, those that wait longest first. Requires the
    /// scope `support`.
    #[graphql(requires_scopes = "support", cache_control(no_cache))]
    async fn support_orders(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only orders with one of these statuses; by default all.")] status: Option<
            Vec<OrderStatus>,
        >,
        #[graphql(desc = "With `true`, only orders that wait for a person.")]
        needs_attention: Option<bool>,
        #[graphql(default = 20, desc = "How many orders to read, from 0 to 100.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Read the orders that follow this cursor.")] after: Option<String>,
    ) -> ApiResult<OrderConnection> {
        access::scope(context, access::SUPPORT)?;
        let statuses = status.unwrap_or_default().into_iter().map(Into::into);
        let (statuses, after) = (statuses.collect::<Vec<_>>(), after.as_deref());
        if needs_attention == Some(true) {
            support_orders::queue(context, statuses, first, after).await
        } else {
            support_orders::all(context, &statuses, first, after).await
        }
    }

    #[graphql(entity)]
    async fn customer_by_id(&self, context: &Context<'_>, id: ID) -> ApiResult<Option<Customer>> {
        match IdKind::Customer.parse(&id) {
            Some(id) => Customer::resolve_reference(context, id).await,
            None => Ok(None),
        }
    }

    #[graphql(entity)]
    async fn order_by_id(&self, context: &Context<'_>, id: ID) -> ApiResult<Option<Order>> {
        match IdKind::Order.parse(&id) {
            Some(id) => Order::resolve_reference(context, id).await,
            None => Ok(None),
        }
    }

    #[graphql(entity)]
    async fn order_item_by_id(
        &self,
        context: &Context<'_>,
        id: ID,
    ) -> ApiResult<Option<OrderItem>> {
        match IdKind::OrderItem.parse(&id) {
            Some(id) => OrderItem::resolve_reference(context, id).await,
            None => Ok(None),
        }
    }
}
