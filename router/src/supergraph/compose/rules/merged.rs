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
                .or_insert_with(|| coerced(name, value));
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
    let name_of = |name: &Value| match name {
        Value::String(name) => Some(name.clone()),
        _ => None,
    };
    items(value)
        .iter()
        .map(|all| items(all).iter().filter_map(name_of).collect())
        .collect()
}

/// The argument with all its brackets: scopes and policies are lists of lists, and a single element stands for a list
/// of one, as everywhere in GraphQL. The library that merges subgraphs drops those without.
pub(super) fn coerced(directive: &str, value: &Value) -> Value {
    if directive == "cost" {
        return value.clone();
    }
    let all = items(value)
        .iter()
        .map(|all| Value::List(items(all).to_vec()));
    Value::List(all.collect())
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::List(items) => items,
        single => std::slice::from_ref(single),
    }
}

#[cfg(test)]
mod tests {
    use crate::compose;

    const LINK: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@shareable", "@requiresScopes", "@policy"])"#;

    /// The line of `v` in the supergraph of subgraphs in which it has these directives.
    fn composed(directives: &[&str]) -> Result<String, String> {
        let of_subgraph = |directives: &&str| {
            format!("{LINK} type Query {{ v: String @shareable {directives} }}")
        };
        let sdl: Vec<String> = directives.iter().map(of_subgraph).collect();
        let names = ["a", "b", "c"];
        let subgraphs: Vec<_> = names
            .iter()
            .zip(&sdl)
            .map(|(name, sdl)| (*name, sdl.as_str(), "http://x"))
            .collect();
        let supergraph = compose(&subgraphs).map_err(|error| error.to_string())?;
        let line = supergraph.lines().find(|line| line.contains("v: String"));
        Ok(line.unwrap_or_default().to_owned())
    }

    fn check(directives: &[&str], expected: &str) {
        let line = composed(directives).expect("composes");
        assert!(line.contains(expected), "{line}");
    }

    #[test]
    fn a_caller_has_to_meet_the_requirements_of_all_subgraphs() {
        let scopes = |scopes: &str| format!("@requiresScopes(scopes: {scopes})");
        let p = scopes(r#"[["p"]]"#);
        let q = scopes(r#"[["q"]]"#);
        check(&[&p, &q], r#"@requiresScopes(scopes: [["p", "q"]])"#);
        check(&[&p, "", &p], r#"@requiresScopes(scopes: [["p"]])"#);
        let p_or_q = scopes(r#"[["p"], ["q"]]"#);
        let r_or_p = scopes(r#"[["r"], ["p"]]"#);
        let merged = r#"@requiresScopes(scopes: [["p"], ["q", "r"]])"#;
        check(&[&p_or_q, &r_or_p], merged);
        let policies = [
            r#"@policy(policies: [["p"]])"#,
            r#"@policy(policies: [["q"]])"#,
        ];
        check(&policies, r#"@policy(policies: [["p", "q"]])"#);
        check(&[&p, policies[1]], r#"@requiresScopes(scopes: [["p"]])"#);
        check(&[&p, policies[1]], r#"@policy(policies: [["q"]])"#);
    }

    #[test]
    fn single_names_stand_for_lists() {
        for written in [r#""admin""#, r#"["admin"]"#, r#"[["admin"]]"#] {
            let directive = format!("@requiresScopes(scopes: {written})");
            check(&[&directive], r#"@requiresScopes(scopes: [["admin"]])"#);
            let directive = format!("@policy(policies: {written})");
            check(&[&directive], r#"@policy(policies: [["admin"]])"#);
        }
        let mixed = r#"@requiresScopes(scopes: ["a", ["b", "c"]])"#;
        check(&[mixed], r#"@requiresScopes(scopes: [["a"], ["b", "c"]])"#);
    }

    #[test]
    fn requirements_that_cannot_be_read_are_refused() {
        for written in ["[[5]]", "null", "[[admin]]", "[null]", "[[null]]", "true"] {
            for directive in ["requiresScopes(scopes", "policy(policies"] {
                let directive = format!("@{directive}: {written})");
                let refused = composed(&[&directive]);
                assert!(refused.is_err(), "{directive}: {refused:?}");
            }
        }
        assert!(composed(&["@requiresScopes"]).is_err());
    }
}
