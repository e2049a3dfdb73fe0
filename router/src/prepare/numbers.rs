//! Number literals. The libraries' syntax trees have 64 bits, but a client may write any number of digits, which only
//! the type's subgraph interprets.
//!
//! So all but those of an `Int` are kept as digits in place of an enum value: no enum name begins with a digit or sign,
//! and enum values are written verbatim.

use graphql_tools::static_graphql::query::{
    Definition, Directive, Document, Selection, SelectionSet, Type, TypeCondition, Value,
};
use graphql_tools::static_graphql::schema::{InputValue, TypeDefinition};
use hive_router_planner::ast::document::Document as FetchDocument;
use hive_router_planner::ast::selection_item::SelectionItem;
use hive_router_planner::ast::selection_set::SelectionSet as FetchSelections;
use hive_router_planner::ast::value::Value as FetchValue;

use super::document::root_type;
use super::lexer::{Lexer, Token};
use super::values;
use crate::supergraph::{Schema, Supergraph, named_type};
use crate::value::number;

/// Keeps a number literal by its digits.
pub(super) fn from_digits(digits: &str) -> Value {
    Value::Enum(digits.to_owned())
}

/// The digits of a kept number, given the name of an enum value.
pub(crate) fn digits(name: &str) -> Option<&str> {
    name.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        .then_some(name)
}

/// Converts the kept numbers of a document by type: a `Float` to a float, an `ID` to a string. Those of custom scalars
/// stay as they are, and those that do not fit their type are left to validation.
pub(super) fn coerce(document: &mut Document, supergraph: &Supergraph) {
    let schema = &supergraph.schema;
    for definition in &mut document.definitions {
        match definition {
            Definition::Operation(operation) => {
                let root = root_type(operation, supergraph).to_owned();
                let (variables, directives, selections) = values::parts(operation);
                for variable in variables.into_iter().flatten() {
                    if let Some(default) = &mut variable.default_value {
                        coerce_value(default, &variable.var_type, schema);
                    }
                }
                coerce_directives(directives.into_iter().flatten(), schema);
                coerce_selections(selections, &root, schema);
            }
            Definition::Fragment(fragment) => {
                coerce_directives(&mut fragment.directives, schema);
                let TypeCondition::On(name) = &fragment.type_condition;
                coerce_selections(&mut fragment.selection_set, name, schema);
            }
        }
    }
}

fn coerce_selections(selections: &mut SelectionSet, parent: &str, schema: &Schema) {
    for selection in &mut selections.items {
        match selection {
            Selection::Field(field) => {
                coerce_directives(&mut field.directives, schema);
                if let Some(known) = schema.field(parent, &field.name) {
                    coerce_arguments(&mut field.arguments, &known.arguments, schema);
                    let inner = named_type(&known.field_type);
                    coerce_selections(&mut field.selection_set, inner, schema);
                }
            }
            Selection::InlineFragment(fragment) => {
                coerce_directives(&mut fragment.directives, schema);
                let inner = match &fragment.type_condition {
                    Some(TypeCondition::On(name)) => name.as_str(),
                    None => parent,
                };
                coerce_selections(&mut fragment.selection_set, inner, schema);
            }
            Selection::FragmentSpread(spread) => coerce_directives(&mut spread.directives, schema),
        }
    }
}

fn coerce_directives<'d>(directives: impl IntoIterator<Item = &'d mut Directive>, schema: &Schema) {
    for directive in directives {
        let mut known = schema.directives.iter();
        if let Some(known) = known.find(|known| known.name == directive.name) {
            coerce_arguments(&mut directive.arguments, &known.arguments, schema);
        }
    }
}

fn coerce_arguments(given: &mut [(String, Value)], known: &[InputValue], schema: &Schema) {
    for (name, value) in given {
        if let Some(known) = known.iter().find(|known| known.name == *name) {
            coerce_value(value, &known.value_type, schema);
        }
    }
}

fn coerce_value(value: &mut Value, ty: &Type, schema: &Schema) {
    match (ty, &mut *value) {
        (Type::NonNullType(inner), value) => coerce_value(value, inner, schema),
        (Type::ListType(inner), Value::List(items)) => {
            for item in items {
                coerce_value(item, inner, schema);
            }
        }
        (Type::ListType(inner), single) => coerce_value(single, inner, schema),
        (Type::NamedType(name), Value::Object(fields)) => {
            if let Some(TypeDefinition::InputObject(known)) = schema.types.get(name) {
                coerce_arguments(fields, &known.fields, schema);
            }
        }
        (Type::NamedType(name), Value::Enum(written)) => {
            let Some(digits) = digits(written) else {
                return;
            };
            match name.as_str() {
                "Float" => {
                    if let Some(float) = number::finite(digits) {
                        *value = Value::Float(float);
                    }
                }
                "ID" if number::is_integer(digits) => *value = Value::String(digits.to_owned()),
                _ => {}
            }
        }
        _ => {}
    }
}

/// A fetch's document for a subgraph with 64-bit numbers: longer numbers of custom scalars become strings. `None` if
/// there are none. `text` is the printed document.
pub(super) fn without_long(document: &FetchDocument, text: &str) -> Option<FetchDocument> {
    // Hardly any document has one, so avoid walking the tree.
    let is_long = |token| match token {
        Token::Int(digits) | Token::Float(digits) => !number::is_short(digits),
        _ => false,
    };
    if !Lexer::new(text).any(is_long) {
        return None;
    }
    let mut changed = document.clone();
    let mut found = false;
    shorten_selections(&mut changed.operation.selection_set, &mut found);
    for fragment in &mut changed.fragments {
        shorten_selections(&mut fragment.selection_set, &mut found);
    }
    let variables = changed.operation.variable_definitions.iter_mut().flatten();
    for variable in variables {
        if let Some(default) = &mut variable.default_value {
            shorten(default, &mut found);
        }
    }
    found.then_some(changed)
}

fn is_long(name: &str) -> bool {
    digits(name).is_some_and(|digits| !number::is_short(digits))
}

fn shorten_selections(selections: &mut FetchSelections, found: &mut bool) {
    for item in &mut selections.items {
        match item {
            SelectionItem::Field(field) => {
                if let Some(arguments) = &mut field.arguments {
                    for name in arguments.keys().cloned().collect::<Vec<_>>() {
                        if let Some(argument) = arguments.get_argument(&name) {
                            let mut argument = argument.clone();
                            shorten(&mut argument, found);
                            arguments.add_argument(name, argument);
                        }
                    }
                }
                shorten_selections(&mut field.selections, found);
            }
            SelectionItem::InlineFragment(fragment) => {
                shorten_selections(&mut fragment.selections, found);
            }
            SelectionItem::FragmentSpread(_) => {}
        }
    }
}

fn shorten(value: &mut FetchValue, found: &mut bool) {
    match value {
        FetchValue::Enum(name) if is_long(name) => {
            *value = FetchValue::String(std::mem::take(name));
            *found = true;
        }
        FetchValue::List(items) => items.iter_mut().for_each(|item| shorten(item, found)),
        FetchValue::Object(fields) => fields.values_mut().for_each(|field| shorten(field, found)),
        _ => {}
    }
}
