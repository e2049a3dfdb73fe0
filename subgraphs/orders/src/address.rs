//! The GraphQL type `Address`.

use async_graphql::SimpleObject;
use entities::orders::order as entity;

/// A postal address as of when the order was placed.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Address {
    /// The recipient.
    pub name: String,
    pub line1: String,
    pub line2: Option<String>,
    pub city: String,
    /// State, province or prefecture, where the country has them.
    pub region: Option<String>,
    pub postal_code: String,
    /// ISO 3166-1 alpha-2, "US".
    pub country_code: String,
}

impl From<&entity::Address> for Address {
    fn from(stored: &entity::Address) -> Self {
        let stored = stored.clone();
        Self {
            name: stored.name,
            line1: stored.line1,
            line2: stored.line2,
            city: stored.city,
            region: stored.region,
            postal_code: stored.postal_code,
            country_code: stored.country_code,
        }
    }
}
