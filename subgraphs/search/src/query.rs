//! Root queries and entity resolvers.

use async_graphql::{Context, ID, Object};
use resolvers::connection::{Page, PageRequest, page_size};
use resolvers::cost::{SEARCH, cost, list_size};
use resolvers::id::IdKind;
use resolvers::{ApiError, ApiResult};
use uuid::Uuid;

use crate::State;
use crate::engine::{self, Hit, Position, SearchQuery, Sort};
use crate::loaders::Loaders;
use crate::product::Product;
use crate::product_search::{
    MAX_QUERY, ProductSearchConnection, ProductSearchFilters, ProductSort, SearchRequest,
};
use crate::search_suggestion::{self, SearchSuggestion};

/// Maximum number of ids in one request.
const MAX_IDS: usize = 100;

pub(crate) struct Query;

#[Object]
impl Query {
    /// Active products that match the words and the filters. A blank query matches everything.
    #[graphql(directive = cost::apply(SEARCH), cache_control(max_age = 30))]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is an argument of the field"
    )]
    async fn product_search(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "At most 256 characters.")] query: String,
        filters: Option<ProductSearchFilters>,
        #[graphql(default_with = "Some(ProductSort::Relevance)")] sort: Option<ProductSort>,
        #[graphql(
            name = "personalize",
            default_with = "Some(true)",
            desc = "Whether the order may depend on the caller. Not supported yet: see personalization."
        )]
        _personalize: Option<bool>,
        #[graphql(default = 20)] first: Option<i32>,
        after: Option<String>,
    ) -> ApiResult<ProductSearchConnection> {
        check_length("query", &query)?;
        let request = PageRequest::<Position>::new(first, after.as_deref(), None, None)?;
        let sort = Sort::from(sort.unwrap_or(ProductSort::Relevance));
        if request.beyond.is_some_and(|after| after.sort != sort) {
            return Err(ApiError::bad_user_input(
                "the cursor belongs to a search with another sort",
            ));
        }
        let filters = filters.unwrap_or_default().resolve(context).await?;
        let search = SearchRequest::new(query.clone());
        let engine = &context.data_unchecked::<State>().engine;
        let found = engine::with_timeout(engine.search(SearchQuery {
            text: query,
            filters,
            sort,
            limit: usize::try_from(request.limit + 1).unwrap_or(usize::MAX),
            after: request.beyond,
        }))
        .await?;
        let page = Page::new(&request, found.hits, |hit: &Hit| hit.position)?;
        ProductSearchConnection::load(context, search, page, found.total, found.facets).await
    }

    /// Completions of the text being typed; those that start with it come first.
    #[graphql(
        directive = cost::apply(SEARCH),
        directive = list_size::apply(None, Some(vec!["first".to_owned()]), None, Some(false)),
        cache_control(max_age = 60)
    )]
    async fn search_suggestions(
        &self,
        context: &Context<'_>,
        prefix: String,
        #[graphql(default = 8)] first: Option<i32>,
    ) -> ApiResult<Vec<SearchSuggestion>> {
        check_length("prefix", &prefix)?;
        let limit = page_size("first", first.unwrap_or(8))?;
        search_suggestion::suggest(
            context,
            prefix,
            usize::try_from(limit).unwrap_or(usize::MAX),
        )
        .await
    }

    /// A product that is for sale; null if there is none with this id.
    async fn product(&self, context: &Context<'_>, id: ID) -> ApiResult<Option<Product>> {
        let product = load(context, IdKind::Product.argument("id", &id)?).await?;
        Ok(product.filter(|product| product.0.active))
    }

    /// Products that are for sale, in the order of their ids; null for those that are not. At most 100.
    async fn products(
        &self,
        context: &Context<'_>,
        ids: Vec<ID>,
    ) -> ApiResult<Vec<Option<Product>>> {
        if ids.len() > MAX_IDS {
            return Err(ApiError::bad_user_input(format!(
                "ids has {} entries; at most {MAX_IDS} are allowed",
                ids.len()
            )));
        }
        let parsed = ids.iter().map(|id| IdKind::Product.argument("ids", id));
        let ids: Vec<Uuid> = parsed.collect::<ApiResult<_>>()?;
        let loaders = context.data_unchecked::<Loaders>();
        let found = loaders.products.load_many(ids.iter().copied()).await?;
        let product = |id| found.get(id).filter(|row| row.active).cloned();
        Ok(ids.iter().map(|id| product(id).map(Product)).collect())
    }

    /// Includes products that are no longer for sale, since old orders still show them.
    #[graphql(entity)]
    async fn product_entity(&self, context: &Context<'_>, id: ID) -> ApiResult<Option<Product>> {
        match IdKind::Product.parse(&id) {
            Some(id) => load(context, id).await,
            None => Ok(None),
        }
    }
}

async fn load(context: &Context<'_>, id: Uuid) -> ApiResult<Option<Product>> {
    let loaders = context.data_unchecked::<Loaders>();
    Ok(loaders.products.load_one(id).await?.map(Product))
}

fn check_length(name: &str, text: &str) -> ApiResult<()> {
    if text.chars().count() > MAX_QUERY {
        return Err(ApiError::bad_user_input(format!(
            "{name} must have at most {MAX_QUERY} characters"
        )));
    }
    Ok(())
}
