//! `@authenticated` and `@requiresScopes`: what a caller must have to see a field.

use std::collections::{BTreeMap, HashMap};

use graphql_tools::static_graphql::schema::{Directive, Document, TypeDefinition, Value};
use platform::caller::Caller;

use super::{definitions, named_type};
use crate::error::ErrorCode;

/// What a field asks of its caller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Requirement {
    authenticated: bool,
    /// Each entry is one directive: a list of alternatives, each a list of scopes that are all needed.
    scopes: Vec<Vec<Vec<String>>>,
}

impl Requirement {
    fn is_empty(&self) -> bool {
        !self.authenticated && self.scopes.is_empty()
    }

    fn of_directives(directives: &[Directive]) -> Self {
        let mut requirement = Self::default();
        for directive in directives {
            match directive.name.as_str() {
                "authenticated" => requirement.authenticated = true,
                "requiresScopes" => requirement.scopes.push(alternatives(directive)),
                _ => {}
            }
        }
        requirement
    }

    fn and(mut self, other: Option<&Self>) -> Self {
        if let Some(other) = other {
            self.authenticated |= other.authenticated;
            for scopes in &other.scopes {
                if !self.scopes.contains(scopes) {
                    self.scopes.push(scopes.clone());
                }
            }
        }
        self
    }

    /// Why this caller may not see the field; `None` when they may.
    pub fn refuses(&self, caller: &Caller) -> Option<ErrorCode> {
        let scoped = self.scopes.iter().all(|alternatives| {
            alternatives
                .iter()
                .any(|all| all.iter().all(|scope| caller.scopes.contains(scope)))
        });
        if scoped && (caller.is_authenticated() || !self.authenticated) {
            None
        } else if caller.is_authenticated() {
            Some(ErrorCode::Forbidden)
        } else {
            Some(ErrorCode::Unauthenticated)
        }
    }
}

fn alternatives(directive: &Directive) -> Vec<Vec<String>> {
    let lists = directive
        .arguments
        .iter()
        .find(|(name, _)| name == "scopes");
    let Some((_, Value::List(lists))) = lists else {
        return Vec::new();
    };
    lists
        .iter()
        .map(|all| match all {
            Value::List(all) => all.iter().filter_map(string).collect(),
            single => string(single).into_iter().collect(),
        })
        .collect()
}

fn string(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// The requirements of every field of a supergraph.
#[derive(Debug, Default)]
pub struct Access {
    requirements: Vec<Requirement>,
    fields: HashMap<String, HashMap<String, RequirementId>>,
}

/// An entry of [`Access`].
pub(crate) type RequirementId = usize;

impl Access {
    pub fn of_document(document: &Document) -> Self {
        let types: HashMap<&str, Requirement> = definitions(document)
            .map(|definition| {
                (
                    definition.name(),
                    Requirement::of_directives(directives(definition)),
                )
            })
            .filter(|(_, requirement)| !requirement.is_empty())
            .collect();
        let mut known: BTreeMap<Requirement, RequirementId> = BTreeMap::new();
        let mut access = Self::default();
        for definition in definitions(document) {
            let fields = match definition {
                TypeDefinition::Object(object) => &object.fields,
                TypeDefinition::Interface(interface) => &interface.fields,
                _ => continue,
            };
            for field in fields {
                let requirement = Requirement::of_directives(&field.directives)
                    .and(types.get(named_type(&field.field_type)))
                    .and(types.get(definition.name()));
                if requirement.is_empty() {
                    continue;
                }
                let requirements = &mut access.requirements;
                let id = *known.entry(requirement).or_insert_with_key(|requirement| {
                    requirements.push(requirement.clone());
                    requirements.len() - 1
                });
                let of_type = access
                    .fields
                    .entry(definition.name().to_owned())
                    .or_default();
                of_type.insert(field.name.clone(), id);
            }
        }
        access
    }

    /// What `type_name.field` requires, if it does.
    pub fn of_field(&self, type_name: &str, field: &str) -> Option<RequirementId> {
        self.fields.get(type_name)?.get(field).copied()
    }

    pub fn requirement(&self, id: RequirementId) -> Option<&Requirement> {
        self.requirements.get(id)
    }
}

fn directives(definition: &TypeDefinition) -> &[Directive] {
    match definition {
        TypeDefinition::Scalar(inner) => &inner.directives,
        TypeDefinition::Object(inner) => &inner.directives,
        TypeDefinition::Interface(inner) => &inner.directives,
        TypeDefinition::Union(inner) => &inner.directives,
        TypeDefinition::Enum(inner) => &inner.directives,
        TypeDefinition::InputObject(inner) => &inner.directives,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_alternatives_of_conjunctions() {
        let document = graphql_tools::parser::parse_schema::<String>(
            r#"type Query { a: Secret b: Int @requiresScopes(scopes: [["x", "y"], ["z"]]) c: Int }
               type Secret @authenticated { d: Int }"#,
        )
        .expect("SDL")
        .into_static();
        let access = Access::of_document(&document);
        let refuses = |type_name: &str, field: &str, caller: &Caller| {
            let id = access.of_field(type_name, field)?;
            access.requirement(id).expect("known").refuses(caller)
        };
        let visitor = Caller::default();
        let mut customer = Caller::customer("usr_1");
        assert_eq!(refuses("Query", "c", &visitor), None);
        assert_eq!(
            refuses("Query", "a", &visitor),
            Some(ErrorCode::Unauthenticated)
        );
        assert_eq!(
            refuses("Secret", "d", &visitor),
            Some(ErrorCode::Unauthenticated)
        );
        assert_eq!(refuses("Query", "a", &customer), None);
        customer.scopes.insert("x".to_owned());
        assert_eq!(refuses("Query", "b", &customer), Some(ErrorCode::Forbidden));
        customer.scopes.insert("y".to_owned());
        assert_eq!(refuses("Query", "b", &customer), None);
        customer.scopes = ["z".to_owned()].into();
        assert_eq!(refuses("Query", "b", &customer), None);
    }
}
