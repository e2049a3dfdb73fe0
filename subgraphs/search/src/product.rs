//! The GraphQL type `Product`. This domain owns its text and attributes; pricing adds prices, and returns and orders
//! refer to it.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entities::search::product as entity;
use resolvers::id::IdKind;

use crate::State;

#[derive(Clone, Debug)]
pub(crate) struct Product(pub Arc<entity::Model>);

/// A product that the shop sells or has sold, visible to everyone.
#[Object(cache_control(max_age = 60))]
impl Product {
    /// Globally unique id: `prd_` followed by 26 characters.
    async fn id(&self) -> ID {
        IdKind::Product.id(self.0.id)
    }

    /// The name to show to shoppers.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// What the product is, in a few sentences of plain text.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The name of the brand; null if the product has none.
    async fn brand(&self) -> Option<&str> {
        self.0.brand.as_deref()
    }

    /// The name of the category.
    async fn category(&self) -> &str {
        &self.0.category
    }

    /// The URL of a picture; null if there is none.
    async fn image_url(&self, context: &Context<'_>) -> Option<Cow<'_, str>> {
        let url = self.0.image_url.as_deref()?;
        Some(match url.strip_prefix('/') {
            Some(_) => {
                let public_url = &context.data_unchecked::<State>().public_url;
                format!("{public_url}{url}").into()
            }
            None => url.into(),
        })
    }

    /// The average rating of its reviews, from 1 to 5; null without reviews.
    async fn rating(&self) -> Option<f64> {
        self.0.rating
    }

    /// How many reviews there are.
    async fn review_count(&self) -> i32 {
        self.0.review_count
    }

    /// How many units are in stock.
    async fn available_quantity(&self) -> i32 {
        self.0.available_quantity
    }

    /// Whether the product is for sale. One that is not only appears in old orders.
    async fn active(&self) -> bool {
        self.0.active
    }

    /// Whether at least one unit is in stock.
    async fn in_stock(&self) -> bool {
        self.0.available_quantity > 0
    }

    /// What one packed unit weighs, in grams; null if it is not known or nothing is shipped.
    async fn weight_grams(&self) -> Option<i32> {
        self.0.weight_grams
    }

    /// The size of one packed unit; null if it is not known or nothing is shipped.
    async fn dimensions(&self) -> Option<ProductDimensions> {
        Some(ProductDimensions {
            length_mm: self.0.length_mm?,
            width_mm: self.0.width_mm?,
            height_mm: self.0.height_mm?,
        })
    }

    /// Its class in the Harmonized System of customs authorities: 6 digits, or more in a country's own tariff.
    async fn hs_code(&self) -> Option<&str> {
        self.0.hs_code.as_deref()
    }

    /// The country where it was made (ISO 3166-1 alpha-2), for customs.
    async fn origin_country(&self) -> Option<&str> {
        self.0.origin_country.as_deref()
    }
}

/// The size of a packed product.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub(crate) struct ProductDimensions {
    /// In millimetres.
    length_mm: i32,
    /// In millimetres.
    width_mm: i32,
    /// In millimetres.
    height_mm: i32,
}
