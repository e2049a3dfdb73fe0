//! Random documents, with the response that the specification requires.

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::ask;

/// A selection's condition: as written, and its value.
#[derive(Clone, Debug)]
enum Condition {
    Literal(bool),
    Variable(usize),
}

/// A variable for conditions: its default, and its value in the request.
#[derive(Clone, Debug)]
struct Variable {
    default: Option<bool>,
    given: Option<bool>,
}

#[derive(Clone, Debug)]
struct Conditions {
    skip: Option<Condition>,
    include: Option<Condition>,
}

#[derive(Clone, Debug)]
enum Selected {
    Leaf {
        alias: u8,
        field: &'static str,
    },
    Object {
        alias: u8,
        field: &'static str,
        b: bool,
        of: Vec<(Conditions, Selected)>,
    },
    /// On one of the matching types, or without a type.
    Inline {
        on: u8,
        of: Vec<(Conditions, Selected)>,
    },
    /// The same, as a named fragment.
    Spread {
        on: u8,
        of: Vec<(Conditions, Selected)>,
    },
}

fn condition() -> impl Strategy<Value = Option<Condition>> {
    prop_oneof![
        3 => Just(None),
        1 => any::<bool>().prop_map(|value| Some(Condition::Literal(value))),
        2 => (0..VARIABLES).prop_map(|variable| Some(Condition::Variable(variable))),
    ]
}

const VARIABLES: usize = 4;

fn set() -> impl Strategy<Value = Vec<(Conditions, Selected)>> {
    let conditions =
        || (condition(), condition()).prop_map(|(skip, include)| Conditions { skip, include });
    let leaf = (0..2u8, prop_oneof![Just("number"), Just("__typename")])
        .prop_map(|(alias, field)| Selected::Leaf { alias, field });
    let leaves = prop::collection::vec((conditions(), leaf), 1..3);
    leaves.prop_recursive(4, 24, 3, move |inner| {
        let field = prop_oneof![Just("a"), Just("list"), Just("any"), Just("node")];
        let object =
            (0..2u8, field, any::<bool>(), inner.clone()).prop_map(|(alias, field, b, of)| {
                Selected::Object {
                    alias,
                    field,
                    b,
                    of,
                }
            });
        let inline = (0..4u8, inner.clone()).prop_map(|(on, of)| Selected::Inline { on, of });
        let spread = (0..4u8, inner).prop_map(|(on, of)| Selected::Spread { on, of });
        let leaf = (0..2u8, prop_oneof![Just("number"), Just("__typename")])
            .prop_map(|(alias, field)| Selected::Leaf { alias, field });
        let one = prop_oneof![1 => leaf, 2 => object, 1 => inline, 1 => spread];
        prop::collection::vec((conditions(), one), 1..4)
    })
}

/// Writes documents, together with the expected response.
struct Document<'v> {
    variables: &'v [Variable],
    used: [bool; VARIABLES],
    fragments: String,
    count: usize,
}

impl Document<'_> {
    fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Literal(value) => *value,
            Condition::Variable(index) => {
                let variable = &self.variables[*index];
                variable.given.or(variable.default).expect("a value")
            }
        }
    }

    fn remains(&self, conditions: &Conditions) -> bool {
        let skipped = conditions.skip.as_ref().is_some_and(|one| self.holds(one));
        !skipped
            && conditions
                .include
                .as_ref()
                .is_none_or(|one| self.holds(one))
    }

    fn directives(&mut self, conditions: &Conditions) -> String {
        let mut text = String::new();
        for (name, condition) in [("skip", &conditions.skip), ("include", &conditions.include)] {
            match condition {
                Some(Condition::Literal(value)) => write!(text, " @{name}(if: {value})"),
                Some(Condition::Variable(index)) => {
                    self.used[*index] = true;
                    write!(text, " @{name}(if: $v{index})")
                }
                None => Ok(()),
            }
            .expect("written");
        }
        text
    }

    /// The type condition of a fragment within this static type.
    fn on(within: &str, on: u8) -> &'static str {
        match (within, on) {
            ("A" | "Any" | "Node", 1) => "A",
            ("B", 1) | ("Any" | "Node", 2) => "B",
            ("A" | "B", 2) => "Node",
            // async-graphql ignores fragments on a union if the object's static type differs.
            ("Any", 3) => "Any",
            ("Query", _) => "Query",
            _ => "",
        }
    }

    fn write(&mut self, within: &str, set: &[(Conditions, Selected)]) -> String {
        let mut text = "{".to_owned();
        for (conditions, selected) in set {
            if let Selected::Object { field, .. } = selected
                && type_of(within, field).is_none()
            {
                continue;
            }
            let directives = self.directives(conditions);
            match selected {
                Selected::Leaf { alias, field } => {
                    // A union has no other field.
                    let field = if within == "Any" { "__typename" } else { field };
                    let key = key(field, *alias, false);
                    write!(text, " {key}: {field}{directives}")
                }
                Selected::Object {
                    alias,
                    field,
                    b,
                    of,
                } => {
                    let Some(ty) = type_of(within, field) else {
                        continue;
                    };
                    let (key, arguments) = (key(field, *alias, *b), arguments(field, *b));
                    let inner = self.write(ty, of);
                    write!(text, " {key}: {field}{arguments}{directives} {inner}")
                }
                Selected::Inline { on, of } => {
                    let on = Self::on(within, *on);
                    let inner = self.write(if on.is_empty() { within } else { on }, of);
                    let on = if on.is_empty() {
                        String::new()
                    } else {
                        format!(" on {on}")
                    };
                    write!(text, " ...{on}{directives} {inner}")
                }
                Selected::Spread { on, of } => {
                    let on = Self::on(within, *on);
                    let on = if on.is_empty() { within } else { on };
                    let inner = self.write(on, of);
                    self.count += 1;
                    let name = format!("F{}", self.count);
                    write!(self.fragments, " fragment {name} on {on} {inner}").expect("written");
                    write!(text, " ...{name}{directives}")
                }
            }
            .expect("written");
        }
        if text == "{" {
            text.push_str(" __typename");
        }
        text + " }"
    }

    /// Collects an object's fields as specified. `within` is the static type at the time of writing.
    fn collect(
        &self,
        object: &str,
        within: &str,
        set: &[(Conditions, Selected)],
        into: &mut Map<String, Value>,
    ) {
        let mut is_empty = true;
        for (conditions, selected) in set {
            let remains = self.remains(conditions);
            match selected {
                Selected::Leaf { alias, field } => {
                    is_empty = false;
                    let field = if within == "Any" { "__typename" } else { field };
                    let value = if field == "number" {
                        json!(7)
                    } else {
                        json!(object)
                    };
                    if remains {
                        into.insert(key(field, *alias, false), value);
                    }
                }
                Selected::Object {
                    alias,
                    field,
                    b,
                    of,
                } => {
                    let Some(ty) = type_of(within, field) else {
                        continue;
                    };
                    is_empty = false;
                    if !remains {
                        continue;
                    }
                    let inner = match *field {
                        "a" => "A",
                        "list" => "B",
                        _ if *b => "B",
                        _ => "A",
                    };
                    let place = into.entry(key(field, *alias, *b)).or_insert_with(|| {
                        if *field == "list" {
                            json!([{}, {}])
                        } else {
                            json!({})
                        }
                    });
                    match place {
                        Value::Array(items) => {
                            for item in items {
                                self.collect(inner, ty, of, item.as_object_mut().expect("object"));
                            }
                        }
                        place => {
                            self.collect(inner, ty, of, place.as_object_mut().expect("object"))
                        }
                    }
                }
                Selected::Inline { on, of } | Selected::Spread { on, of } => {
                    is_empty = false;
                    let on = Self::on(within, *on);
                    let applies = on.is_empty() || on == object || matches!(on, "Any" | "Node");
                    if remains && applies {
                        self.collect(object, if on.is_empty() { within } else { on }, of, into);
                    }
                }
            }
        }
        if is_empty {
            into.insert("__typename".to_owned(), json!(object));
        }
    }
}

/// `None` for a field that the type does not have.
fn type_of(within: &str, field: &str) -> Option<&'static str> {
    match (within, field) {
        ("Any", _) | ("Node", "a" | "list" | "node") => None,
        (_, "a") => Some("A"),
        (_, "list") => Some("B"),
        (_, "any") => Some("Any"),
        _ => Some("Node"),
    }
}

/// Equal keys belong to equal fields, so that they merge.
fn key(field: &str, alias: u8, b: bool) -> String {
    format!(
        "{}{alias}{}",
        field.trim_start_matches('_'),
        if b { "b" } else { "" }
    )
}

fn arguments(field: &str, b: bool) -> String {
    match field {
        "any" | "node" => format!("(b: {b})"),
        _ => String::new(),
    }
}

fn variables() -> impl Strategy<Value = Vec<Variable>> {
    let variable = (any::<Option<bool>>(), any::<Option<bool>>())
        .prop_filter("it has a value", |(default, given)| {
            default.or(*given).is_some()
        })
        .prop_map(|(default, given)| Variable { default, given });
    prop::collection::vec(variable, VARIABLES)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_document_is_answered_as_the_specification_says(set in set(), variables in variables()) {
        let mut document = Document { variables: &variables, used: [false; VARIABLES], fragments: String::new(), count: 0 };
        let body = document.write("Query", &set);
        let mut definitions = String::new();
        let mut given = Map::new();
        for (index, variable) in variables.iter().enumerate().filter(|(index, _)| document.used[*index]) {
            let default = variable.default.map(|value| format!(" = {value}")).unwrap_or_default();
            write!(definitions, " $v{index}: Boolean!{default}").expect("written");
            if let Some(value) = variable.given {
                given.insert(format!("v{index}"), json!(value));
            }
        }
        let header = if definitions.is_empty() { String::new() } else { format!("query({definitions}) ") };
        let query = format!("{header}{body}{}", document.fragments);
        let mut expect = Map::new();
        document.collect("Query", "Query", &set, &mut expect);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let answer = runtime.block_on(ask(&query, Value::Object(given)));
        prop_assert_eq!(&answer["errors"], &Value::Null, "{} {}", query, answer);
        prop_assert_eq!(&answer["data"], &Value::Object(expect), "{}", query);
    }
}
