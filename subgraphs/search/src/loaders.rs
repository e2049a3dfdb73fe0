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

pub(crate) struct Loaders {
    pub products: Batched<ProductById>,
}

impl Loaders {
    pub(crate) fn new(state: &State, batches: &Batches) -> Self {
        Self {
            products: batches.loader(ProductById(state.database.clone())),
        }
    }
}
