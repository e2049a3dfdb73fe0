//! `@skip` and `@include`, decided before async-graphql sees a document. It knows no defaults of variables there, takes
//! variables that only a `__typename` is conditional on for unused, and answers null for an object of which nothing is
//! left, where the specification has `{}`: such an object is asked for its type, under a key that is taken out again.

mod decide;
mod empty;

pub(crate) use decide::decide;

#[cfg(test)]
mod tests;
