//! What an order is placed with.

use async_graphql::{ID, InputObject};
use resolvers::money::CurrencyCode;
use serde::Serialize;

#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct OrderPlaceInput {
    /// A product named twice is one line.
    pub items: Vec<OrderPlaceItemInput>,
    /// What to pay in. Without it: the currency of the country that the order goes to.
    pub currency: Option<CurrencyCode>,
    pub shipping_address: AddressInput,
    /// When it is another than where the order goes to.
    pub billing_address: Option<AddressInput>,
    /// From the payment provider's form in the browser, or of a saved payment method: `pm_…`, `tok_…` or
    /// `src_…`. Never a card's number.
    pub payment_method_token: String,
}

#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct OrderPlaceItemInput {
    pub product_id: ID,
    pub quantity: i32,
}

/// A postal address.
#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct AddressInput {
    /// Who receives it.
    pub name: String,
    pub line1: String,
    pub line2: Option<String>,
    pub city: String,
    /// State, province or prefecture, where the country has them. The US and Canada need it, by its code
    /// or name: the tax follows it.
    pub region: Option<String>,
    /// In the form of the country's.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2, "US".
    pub country_code: String,
}
