//! Root queries and entity resolvers.

use async_graphql::{Context, ID, Object};
use resolvers::connection::{PageRequest, page_size};
use resolvers::cost::{SEARCH, cost, list_size};
use resolvers::id::IdKind;
use resolvers::{ApiError, ApiResult, access};
use uuid::Uuid;

use crate::State;
use crate::customer::Customer;
use crate::engine::Sort;
use crate::loaders::Loaders;
use crate::product::Product;
use crate::product_search::{self, MAX_QUERY, ProductSort, SearchArguments};
use crate::product_search_connection::ProductSearchConnection;
use crate::product_search_filters::ProductSearchFilters;
use crate::search_experiment::{MAX_DAYS, SearchExperiment};
use crate::search_suggestion::{self, SearchSuggestion};

/// Maximum number of ids in one request.
const MAX_IDS: usize = 100;

pub(crate) struct Query;

/// Root fields of queries, which read data.
#[Object]
impl Query {
    /// The products for sale that match the words of a query and the filters. Null, with an error, if they cannot be
    /// searched: the rest of the operation is served.
    #[graphql(directive = cost::apply(SEARCH), cache_control(max_age = 30))]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is an argument of the field"
    )]
    async fn product_search(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The words to search for, at most 256 characters. A blank query matches every product."
        )]
        query: String,
        #[graphql(desc = "What every result must match.")] filters: Option<ProductSearchFilters>,
        #[graphql(
            default_with = "Some(ProductSort::Relevance)",
            desc = "The order of the results."
        )]
        sort: Option<ProductSort>,
        #[graphql(
            default_with = "Some(true)",
            desc = "Whether results sorted by relevance may be personalized, for a customer who is signed in."
        )]
        personalize: Option<bool>,
        #[graphql(default = 20, desc = "How many products to read, from 0 to 100.")] first: Option<
            i32,
        >,
        #[graphql(
            desc = "Read the products that follow this cursor, which belongs to a search with the same `sort`."
        )]
        after: Option<String>,
        #[graphql(
            desc = "How many products to read from the end, from 0 to 100. It replaces `first`."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "With `last`: read the products that precede this cursor, which belongs to a search with the same `sort`."
        )]
        before: Option<String>,
    ) -> Option<ApiResult<ProductSearchConnection>> {
        let answer = async {
            check_length("query", &query)?;
            let page = PageRequest::new(first, after.as_deref(), last, before.as_deref())?;
            let sort = Sort::from(sort.unwrap_or(ProductSort::Relevance));
            let arguments = SearchArguments {
                text: query,
                filters: filters.unwrap_or_default(),
                sort,
                personalize: personalize.unwrap_or(true),
                page,
            };
            product_search::search(context, arguments).await
        };
        Some(answer.await)
    }

    /// Completions of a text that is being typed. Those that start with it come first, then popular ones. Null, with an
    /// error, if products cannot be searched.
    #[graphql(
        directive = cost::apply(SEARCH),
        directive = list_size::apply(None, Some(vec!["first".to_owned()]), None, Some(false)),
        cache_control(max_age = 60)
    )]
    async fn search_suggestions(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "The text typed so far, at most 256 characters. A blank text suggests popular products."
        )]
        prefix: String,
        #[graphql(default = 8, desc = "How many suggestions to read, from 0 to 100.")]
        first: Option<i32>,
    ) -> Option<ApiResult<Vec<SearchSuggestion>>> {
        let answer = async {
            check_length("prefix", &prefix)?;
            let limit = page_size("first", first.unwrap_or(8))?;
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            search_suggestion::suggest(context, prefix, limit).await
        };
        Some(answer.await)
    }

    /// A product that is for sale; null if there is none with this id.
    #[graphql(cache_control(max_age = 60))]
    async fn product(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The product's id, `prd_…`.")] id: ID,
    ) -> ApiResult<Option<Product>> {
        let id = IdKind::Product.argument("id", &id)?;
        let loaders = context.data_unchecked::<Loaders>();
        let row = loaders.products.load_one(id).await?;
        Ok(row.filter(|row| row.active).map(Product::Whole))
    }

    /// The products with these ids, in the same order; null for an id whose product is not for sale.
    #[graphql(cache_control(max_age = 60))]
    async fn products(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The products' ids, `prd_…`, at most 100.")] ids: Vec<ID>,
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
        Ok(ids
            .iter()
            .map(|id| product(id).map(Product::Whole))
            .collect())
    }

    /// Whether personalized results are better than others, in figures. Requires the scope `support`; null without it.
    #[graphql(cache_control(no_cache), requires_scopes = "support")]
    async fn search_experiment(
        &self,
        context: &Context<'_>,
        #[graphql(default = 14, desc = "Over how many days, from 1 to 90.")] days: i32,
    ) -> Option<ApiResult<SearchExperiment>> {
        let answer = async {
            access::scope(context, access::SUPPORT)?;
            if !(1..=MAX_DAYS).contains(&days) {
                return Err(ApiError::bad_user_input(format!(
                    "days must be from 1 to {MAX_DAYS}"
                )));
            }
            let state = context.data_unchecked::<State>();
            Ok(state.search_experiment(days).await?)
        };
        Some(answer.await)
    }

    #[graphql(entity)]
    async fn customer(&self, id: ID) -> Option<Customer> {
        IdKind::Customer.parse(&id).map(|id| Customer { id })
    }

    /// Includes products that are no longer for sale, since old orders still show them.
    #[graphql(entity)]
    async fn product_entity(&self, context: &Context<'_>, id: ID) -> ApiResult<Option<Product>> {
        match IdKind::Product.parse(&id) {
            Some(id) => Product::resolve_reference(context, id).await,
            None => Ok(None),
        }
    }
}

fn check_length(name: &str, text: &str) -> ApiResult<()> {
    if text.chars().count() > MAX_QUERY {
        return Err(ApiError::bad_user_input(format!(
            "{name} must have at most {MAX_QUERY} characters"
        )));
    }
    Ok(())
}
