//! What fields cost, by the cost specification: it bounds operations before they run, and is what rates are spent in.

use async_graphql::TypeDirective;

/// What a call of a third party costs, in units of one object that is read.
pub const THIRD_PARTY: i32 = 50;

/// What a search of the engine's index costs, in the same units.
pub const SEARCH: i32 = 10;

/// What the field costs, instead of what its type does.
#[TypeDirective(location = "FieldDefinition")]
pub fn cost(weight: i32) {}

/// How long the field's list may be: as long as it always is, or as one of these arguments says.
#[TypeDirective(location = "FieldDefinition", name = "listSize")]
pub fn list_size(
    assumed_size: Option<i32>,
    slicing_arguments: Option<Vec<String>>,
    sized_fields: Option<Vec<String>>,
    #[graphql(default_with = "Some(true)")] require_one_slicing_argument: Option<bool>,
) {
}
