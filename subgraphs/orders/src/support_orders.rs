//! `supportOrders`: orders of all customers, and the queue of those that wait for a person.

use async_graphql::Context;
use entities::orders::order::{self, OrderStatus};
use entities::orders::order_review::{self, Filter};
use resolvers::connection::{Page, PageRequest};
use resolvers::{ApiError, ApiResult};

use crate::State;
use crate::loaders::Loaders;
use crate::order::{Order, OrderConnection};

/// A page of the queue, those that wait longest first.
pub(crate) async fn queue(
    context: &Context<'_>,
    statuses: Vec<OrderStatus>,
    first: Option<i32>,
    after: Option<&str>,
) -> ApiResult<OrderConnection> {
    let request = PageRequest::<order_review::Key>::new(first, after, None, None)?;
    let filter = Filter {
        is_open: true,
        reason: None,
        statuses,
    };
    let db = context.data_unchecked::<State>().database.read();
    let reviews = order_review::page(db, &filter, request.beyond, request.limit + 1).await?;
    let total = if counts(context) {
        order_review::count(db, &filter).await?
    } else {
        0
    };
    let page = Page::new(&request, reviews, |review| (review.since, review.order_id))?;
    let loaders = context.data_unchecked::<Loaders>();
    let ids = page.rows.iter().map(|(_, review)| review.order_id);
    let mut rows = loaders.orders.load_many(ids).await?;
    let page = page.try_map(|review| {
        let row = rows.remove(&review.order_id);
        Order::try_from(row.ok_or_else(|| ApiError::internal("a review has no order"))?)
    })?;
    Ok(OrderConnection::new(page, total))
}

/// A page of all orders, newest first.
pub(crate) async fn all(
    context: &Context<'_>,
    statuses: &[OrderStatus],
    first: Option<i32>,
    after: Option<&str>,
) -> ApiResult<OrderConnection> {
    let request = PageRequest::<order::Key>::new(first, after, None, None)?;
    let db = context.data_unchecked::<State>().database.read();
    let rows = order::newest(db, statuses, request.beyond, request.limit + 1).await?;
    let total = if counts(context) {
        order::count_all(db, statuses).await?
    } else {
        0
    };
    let orders = rows.into_iter().map(Order::try_from);
    let orders = orders.collect::<ApiResult<Vec<_>>>()?;
    let page = Page::new(&request, orders, Order::key)?;
    Ok(OrderConnection::new(page, total))
}

fn counts(context: &Context<'_>) -> bool {
    context.look_ahead().field("totalCount").exists()
}
