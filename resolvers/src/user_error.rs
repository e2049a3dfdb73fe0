//! Errors that the shopper can fix, returned in a mutation's payload: a message, a code and the input field.

use async_graphql::{ComplexObject, Interface, SimpleObject};
use serde::{Deserialize, Serialize};

pub use crate::user_error_code::{UserErrorCode, UserErrorType};

/// An error that the caller can correct.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
#[graphql(complex, shareable)]
pub struct InputError {
    /// An explanation in English for the customer. It may change; programs should use the code.
    pub message: String,
    /// The code as a string; `docs/errors.md` explains each.
    pub code: UserErrorCode,
    /// The path from the mutation's arguments to the value, such as ["input", "items", "0", "quantity"]; null if the error
    /// concerns the whole input.
    pub field: Option<Vec<String>>,
}

#[ComplexObject]
impl InputError {
    /// The code as an enumeration.
    #[graphql(name = "type")]
    async fn error_type(&self) -> UserErrorType {
        self.code.into()
    }
}

impl InputError {
    pub fn new(code: UserErrorCode, message: impl Into<String>, field: &[&str]) -> Self {
        Self {
            message: message.into(),
            code,
            field: Some(field.iter().map(|&name| name.to_owned()).collect()),
        }
    }
}

/// An error in `userErrors`. Types that implement it may have further fields.
#[derive(Clone, Debug, Interface)]
#[graphql(
    field(
        name = "message",
        ty = "&String",
        desc = "An explanation in English for the customer. It may change; programs should use the code."
    ),
    field(
        name = "code",
        ty = "&UserErrorCode",
        desc = "The code as a string; `docs/errors.md` explains each."
    ),
    field(
        name = "field",
        ty = "&Option<Vec<String>>",
        desc = "The path from the mutation's arguments to the value; null if the error concerns the whole input."
    )
)]
pub enum UserError {
    InputError(InputError),
}
