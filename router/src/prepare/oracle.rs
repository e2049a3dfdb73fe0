//! Compares the parser with graphql-js; `router/language/run.sh` installs that and runs this.

use graphql_tools::parser::Pos;
use graphql_tools::static_graphql::query::{
    Definition, Directive, OperationDefinition, Selection, SelectionSet, TypeCondition, Value,
    VariableDefinition,
};
use serde_json::{Value as Json, json};

use super::numbers;
use super::parser::{ParseError, ParsedDocument, parse};
use crate::graphql_js::Cases;

#[test]
#[ignore = "needs Node.js and its packages: run router/language/run.sh"]
fn graphql_js_reads_the_same() {
    let (mut read, mut refused) = (0, 0);
    for case in Cases::of("cases.mjs") {
        let text = case["text"].as_str().expect("a text");
        match parse(text) {
            Ok(parsed) => {
                read += 1;
                assert_eq!(case["error"], Json::Null, "it is read: {text:?}");
                assert_eq!(json!(nodes(&parsed)), case["nodes"], "{text:?}");
            }
            Err(ParseError::Syntax { position, message }) => {
                refused += 1;
                let place = json!([position.line, position.column]);
                assert_eq!(place, case["error"], "{message} {text:?}");
            }
            Err(ParseError::TooDeep) => panic!("no document is nested so deep: {text:?}"),
        }
    }
    println!("{read} documents were read alike, {refused} refused alike");
    assert!(read > refused && refused > 0);
}

/// The nodes of a document, outermost first, in the form of `cases.mjs`.
fn nodes(parsed: &ParsedDocument) -> Vec<Json> {
    let mut nodes = Vec::new();
    for definition in &parsed.document.definitions {
        match definition {
            Definition::Operation(operation) => of_operation(operation, &mut nodes),
            Definition::Fragment(fragment) => {
                let TypeCondition::On(on) = &fragment.type_condition;
                let Pos { line, column } = fragment.position;
                nodes.push(json!(["Fragment", fragment.name, on, line, column]));
                of_directives(&fragment.directives, &mut nodes);
                of_selections(&fragment.selection_set, &mut nodes);
            }
        }
    }
    for (name, Pos { line, column }) in &parsed.variable_directives {
        nodes.push(json!(["VariableDirective", name, line, column]));
    }
    nodes
}

fn of_operation(operation: &OperationDefinition, nodes: &mut Vec<Json>) {
    let (kind, name, Pos { line, column }, variables, directives) = match operation {
        OperationDefinition::SelectionSet(selections) => {
            nodes.push(json!(["Selections"]));
            return of_selections(selections, nodes);
        }
        OperationDefinition::Query(query) => (
            "query",
            &query.name,
            query.position,
            &query.variable_definitions,
            &query.directives,
        ),
        OperationDefinition::Mutation(mutation) => (
            "mutation",
            &mutation.name,
            mutation.position,
            &mutation.variable_definitions,
            &mutation.directives,
        ),
        OperationDefinition::Subscription(subscription) => (
            "subscription",
            &subscription.name,
            subscription.position,
            &subscription.variable_definitions,
            &subscription.directives,
        ),
    };
    nodes.push(json!(["Operation", kind, name, line, column]));
    for VariableDefinition {
        position: Pos { line, column },
        name,
        var_type,
        default_value,
    } in variables
    {
        let ty = var_type.to_string();
        nodes.push(json!(["VariableDefinition", name, ty, line, column]));
        if let Some(default) = default_value {
            of_value(default, nodes);
        }
    }
    of_directives(directives, nodes);
    of_selections(operation.selection_set(), nodes);
}

fn of_selections(selections: &SelectionSet, nodes: &mut Vec<Json>) {
    for selection in &selections.items {
        match selection {
            Selection::Field(field) => {
                let Pos { line, column } = field.position;
                nodes.push(json!(["Field", field.alias, field.name, line, column]));
                of_arguments(&field.arguments, nodes);
                of_directives(&field.directives, nodes);
                of_selections(&field.selection_set, nodes);
            }
            Selection::FragmentSpread(spread) => {
                let Pos { line, column } = spread.position;
                nodes.push(json!(["Spread", spread.fragment_name, line, column]));
                of_directives(&spread.directives, nodes);
            }
            Selection::InlineFragment(fragment) => {
                let Pos { line, column } = fragment.position;
                let on = fragment.type_condition.as_ref();
                let on = on.map(|TypeCondition::On(name)| name);
                nodes.push(json!(["Inline", on, line, column]));
                of_directives(&fragment.directives, nodes);
                of_selections(&fragment.selection_set, nodes);
            }
        }
    }
}

fn of_directives(directives: &[Directive], nodes: &mut Vec<Json>) {
    for directive in directives {
        let Pos { line, column } = directive.position;
        nodes.push(json!(["Directive", directive.name, line, column]));
        of_arguments(&directive.arguments, nodes);
    }
}

fn of_arguments(arguments: &[(String, Value)], nodes: &mut Vec<Json>) {
    for (name, value) in arguments {
        nodes.push(json!(["Named", name]));
        of_value(value, nodes);
    }
}

fn of_value(value: &Value, nodes: &mut Vec<Json>) {
    nodes.push(match value {
        Value::Variable(name) => json!(["Variable", name]),
        Value::Int(number) => json!(["IntValue", number.as_i64().expect("a number").to_string()]),
        Value::Float(_) => panic!("a float is kept by its digits"),
        Value::String(text) => json!(["StringValue", text]),
        Value::Boolean(flag) => json!(["BooleanValue", flag]),
        Value::Null => json!(["NullValue"]),
        Value::Enum(name) => match numbers::digits(name) {
            None => json!(["EnumValue", name]),
            Some(digits) if digits.contains(['.', 'e', 'E']) => json!(["FloatValue", digits]),
            Some(digits) => json!(["IntValue", digits]),
        },
        Value::List(items) => {
            nodes.push(json!(["List", items.len()]));
            return items.iter().for_each(|item| of_value(item, nodes));
        }
        Value::Object(fields) => {
            nodes.push(json!(["Object", fields.len()]));
            return of_arguments(fields, nodes);
        }
    });
}
