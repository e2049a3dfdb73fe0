//! The GraphQL type `SearchSuggestion`.

use std::collections::HashSet;

use async_graphql::{Context, SimpleObject};
use resolvers::ApiResult;

use crate::State;
use crate::engine::Deadline;
use crate::loaders::Loaders;
use crate::product::Product;

/// A completion of a text that is being typed.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct SearchSuggestion {
    /// A query that finds something: the title of a product.
    pub text: String,
    /// The product with this title.
    pub product: Option<Product>,
}

/// Titles that contain the words, the last of which may be unfinished; without duplicates.
pub(crate) async fn suggest(
    context: &Context<'_>,
    prefix: String,
    limit: usize,
) -> ApiResult<Vec<SearchSuggestion>> {
    let State {
        engine, deadline, ..
    } = context.data_unchecked::<State>();
    // Twice as many as requested, because several products may have the same title.
    let suggested = engine.suggest(prefix, 2 * limit);
    let ids = Deadline::after(*deadline).limit(suggested).await?;
    let loaders = context.data_unchecked::<Loaders>();
    let mut products = loaders.products.load_many(ids.iter().copied()).await?;
    let mut seen = HashSet::new();
    Ok(ids
        .into_iter()
        .filter_map(|id| products.remove(&id))
        .filter(|product| seen.insert(product.title.to_lowercase()))
        .take(limit)
        .map(|product| SearchSuggestion {
            text: product.title.clone(),
            product: Some(Product::Whole(product)),
        })
        .collect())
}
