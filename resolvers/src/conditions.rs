//! Resolves `@skip` and `@include` before async-graphql sees a document. async-graphql ignores defaults of variables
//! there, treats variables used only in a condition on `__typename` as unused, and returns null for an object without
//! any remaining fields, where the specification requires `{}`: for such objects the type is selected under a key that
//! is removed again.

mod decide;
mod empty;

pub(crate) use decide::decide;

#[cfg(test)]
mod tests;
