//! The GraphQL type `Product`. This domain owns its text and attributes; pricing adds prices, and returns and orders
//! refer to it.

use std::sync::Arc;

use async_graphql::{ID, Object};
use entities::search::product as entity;
use resolvers::id::IdKind;

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
    async fn image_url(&self) -> Option<&str> {
        self.0.image_url.as_deref()
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
}
