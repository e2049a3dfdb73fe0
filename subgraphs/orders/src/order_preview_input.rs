//! The input of `orderPreview`.

use async_graphql::InputObject;
use resolvers::money::CurrencyCode;

use crate::order_place_input::{AddressInput, OrderPlaceItemInput};

/// An order to preview.
#[derive(Clone, Debug, InputObject)]
pub(crate) struct OrderPreviewInput {
    /// The products, 1 to 50. A repeated product becomes one line.
    pub items: Vec<OrderPlaceItemInput>,
    /// The currency of the payment. By default that of the destination country.
    pub currency: Option<CurrencyCode>,
    /// Where to send the order. Without it, tax is missing and shipping is that of the first zone.
    pub shipping_address: Option<AddressInput>,
    /// The address of the bill, if it differs from the shipping address.
    pub billing_address: Option<AddressInput>,
    /// The code of a way of shipping, such as "express"; by default the first one of the destination.
    pub shipping_option: Option<String>,
    /// Whether to pay with the customer's store credit first.
    #[graphql(default)]
    pub use_store_credit: bool,
}
