//! The input of `orderPlace`.

use async_graphql::{ID, InputObject};
use resolvers::money::CurrencyCode;
use resolvers::money_input::MoneyInput;
use serde::Serialize;

/// An order to place.
#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct OrderPlaceInput {
    /// The products to order, 1 to 50. A repeated product becomes one line.
    pub items: Vec<OrderPlaceItemInput>,
    /// The currency of the payment. By default that of the destination country, or US dollars if it has no exchange rate.
    pub currency: Option<CurrencyCode>,
    /// Where to send the order. Tax and shipping depend on it.
    pub shipping_address: AddressInput,
    /// The address of the bill, if it differs from the shipping address.
    pub billing_address: Option<AddressInput>,
    /// The code of a way of shipping, such as "express"; by default the first one of the destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_option: Option<String>,
    /// What the customer has agreed to pay: the total of `orderPreview`. If it would be another one, nothing is ordered,
    /// and the payload has the error TOTAL_CHANGED with a new preview.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_total: Option<MoneyInput>,
    /// Whether to pay with the customer's store credit first. The payment method pays the rest.
    #[graphql(default)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub use_store_credit: bool,
    /// A token from the payment provider's form in the browser, or of a saved payment method: `pm_…`, `tok_…` or
    /// `src_…`. Never a card number.
    pub payment_method_token: String,
}

/// A product to order.
#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct OrderPlaceItemInput {
    /// The product's id, `prd_…`.
    pub product_id: ID,
    /// How many units, from 1 to 99 of each product.
    pub quantity: i32,
}

/// A postal address. Each part has at most 200 characters.
#[derive(Clone, Debug, InputObject, Serialize)]
pub(crate) struct AddressInput {
    /// The recipient.
    pub name: String,
    /// Street and number, or PO box.
    pub line1: String,
    /// Apartment, floor, company, or whatever else the carrier needs.
    pub line2: Option<String>,
    /// City, town or village.
    pub city: String,
    /// State, province or prefecture, where the country has them. Required in the US and Canada, by code or name,
    /// because the tax depends on it. US territories and military addresses are regions of the US, too: `PR`, `AE`.
    pub region: Option<String>,
    /// In the country's format, and in the US one that the region uses. Empty for countries without postal codes.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2 code, such as "US".
    pub country_code: String,
}
