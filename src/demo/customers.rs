//! Demo customers. They have numbers instead of invented names.

use rand::RngExt;
use uuid::Uuid;

use super::places::{PLACES, Place};
use super::{Plan, Stream};

/// The customer that `vantage token --demo` signs in: the shop's first.
pub(crate) const DEMO_CUSTOMER_EMAIL: &str = "demo@vantage.example";

/// Customers the web pages offer to sign in as; the demo customer comes first.
pub(crate) const SIGN_IN_EMAILS: [&str; 3] = [
    DEMO_CUSTOMER_EMAIL,
    "customer1@vantage.example",
    "customer2@vantage.example",
];

pub(super) struct Customer {
    pub(super) id: Uuid,
    pub(super) email: String,
    pub(super) name: String,
    pub(super) place: &'static Place,
    pub(super) card_last4: String,
}

impl Plan {
    /// The customer with this index; 0 is the demo customer.
    pub(super) fn customer(&self, index: u32) -> Customer {
        let mut random = self.random(Stream::Customer, index.into());
        let (email, name, place) = if index == 0 {
            (
                DEMO_CUSTOMER_EMAIL.to_owned(),
                "Demo Customer".to_owned(),
                0,
            )
        } else {
            let place = random.random_range(0..PLACES.len());
            (
                format!("customer{index}@vantage.example"),
                format!("Customer {index}"),
                place,
            )
        };
        Customer {
            id: self.id(Stream::Customer, index.into()),
            email,
            name,
            place: &PLACES[place],
            card_last4: format!("{:04}", random.random_range(0..10_000)),
        }
    }
}
