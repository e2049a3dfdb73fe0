//! The GraphQL type `Customer`, visible only to the customer.

use std::sync::Arc;

use async_graphql::{Context, ID, InputType, Object, SelectionField};
use entities::orders::{customer as entity, order};
use futures::future::join_all;
use resolvers::connection::{Page, PageRequest};
use resolvers::id::IdKind;
use resolvers::{ApiError, ApiResult, access};
use uuid::Uuid;

use crate::loaders::{Loaders, OrderList, OrderPage};
use crate::order::{Order, OrderConnection, OrderStatus};
use crate::store_credit::StoreCredit;

/// Only created for the customer: for the caller, or from one of their orders.
pub(crate) struct Customer {
    pub id: Uuid,
}

impl Customer {
    /// The customer, if they exist, and are the caller or the caller is support.
    pub(crate) async fn resolve_reference(
        context: &Context<'_>,
        id: Uuid,
    ) -> ApiResult<Option<Self>> {
        if !access::is_owner_or_has_scope(context, id, access::SUPPORT)? {
            return Ok(None);
        }
        let loaders = context.data_unchecked::<Loaders>();
        let row = loaders.customers.load_one(id).await?;
        Ok(row.map(|row| Self { id: row.id }))
    }

    /// Reads the lists of orders that the selection of this field, a customer, asks for: together with the account
    /// instead of after it. What is wrong with an argument is left to `orders`.
    pub(crate) async fn read_orders_ahead(context: &Context<'_>, customer: Uuid) {
        let loaders = context.data_unchecked::<Loaders>();
        let lists = context.look_ahead().field("orders").selection_fields();
        let reads = lists.into_iter().filter_map(|list| {
            let page = requested_page(&list, customer)?;
            let count = list
                .selection_set()
                .any(|field| field.name() == "totalCount");
            Some(async move {
                let counted = async {
                    if count {
                        loaders.order_counts.load_ahead(page.list.clone()).await;
                    }
                };
                futures::join!(loaders.order_pages.load_ahead(page.clone()), counted);
            })
        });
        join_all(reads).await;
    }

    async fn row(&self, context: &Context<'_>) -> ApiResult<Arc<entity::Model>> {
        let loaders = context.data_unchecked::<Loaders>();
        let row = loaders.customers.load_one(self.id).await?;
        row.ok_or_else(|| ApiError::internal(format!("customer {} is missing", self.id)))
    }
}

/// A customer, visible only to themselves.
#[Object]
impl Customer {
    /// Globally unique id: `usr_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::Customer.id(self.id)
    }

    /// The address for email to the customer; empty once they were erased.
    async fn email(&self, context: &Context<'_>) -> ApiResult<String> {
        let row = self.row(context).await?;
        Ok(match row.is_erased() {
            true => String::new(),
            false => row.email.clone(),
        })
    }

    /// The full name, as the customer gave it; empty once they were erased.
    async fn name(&self, context: &Context<'_>) -> ApiResult<String> {
        Ok(self.row(context).await?.name.clone())
    }

    /// The customer's store credit, which pays orders with `useStoreCredit`.
    async fn store_credit(&self, context: &Context<'_>) -> Option<ApiResult<StoreCredit>> {
        let owner = access::owner(context, self.id, "You can only see your own store credit");
        Some(owner.map(|customer| StoreCredit { customer }))
    }

    /// The customer's orders, newest first.
    async fn orders(
        &self,
        context: &Context<'_>,
        #[graphql(
            default = 20,
            desc = "How many orders to read from the start of the list or after the cursor, from 0 to 100."
        )]
        first: Option<i32>,
        #[graphql(desc = "Read the orders that follow this cursor. Only with `first`.")]
        after: Option<String>,
        #[graphql(
            desc = "How many orders to read from the end of the list or before the cursor, from 0 to 100. Instead of `first`."
        )]
        last: Option<i32>,
        #[graphql(desc = "Read the orders that precede this cursor. Only with `last`.")]
        before: Option<String>,
        #[graphql(desc = "Only orders with one of these statuses; by default all.")] status: Option<
            Vec<OrderStatus>,
        >,
    ) -> ApiResult<OrderConnection> {
        let customer = self.id;
        access::owner_or_scope(
            context,
            customer,
            access::SUPPORT,
            "You can only see your own orders",
        )?;
        let request =
            PageRequest::<order::Key>::new(first, after.as_deref(), last, before.as_deref())?;
        let statuses = status.unwrap_or_default().into_iter().map(Into::into);
        let list = OrderList::new(customer, statuses.collect());
        let count = context.look_ahead().field("totalCount").exists();
        let loaders = context.data_unchecked::<Loaders>();
        let (rows, total) = futures::try_join!(
            loaders.order_pages.load_list(OrderPage {
                list: list.clone(),
                request: request.clone(),
            }),
            async {
                if count {
                    loaders.order_counts.load_one(list).await
                } else {
                    Ok(None)
                }
            },
        )?;
        let orders = rows
            .into_iter()
            .map(Order::try_from)
            .collect::<ApiResult<_>>()?;
        let page = Page::new(&request, orders, Order::key)?;
        Ok(OrderConnection::new(page, total.unwrap_or_default()))
    }
}

/// The page that a selection of `orders` asks for; `None` if an argument is wrong.
fn requested_page(selection: &SelectionField<'_>, customer: Uuid) -> Option<OrderPage> {
    let mut arguments = selection.arguments().ok()?;
    let mut argument = |name: &str| {
        let position = arguments
            .iter()
            .position(|(given, _)| given.as_str() == name)?;
        Some(arguments.swap_remove(position).1)
    };
    let first = Option::<i32>::parse(argument("first")).ok()?;
    let after = Option::<String>::parse(argument("after")).ok()?;
    let last = Option::<i32>::parse(argument("last")).ok()?;
    let before = Option::<String>::parse(argument("before")).ok()?;
    let status = Option::<Vec<OrderStatus>>::parse(argument("status")).ok()?;
    let request = PageRequest::new(first, after.as_deref(), last, before.as_deref()).ok()?;
    let statuses = status.unwrap_or_default().into_iter().map(Into::into);
    let list = OrderList::new(customer, statuses.collect());
    Some(OrderPage { list, request })
}
