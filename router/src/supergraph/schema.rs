//! The API schema: what clients see of a supergraph, without federation's internal definitions and without anything
//! `@inaccessible`.

use std::collections::{HashMap, HashSet};

use graphql_tools::parser::schema::{Definition, parse_schema};
use graphql_tools::static_graphql::schema::{
    Directive, DirectiveDefinition, Document, Field, InputValue, Type, TypeDefinition,
};
use indexmap::IndexMap;

use super::features::is_machinery;

/// Directives without meaning for clients.
const INTERNAL_DIRECTIVES: [&str; 14] = [
    "link",
    "core",
    "inaccessible",
    "authenticated",
    "requiresScopes",
    "policy",
    "tag",
    "cost",
    "listSize",
    "context",
    "fromContext",
    "composeDirective",
    "source",
    "connect",
];

/// Clients' tools need its definition, since it is not part of the specification yet.
const DEFER: &str =
    "directive @defer(if: Boolean! = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT";

const BUILT_IN_SCALARS: [&str; 5] = ["Int", "Float", "String", "Boolean", "ID"];
const BUILT_IN_DIRECTIVES: [&str; 5] = ["skip", "include", "deprecated", "specifiedBy", "oneOf"];

/// The API schema, indexed.
#[derive(Debug)]
pub struct Schema {
    /// Includes the introspection types and fields, as validation needs them.
    pub document: Document,
    /// All types, introspection types included, in the order of the supergraph.
    pub types: IndexMap<String, TypeDefinition>,
    pub directives: Vec<DirectiveDefinition>,
    pub query: String,
    pub mutation: Option<String>,
    pub subscription: Option<String>,
    fields: HashMap<String, HashMap<String, Field>>,
}

impl Schema {
    /// Built from the planner's consumer schema, which already has the introspection types.
    pub fn new(consumer: &Document) -> Self {
        let mut document = Document::default();
        let mut types = IndexMap::new();
        let mut directives = HashSet::new();
        for definition in &consumer.definitions {
            let mut definition = definition.clone();
            clean(&mut definition);
            let keep = match &definition {
                Definition::TypeDefinition(definition) => {
                    let name = definition.name();
                    !is_machinery(name)
                        && types.insert(name.to_owned(), definition.clone()).is_none()
                }
                Definition::DirectiveDefinition(directive) => {
                    !is_machinery(&directive.name)
                        && !INTERNAL_DIRECTIVES.contains(&directive.name.as_str())
                        && directive.name != "defer"
                        && directives.insert(directive.name.clone())
                }
                Definition::SchemaDefinition(_) => true,
                Definition::TypeExtension(_) => false,
            };
            if keep {
                document.definitions.push(definition);
            }
        }
        let defer = parse_schema::<String>(DEFER);
        let defer = defer.map(|defer| defer.into_static().definitions);
        document.definitions.extend(defer.unwrap_or_default());
        drop_hidden_references(&mut document, &types);
        let mut directives = Vec::new();
        for definition in &document.definitions {
            match definition {
                Definition::TypeDefinition(definition) => {
                    types.insert(definition.name().to_owned(), definition.clone());
                }
                Definition::DirectiveDefinition(directive) => directives.push(directive.clone()),
                Definition::SchemaDefinition(_) | Definition::TypeExtension(_) => {}
            }
        }
        let fields = types
            .values()
            .map(|definition| {
                let fields = output_fields(definition)
                    .iter()
                    .map(|field| (field.name.clone(), field.clone()))
                    .collect();
                (definition.name().to_owned(), fields)
            })
            .collect();
        Self {
            query: document
                .query_type_name()
                .cloned()
                .unwrap_or_else(|| "Query".to_owned()),
            mutation: document.mutation_type_name().cloned(),
            subscription: document.subscription_type_name().cloned(),
            document,
            types,
            directives,
            fields,
        }
    }

    pub fn field(&self, type_name: &str, field: &str) -> Option<&Field> {
        self.fields.get(type_name)?.get(field)
    }

    /// The schema as clients may print it.
    pub fn sdl(&self) -> String {
        let mut document = Document::default();
        for definition in &self.document.definitions {
            let mut definition = definition.clone();
            let keep = match &mut definition {
                Definition::TypeDefinition(definition) => {
                    if let TypeDefinition::Object(object) = definition {
                        object.fields.retain(|field| !field.name.starts_with("__"));
                    }
                    !definition.name().starts_with("__")
                        && !BUILT_IN_SCALARS.contains(&definition.name())
                }
                Definition::DirectiveDefinition(directive) => {
                    !BUILT_IN_DIRECTIVES.contains(&directive.name.as_str())
                }
                Definition::SchemaDefinition(_) | Definition::TypeExtension(_) => true,
            };
            if keep {
                document.definitions.push(definition);
            }
        }
        document.to_string()
    }
}

/// The fields of an object or an interface.
pub(crate) fn output_fields(definition: &TypeDefinition) -> &[Field] {
    match definition {
        TypeDefinition::Object(object) => &object.fields,
        TypeDefinition::Interface(interface) => &interface.fields,
        _ => &[],
    }
}

/// The name inside lists and non-nulls.
pub(crate) fn named_type(ty: &Type) -> &str {
    match ty {
        Type::NamedType(name) => name,
        Type::ListType(inner) | Type::NonNullType(inner) => named_type(inner),
    }
}

/// Composers ensure that nothing visible refers to something inaccessible; other schemas may not.
fn drop_hidden_references(document: &mut Document, types: &IndexMap<String, TypeDefinition>) {
    let known = |name: &str| types.contains_key(name) || BUILT_IN_SCALARS.contains(&name);
    let inputs = |inputs: &mut Vec<InputValue>| {
        inputs.retain(|input| known(named_type(&input.value_type)));
    };
    let fields = |fields: &mut Vec<Field>| {
        fields.retain_mut(|field| {
            inputs(&mut field.arguments);
            known(named_type(&field.field_type))
        });
    };
    for definition in &mut document.definitions {
        match definition {
            Definition::SchemaDefinition(schema) => {
                schema.mutation.take_if(|name| !known(name));
                schema.subscription.take_if(|name| !known(name));
            }
            Definition::TypeDefinition(TypeDefinition::Object(object)) => {
                fields(&mut object.fields);
                object.implements_interfaces.retain(|name| known(name));
            }
            Definition::TypeDefinition(TypeDefinition::Interface(interface)) => {
                fields(&mut interface.fields);
                interface.implements_interfaces.retain(|name| known(name));
            }
            Definition::TypeDefinition(TypeDefinition::Union(union)) => {
                union.types.retain(|name| known(name));
            }
            Definition::TypeDefinition(TypeDefinition::InputObject(input)) => {
                inputs(&mut input.fields);
            }
            Definition::DirectiveDefinition(directive) => inputs(&mut directive.arguments),
            Definition::TypeDefinition(_) | Definition::TypeExtension(_) => {}
        }
    }
}

/// Drops federation directives that the planner's stripping does not know.
fn clean(definition: &mut Definition<'static, String>) {
    let keep = |directive: &Directive| {
        !is_machinery(&directive.name) && !INTERNAL_DIRECTIVES.contains(&directive.name.as_str())
    };
    match definition {
        Definition::SchemaDefinition(schema) => schema.directives.clear(),
        Definition::TypeDefinition(definition) => match definition {
            TypeDefinition::Object(object) => {
                object.directives.retain(keep);
                for field in &mut object.fields {
                    field.directives.retain(keep);
                }
            }
            TypeDefinition::Interface(interface) => {
                interface.directives.retain(keep);
                for field in &mut interface.fields {
                    field.directives.retain(keep);
                }
            }
            TypeDefinition::Scalar(inner) => inner.directives.retain(keep),
            TypeDefinition::Union(inner) => inner.directives.retain(keep),
            TypeDefinition::Enum(inner) => inner.directives.retain(keep),
            TypeDefinition::InputObject(inner) => inner.directives.retain(keep),
        },
        Definition::TypeExtension(_) | Definition::DirectiveDefinition(_) => {}
    }
}
