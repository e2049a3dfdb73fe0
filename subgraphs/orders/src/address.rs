//! The GraphQL type `Address`.

use async_graphql::SimpleObject;
use entities::orders::order as entity;

/// A postal address as of when the order was placed.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Address {
    /// The recipient.
    pub name: String,
    /// Street and number, or PO box.
    pub line1: String,
    /// Apartment, floor, company, or whatever else the carrier needs.
    pub line2: Option<String>,
    /// City, town or village.
    pub city: String,
    /// State, province or prefecture, where the country has them. In the US and Canada its code, such as "TX".
    pub region: Option<String>,
    /// In the country's format; empty for countries without postal codes.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2 code, such as "US".
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
