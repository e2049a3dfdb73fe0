//! The GraphQL type `StockShortage`: a product of which there is less than wanted.

use async_graphql::SimpleObject;
use resolvers::id::IdKind;
use resolvers::user_error::{InputError, UserErrorCode};

use crate::input::ParsedLine;
use crate::order_item::Product;
use crate::rules::stock::Shortage;

/// A product of which there is less than wanted.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct StockShortage {
    /// The product.
    pub product: Product,
    /// How many units the order needs.
    pub wanted: i32,
    /// How many units there are.
    pub available_quantity: i32,
}

impl From<&Shortage> for StockShortage {
    fn from(shortage: &Shortage) -> Self {
        Self {
            product: Product {
                id: IdKind::Product.id(shortage.product),
            },
            wanted: shortage.wanted,
            available_quantity: shortage.available,
        }
    }
}

/// An error for each item of which there is not enough.
pub(crate) fn errors(lines: &[ParsedLine], shortages: &[Shortage]) -> Vec<InputError> {
    let errors = shortages.iter().map(|shortage| {
        let line = lines.iter().find(|line| line.product == shortage.product);
        let message = match shortage.available {
            0 => "This product is out of stock".to_owned(),
            left => format!("Only {left} of this product are left"),
        };
        let index = line.map_or(0, |line| line.index).to_string();
        InputError::new(
            UserErrorCode::OutOfStock,
            message,
            &["input", "items", &index, "quantity"],
        )
    });
    errors.collect()
}
