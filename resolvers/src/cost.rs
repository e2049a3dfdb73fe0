//! Field costs as in the cost specification. They bound operations before they run, and rate limits count them.

use async_graphql::TypeDirective;

/// The cost of a call to a third party; reading one object costs 1.
pub const THIRD_PARTY: i32 = 50;

/// The cost of a search in the engine's index, in the same units.
pub const SEARCH: i32 = 10;

/// The field's own cost, which replaces its type's.
#[TypeDirective(location = "FieldDefinition")]
pub fn cost(weight: i32) {}

/// The maximum length of the field's list: fixed, or given by one of these arguments.
#[TypeDirective(location = "FieldDefinition", name = "listSize")]
pub fn list_size(
    assumed_size: Option<i32>,
    slicing_arguments: Option<Vec<String>>,
    sized_fields: Option<Vec<String>>,
    #[graphql(default_with = "Some(true)")] require_one_slicing_argument: Option<bool>,
) {
}
