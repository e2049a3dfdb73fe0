//! The GraphQL type `Product`. This domain owns its text and attributes; pricing adds prices, and returns and orders
//! refer to it.

use std::sync::Arc;

use async_graphql::{ID, Object};
use entities::search::product as entity;
use resolvers::id::IdKind;

#[derive(Clone, Debug)]
pub(crate) struct Product(pub Arc<entity::Model>);

/// A product that the shop sells or has sold.
#[Object(cache_control(max_age = 60))]
impl Product {
    async fn id(&self) -> ID {
        IdKind::Product.id(self.0.id)
    }

    async fn title(&self) -> &str {
        &self.0.title
    }

    async fn description(&self) -> &str {
        &self.0.description
    }

    async fn brand(&self) -> Option<&str> {
        self.0.brand.as_deref()
    }

    async fn category(&self) -> &str {
        &self.0.category
    }

    async fn image_url(&self) -> Option<&str> {
        self.0.image_url.as_deref()
    }

    /// Average review rating, 1 to 5; null without reviews.
    async fn rating(&self) -> Option<f64> {
        self.0.rating
    }

    async fn review_count(&self) -> i32 {
        self.0.review_count
    }

    async fn available_quantity(&self) -> i32 {
        self.0.available_quantity
    }

    /// Whether it is for sale; false for a product that only appears in old orders.
    async fn active(&self) -> bool {
        self.0.active
    }

    async fn in_stock(&self) -> bool {
        self.0.available_quantity > 0
    }
}
