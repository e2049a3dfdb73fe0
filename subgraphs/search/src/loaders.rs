//! DataLoaders over the finders of `entities::search`, created for each request.

use std::sync::Arc;

use entities::search::product;
use resolvers::batch::{Batched, Batches};
use resolvers::finder_loader;
use uuid::Uuid;

use crate::State;

finder_loader! {
    /// Products by id, active or not.
    ProductById: Uuid => Arc<product::Model>, product::by_ids
}

finder_loader! {
    /// What most pages show of products, by id, active or not.
    ProductSummaryById: Uuid => Arc<product::Summary>, product::summaries
}

pub(crate) struct Loaders {
    pub products: Batched<ProductById>,
    pub product_summaries: Batched<ProductSummaryById>,
}

impl Loaders {
    pub(crate) fn new(state: &State, batches: &Batches) -> Self {
        Self {
            products: batches.loader(ProductById(state.database.clone())),
            product_summaries: batches.loader(ProductSummaryById(state.database.clone())),
        }
    }
}
