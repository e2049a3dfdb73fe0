//! Rejects characters that no input may contain, before a request is executed, so that the result does not depend on
//! the database behind a field. Representations are left to `entities`, which rejects each individually.

use async_graphql::parser::types::{
    BaseType, DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{ErrorExtensionValues, Name, Request, Response, ServerError, Value};
use async_graphql_value::Value as Literal;

use crate::error::ErrorCode;

pub(crate) const MESSAGE: &str = "A text must not contain the character U+0000";

/// The scalar of representations, which only `_entities` takes.
const REPRESENTATION: &str = "_Any";

/// The response to a request with a text that PostgreSQL cannot store, because it contains U+0000.
pub(crate) fn reject(request: &mut Request) -> Option<Response> {
    let in_variables: Vec<_> = request
        .variables
        .iter()
        .filter(|(_, value)| has_nul(value))
        .map(|(name, _)| name.clone())
        .collect();
    let found = match request.parsed_query() {
        Ok(document) => {
            in_variables
                .iter()
                .any(|name| !is_of_representations(document, name))
                || document_has_nul(document)
        }
        // A document that does not parse is rejected by the executor.
        Err(_) => !in_variables.is_empty(),
    };
    found.then(|| {
        let mut error = ServerError::new(MESSAGE, None);
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", ErrorCode::BadUserInput.as_str());
        error.extensions = Some(extensions);
        Response::from_errors(vec![error])
    })
}

/// Whether every operation that declares the variable takes representations in it.
fn is_of_representations(document: &ExecutableDocument, variable: &Name) -> bool {
    let mut types = document
        .operations
        .iter()
        .flat_map(|(_, operation)| &operation.node.variable_definitions)
        .filter(|definition| definition.node.name.node == *variable)
        .map(|definition| innermost(&definition.node.var_type.node.base))
        .peekable();
    types.peek().is_some() && types.all(|name| name == REPRESENTATION)
}

fn innermost(base: &BaseType) -> &str {
    match base {
        BaseType::Named(name) => name,
        BaseType::List(items) => innermost(&items.base),
    }
}

pub(crate) fn has_nul(value: &Value) -> bool {
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
                let is_entities = field.node.name.node == "_entities";
                let mut arguments = field.node.arguments.iter();
                (!is_entities && arguments.any(|(_, value)| literal_has_nul(&value.node)))
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
        // Each representation is rejected individually.
        let document =
            "query($of: [_Any!]!, $a: String) { _entities(representations: $of) { b(c: $a) } }";
        for (variables, is_refused) in [
            (json!({ "of": [{ "id": "\u{0}" }] }), false),
            (json!({ "of": [], "a": "\u{0}" }), true),
            (json!({ "unknown": "\u{0}" }), true),
        ] {
            let mut request = Request::new(document).variables(Variables::from_json(variables));
            assert_eq!(reject(&mut request).is_some(), is_refused);
        }
        for document in [
            r#"{ a(b: "\u0001 \\u0000") }"#,
            "{",
            "{ a(b: E, c: 1) }",
            r#"{ _entities(representations: [{id: "\u0000"}]) { id } }"#,
        ] {
            assert!(reject(&mut Request::new(document)).is_none(), "{document}");
        }
    }
}
