//! The input of `orderPlace`.

use async_graphql::{ID, InputObject};
use resolvers::money::CurrencyCode;
use serde::Serialize;

#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct OrderPlaceInput {
    /// Repeated products are merged into one line.
    pub items: Vec<OrderPlaceItemInput>,
    /// The currency of the payment. Default: the currency of the destination country.
    pub currency: Option<CurrencyCode>,
    pub shipping_address: AddressInput,
    /// If it differs from the shipping address.
    pub billing_address: Option<AddressInput>,
    /// A token from the payment provider's form in the browser, or of a saved payment method: `pm_…`, `tok_…` or
    /// `src_…`. Never a card number.
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
    /// The recipient.
    pub name: String,
    pub line1: String,
    pub line2: Option<String>,
    pub city: String,
    /// State, province or prefecture, where the country has them. Required in the US and Canada, by code or name,
    /// because the tax depends on it. US territories and military addresses are regions of the US, too: `PR`, `AE`.
    pub region: Option<String>,
    /// In the country's format, and in the US of the region. Empty in countries without postal codes.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2, "US".
    pub country_code: String,
}
