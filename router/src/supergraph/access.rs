//! `@authenticated`, `@requiresScopes` and `@policy`: what a field requires of its caller; and what is hidden from
//! everybody.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use graphql_tools::static_graphql::schema::{Directive, Document, TypeDefinition, Value};
use platform::caller::Caller;

use super::{Schema, TypeNames, definitions, directives, named_type, output_fields};
use crate::error::ErrorCode;

/// Access requirements of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Requirement {
    authenticated: bool,
    /// Each entry is one directive: a list of alternatives, each a list of scopes that are all required.
    scopes: Vec<Vec<Vec<String>>>,
    /// The same for policies.
    policies: Vec<Vec<Vec<String>>>,
}

impl Requirement {
    fn is_empty(&self) -> bool {
        !self.authenticated && self.scopes.is_empty() && self.policies.is_empty()
    }

    fn of_directives(directives: &[Directive]) -> Self {
        let mut requirement = Self::default();
        for directive in directives {
            match directive.name.as_str() {
                "authenticated" => requirement.authenticated = true,
                "requiresScopes" => requirement.scopes.push(alternatives(directive, "scopes")),
                "policy" => requirement
                    .policies
                    .push(alternatives(directive, "policies")),
                _ => {}
            }
        }
        requirement
    }

    fn and(mut self, other: Option<&Self>) -> Self {
        if let Some(other) = other {
            self.authenticated |= other.authenticated;
            for (own, others) in [
                (&mut self.scopes, &other.scopes),
                (&mut self.policies, &other.policies),
            ] {
                for alternatives in others {
                    if !own.contains(alternatives) {
                        own.push(alternatives.clone());
                    }
                }
            }
        }
        self
    }

    /// The scopes of all alternatives.
    pub(crate) fn scope_names(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().flatten().flatten().map(String::as_str)
    }

    /// Why this caller may not see the field; `None` if they may.
    pub fn denial(&self, caller: &Caller) -> Option<ErrorCode> {
        let has_all = |needed: &[Vec<Vec<String>>], own: &BTreeSet<String>| {
            needed.iter().all(|alternatives| {
                let mut alternatives = alternatives.iter();
                alternatives.any(|all| all.iter().all(|one| own.contains(one)))
            })
        };
        let permitted = has_all(&self.scopes, &caller.scopes)
            && has_all(&self.policies, &caller.policies)
            && (caller.is_authenticated() || !self.authenticated);
        if permitted {
            None
        } else if caller.is_authenticated() {
            Some(ErrorCode::Forbidden)
        } else {
            Some(ErrorCode::Unauthenticated)
        }
    }
}

/// Unreadable alternatives are dropped.
fn alternatives(directive: &Directive, argument: &str) -> Vec<Vec<String>> {
    let lists = directive
        .arguments
        .iter()
        .find(|(name, _)| name == argument);
    let lists = match lists {
        Some((_, Value::List(lists))) => lists,
        _ => return Vec::new(),
    };
    lists
        .iter()
        .filter_map(|all| match all {
            Value::List(all) => all.iter().map(string).collect(),
            single => Some(vec![string(single)?]),
        })
        .collect()
}

fn string(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// Whether a caller may see an object's field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccessDecision {
    Given,
    /// The caller does not meet the requirement.
    Denied(RequirementId),
    /// The field or the object's type is inaccessible: clients see null.
    Hidden,
}

/// The requirements of every field of a supergraph, and the restricted members of its interfaces and unions.
#[derive(Debug, Default)]
pub struct Access {
    requirements: Vec<Requirement>,
    fields: HashMap<String, HashMap<String, RequirementId>>,
    /// For an abstract type and one of its fields, the objects that may deny it.
    restricted: HashMap<String, HashMap<String, Vec<RestrictedMember>>>,
    /// Abstract types with members hidden from clients.
    hiding: HashSet<String>,
}

/// An object that denies a field of an abstract type: always, or to callers that do not meet a requirement.
#[derive(Debug)]
struct RestrictedMember {
    object: String,
    requirement: Option<RequirementId>,
}

/// An index into [`Access`].
pub(crate) type RequirementId = usize;

impl Access {
    pub fn new(document: &Document, schema: &Schema, types: &TypeNames) -> Self {
        let mut access = Self::of_document(document);
        for definition in definitions(document) {
            let name = definition.name();
            let is_abstract = matches!(
                definition,
                TypeDefinition::Interface(_) | TypeDefinition::Union(_)
            );
            if is_abstract && schema.types.contains_key(name) {
                access.add_abstract(definition, schema, types);
            }
        }
        access
    }

    fn add_abstract(&mut self, definition: &TypeDefinition, schema: &Schema, types: &TypeNames) {
        let name = definition.name();
        if types
            .possible(name)
            .any(|object| !schema.types.contains_key(object))
        {
            self.hiding.insert(name.to_owned());
        }
        for field in output_fields(definition) {
            let restricted: Vec<RestrictedMember> = types
                .possible(name)
                .filter_map(|object| {
                    let requirement = match schema.field(object, &field.name) {
                        Some(_) => Some(self.of_field(object, &field.name)?),
                        None => None,
                    };
                    Some(RestrictedMember {
                        object: object.to_owned(),
                        requirement,
                    })
                })
                .collect();
            if !restricted.is_empty() {
                let of_type = self.restricted.entry(name.to_owned()).or_default();
                of_type.insert(field.name.clone(), restricted);
            }
        }
    }

    fn of_document(document: &Document) -> Self {
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
            for field in output_fields(definition) {
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

    /// The requirement of `type_name.field`, if any.
    pub fn of_field(&self, type_name: &str, field: &str) -> Option<RequirementId> {
        self.fields.get(type_name)?.get(field).copied()
    }

    pub fn requirement(&self, id: RequirementId) -> Option<&Requirement> {
        self.requirements.get(id)
    }

    /// The objects that deny a field of an abstract type if these requirements are not met.
    pub(crate) fn denying(
        &self,
        abstract_type: &str,
        field: &str,
        is_denied: impl Fn(RequirementId) -> bool,
    ) -> Vec<&str> {
        let restricted = self.restricted.get(abstract_type);
        let restricted = restricted.and_then(|fields| fields.get(field));
        restricted
            .into_iter()
            .flatten()
            .filter(|restricted| restricted.requirement.is_none_or(&is_denied))
            .map(|restricted| restricted.object.as_str())
            .collect()
    }

    /// Whether a value of this abstract type may be an object hidden from clients.
    pub(crate) fn hides_members(&self, abstract_type: &str) -> bool {
        self.hiding.contains(abstract_type)
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
            access.requirement(id).expect("known").denial(caller)
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
