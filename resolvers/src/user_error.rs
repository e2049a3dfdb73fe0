//! Errors that the shopper can fix, returned in a mutation's payload: a message, a code and the input field.

use async_graphql::{Interface, SimpleObject};
use serde::{Deserialize, Serialize};

pub use crate::user_error_code::UserErrorCode;

/// An error in the input. `field` is the path from the mutation's arguments to the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, SimpleObject)]
#[graphql(shareable)]
pub struct InputError {
    pub message: String,
    pub code: UserErrorCode,
    pub field: Option<Vec<String>>,
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

/// The fields of every user error. A domain whose errors have more fields implements it with its own type.
#[derive(Clone, Debug, Interface)]
#[graphql(
    field(name = "message", ty = "&String"),
    field(name = "code", ty = "&UserErrorCode"),
    field(name = "field", ty = "&Option<Vec<String>>")
)]
pub enum UserError {
    InputError(InputError),
}
