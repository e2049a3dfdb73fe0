//! The API schema: what clients see of a supergraph, without federation's machinery and without
//! anything `@inaccessible`.

use std::collections::HashMap;

use graphql_tools::parser::schema::Definition;
use graphql_tools::static_graphql::schema::{
    Directive, DirectiveDefinition, Document, Field, Type, TypeDefinition,
};
use indexmap::IndexMap;

/// Specifications whose definitions are machinery, by the prefix of their names.
const MACHINERY: [&str; 11] = [
    "join__",
    "link__",
    "core__",
    "federation__",
    "policy__",
    "requiresScopes__",
    "authenticated__",
    "context__",
    "connect__",
    "composite__",
    "extension__",
];

/// Directives that mean nothing to clients.
const INTERNAL_DIRECTIVES: [&str; 8] = [
    "link",
    "core",
    "policy",
    "context",
    "fromContext",
    "composeDirective",
    "source",
    "connect",
];

const BUILT_IN_SCALARS: [&str; 5] = ["Int", "Float", "String", "Boolean", "ID"];
const BUILT_IN_DIRECTIVES: [&str; 5] = ["skip", "include", "deprecated", "specifiedBy", "oneOf"];

/// The API schema, indexed.
#[derive(Debug)]
pub struct Schema {
    /// With the introspection types and fields, as validation needs it.
    pub document: Document,
    /// All types, the introspection types among them, in the order of the supergraph.
    pub types: IndexMap<String, TypeDefinition>,
    pub directives: Vec<DirectiveDefinition>,
    pub query: String,
    pub mutation: Option<String>,
    pub subscription: Option<String>,
    fields: HashMap<String, HashMap<String, Field>>,
}

impl Schema {
    /// From the planner's consumer schema, which has the introspection types already.
    pub fn new(consumer: &Document) -> Self {
        let mut document = Document::default();
        let mut types = IndexMap::new();
        let mut directives: Vec<DirectiveDefinition> = Vec::new();
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
                    let known = directives.iter().any(|known| known.name == directive.name);
                    let keep = !known
                        && !is_machinery(&directive.name)
                        && !INTERNAL_DIRECTIVES.contains(&directive.name.as_str());
                    if keep {
                        directives.push(directive.clone());
                    }
                    keep
                }
                Definition::SchemaDefinition(_) => true,
                Definition::TypeExtension(_) => false,
            };
            if keep {
                document.definitions.push(definition);
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

fn is_machinery(name: &str) -> bool {
    MACHINERY.iter().any(|prefix| name.starts_with(prefix))
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

/// Drops directives of federation that the planner's stripping does not know.
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
