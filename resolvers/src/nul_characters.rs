//! Rejects characters that no input may contain, before a request is executed, so that the result does not depend on
//! the database behind a field.

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{ErrorExtensionValues, Request, Response, ServerError, Value};
use async_graphql_value::Value as Literal;

use crate::error::ErrorCode;

/// The response to a request with a text that PostgreSQL cannot store, because it contains U+0000.
pub(crate) fn reject(request: &mut Request) -> Option<Response> {
    let found = request.variables.values().any(has_nul)
        // A document that does not parse is rejected by the executor.
        || request.parsed_query().is_ok_and(document_has_nul);
    found.then(|| {
        let mut error = ServerError::new("A text must not contain the character U+0000", None);
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", ErrorCode::BadUserInput.as_str());
        error.extensions = Some(extensions);
        Response::from_errors(vec![error])
    })
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::List(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.values().any(has_nul),
        _ => false,
    }
}

fn document_has_nul(document: &ExecutableDocument) -> bool {
    let operation_has_nul = |operation: &OperationDefinition| {
        let mut defaults = operation
            .variable_definitions
            .iter()
            .filter_map(|variable| variable.node.default_value.as_ref());
        defaults.any(|default| has_nul(&default.node))
            || selections_have_nul(&operation.selection_set.node)
    };
    let in_operations = match &document.operations {
        DocumentOperations::Single(operation) => operation_has_nul(&operation.node),
        DocumentOperations::Multiple(operations) => operations
            .values()
            .any(|operation| operation_has_nul(&operation.node)),
    };
    in_operations
        || document
            .fragments
            .values()
            .any(|fragment| selections_have_nul(&fragment.node.selection_set.node))
}

fn selections_have_nul(selections: &SelectionSet) -> bool {
    selections
        .items
        .iter()
        .any(|selection| match &selection.node {
            Selection::Field(field) => {
                let mut arguments = field.node.arguments.iter();
                arguments.any(|(_, value)| literal_has_nul(&value.node))
                    || selections_have_nul(&field.node.selection_set.node)
            }
            Selection::InlineFragment(fragment) => {
                selections_have_nul(&fragment.node.selection_set.node)
            }
            Selection::FragmentSpread(_) => false,
        })
}

fn literal_has_nul(literal: &Literal) -> bool {
    match literal {
        Literal::String(text) => text.contains('\0'),
        Literal::List(items) => items.iter().any(literal_has_nul),
        Literal::Object(fields) => fields.values().any(literal_has_nul),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::Variables;
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_with_nul_are_found_wherever_they_are() {
        for document in [
            r#"{ a(b: "x\u0000") }"#,
            r#"{ a { b(c: [{d: "\u0000"}]) } }"#,
            r#"{ ... on A { b(c: "\u0000") } }"#,
            r#"{ ...F } fragment F on A { b(c: "\u0000") }"#,
            r#"query($a: String = "\u0000") { b(c: $a) }"#,
            r#"query A { a } mutation B { b(c: "\u0000") }"#,
        ] {
            assert!(reject(&mut Request::new(document)).is_some(), "{document}");
        }
        for variables in [
            json!({ "a": "\u{0}" }),
            json!({ "a": [{ "b": "x\u{0}y" }] }),
        ] {
            let mut request = Request::new("{ a }").variables(Variables::from_json(variables));
            let refused = reject(&mut request).expect("refused");
            let code = refused.errors[0]
                .extensions
                .as_ref()
                .and_then(|e| e.get("code"));
            assert_eq!(code, Some(&Value::from("BAD_USER_INPUT")));
        }
        for document in [r#"{ a(b: "\u0001 \\u0000") }"#, "{", "{ a(b: E, c: 1) }"] {
            assert!(reject(&mut Request::new(document)).is_none(), "{document}");
        }
    }
}
