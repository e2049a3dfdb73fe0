//! Reads which operation a document contains, without a schema.

use graphql_tools::parser::query::Definition;

use super::document::operation_name;
use super::parser::{self, ParseError};
use super::prepared_operation::OperationKind;

/// A document's only operation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) kind: OperationKind,
    pub(crate) name: Option<String>,
}

/// Why a document is not a single operation.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OutlineError {
    #[error("{message} (line {line}, column {column})")]
    Syntax {
        message: String,
        line: usize,
        column: usize,
    },
    #[error("its brackets are nested more than {} deep", parser::MAX_NESTING)]
    TooDeep,
    #[error("it has {0} operations, and must have one")]
    Operations(usize),
}

/// Reads a document of one operation and its fragments.
pub(crate) fn outline(text: &str) -> Result<Outline, OutlineError> {
    let parsed = parser::parse(text).map_err(|error| match error {
        ParseError::Syntax { message, position } => OutlineError::Syntax {
            message,
            line: position.line,
            column: position.column,
        },
        ParseError::TooDeep => OutlineError::TooDeep,
    })?;
    let mut operations =
        parsed
            .document
            .definitions
            .iter()
            .filter_map(|definition| match definition {
                Definition::Operation(operation) => Some(operation),
                Definition::Fragment(_) => None,
            });
    match (operations.next(), operations.count()) {
        (Some(operation), 0) => Ok(Outline {
            kind: OperationKind::of(operation),
            name: operation_name(operation).map(str::to_owned),
        }),
        (None, _) => Err(OutlineError::Operations(0)),
        (Some(_), more) => Err(OutlineError::Operations(1 + more)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_operation_is_found_between_fragments() {
        let check = |text: &str, kind: OperationKind, name: Option<&str>| {
            let name = name.map(str::to_owned);
            assert_eq!(outline(text), Ok(Outline { kind, name }), "{text}");
        };
        check("{ a }", OperationKind::Query, None);
        check(
            "fragment F on T { a } mutation M { b { ...F } }",
            OperationKind::Mutation,
            Some("M"),
        );
        check(
            "\"words\" subscription S { a }",
            OperationKind::Subscription,
            Some("S"),
        );
    }

    #[test]
    fn what_is_not_one_operation_is_refused() {
        let check = |text: &str, why: &str| {
            let error = outline(text).expect_err(text).to_string();
            assert!(error.contains(why), "{error}");
        };
        check("{ a", "line 1");
        check("fragment F on T { a }", "0 operations");
        check("query A { a } query B { b }", "2 operations");
        check(&"{ a ".repeat(60), "nested");
    }
}
