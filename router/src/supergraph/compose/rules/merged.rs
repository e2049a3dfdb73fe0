//! Directives whose uses in several subgraphs make one: all of their scopes and policies are needed, and the highest
//! cost counts.

use std::collections::{BTreeMap, BTreeSet};

use super::subgraph::Subgraph;
use crate::type_system::ast::{self, Directive, Value};

/// The value of a directive's argument, by the place and the directive's name.
pub(super) type Merged = BTreeMap<(String, &'static str), Value>;

/// The directives, with the argument that is merged.
pub(super) const ARGUMENTS: [(&str, &str); 3] = [
    ("requiresScopes", "scopes"),
    ("policy", "policies"),
    ("cost", "weight"),
];

pub(super) fn of(subgraphs: &[Subgraph]) -> Merged {
    let mut merged = Merged::new();
    for definition in subgraphs.iter().flat_map(|one| one.schema.types.values()) {
        note(&mut merged, &definition.name, &definition.directives);
        for field in &definition.fields {
            let place = format!("{}.{}", definition.name, field.name);
            note(&mut merged, &place, &field.directives);
        }
    }
    merged
}

fn note(merged: &mut Merged, place: &str, directives: &[Directive]) {
    for (name, argument) in ARGUMENTS {
        let uses = directives.iter().filter(|one| one.name == name);
        for value in uses.filter_map(|one| ast::argument(one, argument)) {
            let known = merged.entry((place.to_owned(), name));
            known
                .and_modify(|known| *known = both(known, value))
                .or_insert_with(|| value.clone());
        }
    }
}

fn both(one: &Value, other: &Value) -> Value {
    if let (Value::Int(weight), Value::Int(more)) = (one, other) {
        return Value::Int(
            if more.as_i64() > weight.as_i64() {
                more
            } else {
                weight
            }
            .clone(),
        );
    }
    let (one, other) = (alternatives(one), alternatives(other));
    let all: BTreeSet<BTreeSet<String>> = one
        .iter()
        .flat_map(|one| {
            other
                .iter()
                .map(move |other| one.union(other).cloned().collect())
        })
        .collect();
    // What has more than another alternative adds nothing.
    let minimal = all.iter().filter(|needed| {
        !all.iter()
            .any(|other| other != *needed && other.is_subset(needed))
    });
    let list =
        |names: &BTreeSet<String>| Value::List(names.iter().cloned().map(Value::String).collect());
    Value::List(minimal.map(list).collect())
}

/// Lists of what is needed together.
fn alternatives(value: &Value) -> BTreeSet<BTreeSet<String>> {
    let items = |value: &Value| match value {
        Value::List(items) => items.clone(),
        value => vec![value.clone()],
    };
    let names = |value: Value| {
        let names = items(&value).into_iter().filter_map(|name| match name {
            Value::String(name) => Some(name),
            _ => None,
        });
        names.collect()
    };
    items(value).into_iter().map(names).collect()
}
