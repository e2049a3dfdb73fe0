//! Errors of creating a return that the customer can fix.

use async_graphql::{ComplexObject, Interface, SimpleObject, Union};
use resolvers::user_error::{InputError, UserErrorCode, UserErrorType};

use crate::return_eligibility::IneligibilityReason;
use crate::rules::eligibility::Ineligible;

/// The items may not be returned.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct ReturnIneligible {
    /// An explanation in English for the customer. Those of `reasons` are more precise.
    pub message: String,
    /// Always `RETURN_INELIGIBLE`.
    pub code: UserErrorCode,
    /// Always null, because it concerns the whole input.
    pub field: Option<Vec<String>>,
    /// Every rule that prevents the return.
    pub reasons: Vec<IneligibilityReason>,
}

#[ComplexObject]
impl ReturnIneligible {
    /// The code as an enumeration.
    #[graphql(name = "type")]
    async fn error_type(&self) -> UserErrorType {
        self.code.into()
    }
}

impl ReturnIneligible {
    pub(crate) fn new(failures: &[Ineligible]) -> Self {
        Self {
            message: "This order is not eligible for return".to_owned(),
            code: UserErrorCode::ReturnIneligible,
            field: None,
            reasons: failures.iter().map(IneligibilityReason::from).collect(),
        }
    }
}

/// Why a return was not created: the input is wrong, or a rule prevents the return.
#[derive(Clone, Debug, Union)]
pub(crate) enum ReturnCreateError {
    Ineligible(ReturnIneligible),
    Input(InputError),
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
pub(crate) enum UserError {
    Input(InputError),
    Ineligible(ReturnIneligible),
}
