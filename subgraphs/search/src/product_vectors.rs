//! Vectors of products: those of an imported file, or else computed from their texts.

use std::collections::HashMap;

use entities::search::{product, product_vector};
use sea_orm::DbErr;
use uuid::Uuid;

use crate::State;
use crate::engine::{Document, ProductVector};

/// Ids in one statement.
const IDS: usize = 10_000;

impl State {
    /// The products as engines index them.
    pub(crate) async fn documents(
        &self,
        products: Vec<product::Model>,
    ) -> Result<Vec<Document>, DbErr> {
        let ids: Vec<Uuid> = products.iter().map(|product| product.id).collect();
        let mut imported = HashMap::new();
        for ids in ids.chunks(IDS) {
            imported.extend(product_vector::by_products(self.database.read(), ids).await?);
        }
        let document = |product: product::Model| {
            let vector = imported.get(&product.id);
            match vector.and_then(|bytes| ProductVector::from_bytes(bytes)) {
                Some(vector) => Document {
                    product,
                    vector: Some(vector),
                },
                None => Document::new(product),
            }
        };
        Ok(products.into_iter().map(document).collect())
    }
}
