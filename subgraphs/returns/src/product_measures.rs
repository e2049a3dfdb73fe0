//! Loads what labels need to know of products from the search subgraph: weight, size, and what customs ask.

use std::collections::HashMap;

use platform::caller::Caller;
use resolvers::client::Document;
use resolvers::id::IdKind;
use serde::Deserialize;
use uuid::Uuid;

use crate::State;
use crate::representations::{Entities, representations};
use crate::rules::parcel::Measures;
use crate::tasks::TaskError;

static DOCUMENT: Document = Document::new(
    "query($representations: [_Any!]!) {
  _entities(representations: $representations) {
    ... on Product {
      id weightGrams dimensions { lengthMm widthMm heightMm } hsCode originCountry
    }
  }
}",
);

/// What is known of a product.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProductMeasures {
    pub measures: Measures,
    pub hs_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub origin_country: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Product {
    id: String,
    weight_grams: Option<i32>,
    dimensions: Option<Dimensions>,
    hs_code: Option<String>,
    origin_country: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dimensions {
    length_mm: i32,
    width_mm: i32,
    height_mm: i32,
}

/// By product; none for products that the catalog does not know, and none at all without a catalog.
pub(crate) async fn load(
    state: &State,
    products: &[Uuid],
) -> Result<HashMap<Uuid, ProductMeasures>, TaskError> {
    let (Some(search), false) = (&state.search, products.is_empty()) else {
        return Ok(HashMap::new());
    };
    let variables = representations("Product", IdKind::Product, products);
    let answer: Entities<Product> = search
        .query(&Caller::default(), &DOCUMENT, variables)
        .await
        .map_err(|error| TaskError::Catalog(error.to_string()))?;
    let known = answer.entities.into_iter().flatten().filter_map(|product| {
        let measures = Measures {
            grams: product.weight_grams,
            millimetres: product
                .dimensions
                .map(|size| [size.length_mm, size.width_mm, size.height_mm]),
        };
        let measures = ProductMeasures {
            measures,
            hs_code: product.hs_code,
            origin_country: product.origin_country,
        };
        Some((IdKind::Product.parse(&product.id)?, measures))
    });
    Ok(known.collect())
}
