//! `@cost` and `@listSize`.

use super::Report;
use super::subgraph::{Subgraph, has};
use crate::error::CompositionCode;
use crate::type_system::ast::{self, Directive, Field, Type, TypeKind, Value};

pub(super) fn check(subgraph: &Subgraph, report: &mut Report) {
    let name = subgraph.name.as_str();
    for definition in subgraph.schema.types.values() {
        if !matches!(definition.kind, TypeKind::Object | TypeKind::Interface) {
            continue;
        }
        for field in &definition.fields {
            let place = format!("{}.{}", definition.name, field.name);
            if definition.kind == TypeKind::Interface && has(&field.directives, "cost") {
                report.add(
                    CompositionCode::CostAppliedToInterfaceField,
                    [name],
                    format!(
                        "[{name}] @cost is on {place} of an interface: write it on the fields of the objects"
                    ),
                );
            }
            for directive in field.directives.iter().filter(|one| one.name == "listSize") {
                list_size(subgraph, &place, field, directive, report);
            }
        }
    }
}

fn is_list(value_type: &Type) -> bool {
    match value_type {
        Type::ListType(_) => true,
        Type::NonNullType(inner) => is_list(inner),
        Type::NamedType(_) => false,
    }
}

fn texts<'d>(directive: &'d Directive, argument: &str) -> Option<Vec<&'d str>> {
    let of = |value: &'d Value| match value {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    };
    match ast::argument(directive, argument)? {
        Value::List(items) => Some(items.iter().filter_map(of).collect()),
        value => Some(of(value).into_iter().collect()),
    }
}

fn list_size(
    subgraph: &Subgraph,
    place: &str,
    field: &Field,
    directive: &Directive,
    report: &mut Report,
) {
    let name = subgraph.name.as_str();
    let mut add = |code, problem: String| {
        report.add(
            code,
            [name],
            format!("[{name}] @listSize on {place}: {problem}"),
        );
    };
    let sized = texts(directive, "sizedFields");
    if sized.is_none() && !is_list(&field.value_type) {
        add(
            CompositionCode::ListSizeAppliedToNonList,
            "the field is no list; name its lists in sizedFields".to_owned(),
        );
    }
    if let Some(Value::Int(size)) = ast::argument(directive, "assumedSize")
        && size.as_i64().is_some_and(|size| size < 0)
    {
        add(
            CompositionCode::ListSizeInvalidAssumedSize,
            "assumedSize cannot be negative".to_owned(),
        );
    }
    for argument in texts(directive, "slicingArguments").unwrap_or_default() {
        let problem = match field.argument(argument) {
            None => "is no argument of the field",
            Some(known) => match &known.value_type {
                Type::NamedType(named) if named == "Int" => continue,
                Type::NonNullType(inner) if **inner == Type::NamedType("Int".to_owned()) => {
                    continue;
                }
                _ => "is no Int",
            },
        };
        let message = format!("the slicing argument `{argument}` {problem}");
        add(CompositionCode::ListSizeInvalidSlicingArgument, message);
    }
    let target = ast::named(&field.value_type);
    for sized in sized.unwrap_or_default() {
        match subgraph.field(target, sized) {
            None => add(
                CompositionCode::ListSizeInvalidSizedField,
                format!("{target} has no field `{sized}`"),
            ),
            Some(known) if !is_list(&known.value_type) => add(
                CompositionCode::ListSizeAppliedToNonList,
                format!("{target}.{sized} is no list"),
            ),
            Some(_) => {}
        }
    }
}
