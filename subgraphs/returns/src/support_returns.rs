//! `supportReturns`: the queue of returns that wait for a person.

use async_graphql::Context;
use entities::returns::return_review::{self, Filter, Key};
use resolvers::connection::{Direction, Page, PageRequest};
use resolvers::{ApiError, ApiResult};

use crate::State;
use crate::customer_return::{Return, ReturnConnection};
use crate::loaders::Loaders;

/// A page of the queue, those that wait longest first.
pub(crate) async fn page(
    context: &Context<'_>,
    filter: &Filter,
    first: Option<i32>,
    after: Option<&str>,
) -> ApiResult<ReturnConnection> {
    let request = PageRequest::<Key>::new(first, after, None, None)?;
    debug_assert_eq!(request.direction, Direction::Forward);
    let db = context.data_unchecked::<State>().database.read();
    let reviews = return_review::page(db, filter, request.beyond, request.limit + 1).await?;
    let total = if context.look_ahead().field("totalCount").exists() {
        return_review::count(db, filter).await?
    } else {
        0
    };
    let page = Page::new(&request, reviews, |review| (review.since, review.return_id))?;
    let loaders = context.data_unchecked::<Loaders>();
    let ids = page.rows.iter().map(|(_, review)| review.return_id);
    let mut rows = loaders.returns.load_many(ids).await?;
    let page = page.try_map(|review| {
        let row = rows.remove(&review.return_id);
        Return::try_from(row.ok_or_else(|| ApiError::internal("a review has no return"))?)
    })?;
    Ok(ReturnConnection::new(page, total))
}
