//! Links the features used by a composed supergraph and adds their definitions. The composer omits most of that, and
//! readers that validate a supergraph as GraphQL reject it.

use std::collections::BTreeSet;

use graphql_tools::parser::schema::Definition;
use graphql_tools::static_graphql::schema::{Directive, Document, TypeDefinition, Value};

use super::super::definitions_mut;
use super::super::features::each_directive;
use super::failed;
use crate::error::ComposeError;

/// A specification at https://specs.apollo.dev.
struct Feature {
    /// Its path there: name and version.
    version: &'static str,
    purpose: Option<&'static str>,
    /// Directives without a prefix, besides the one with the feature's own name.
    imports: &'static [&'static str],
    /// Whether it restricts who may see what.
    is_authorization: bool,
    definitions: &'static str,
}

/// In the order of their links.
const FEATURES: &[Feature] = &[
    Feature {
        version: "link/v1.0",
        purpose: None,
        imports: &[],
        is_authorization: false,
        definitions: r#"
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
scalar link__Import
enum link__Purpose {
  "What is needed to resolve fields securely."
  SECURITY
  "What is needed to execute operations."
  EXECUTION
}"#,
    },
    Feature {
        version: "join/v0.4",
        purpose: Some("EXECUTION"),
        imports: &[],
        is_authorization: false,
        definitions: "
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean, overrideLabel: String) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE
directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE
directive @join__directive(graphs: [join__Graph!], name: String!, args: join__DirectiveArguments) repeatable on SCHEMA | OBJECT | INTERFACE | FIELD_DEFINITION
scalar join__FieldSet
scalar join__DirectiveArguments",
    },
    Feature {
        version: "inaccessible/v0.2",
        purpose: Some("SECURITY"),
        imports: &[],
        is_authorization: false,
        definitions: "
directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION",
    },
    Feature {
        version: "authenticated/v0.1",
        purpose: Some("SECURITY"),
        imports: &[],
        is_authorization: true,
        definitions: "
directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM",
    },
    Feature {
        version: "requiresScopes/v0.1",
        purpose: Some("SECURITY"),
        imports: &[],
        is_authorization: true,
        definitions: "
directive @requiresScopes(scopes: [[requiresScopes__Scope!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
scalar requiresScopes__Scope",
    },
    Feature {
        version: "policy/v0.1",
        purpose: Some("SECURITY"),
        imports: &[],
        is_authorization: true,
        definitions: "
directive @policy(policies: [[policy__Policy!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
scalar policy__Policy",
    },
    Feature {
        version: "tag/v0.3",
        purpose: None,
        imports: &[],
        is_authorization: false,
        definitions: "
directive @tag(name: String!) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | SCHEMA",
    },
    Feature {
        version: "cost/v0.1",
        purpose: None,
        imports: &["listSize"],
        is_authorization: false,
        definitions: "
directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION",
    },
];

impl Feature {
    fn name(&self) -> &str {
        self.version.split('/').next().unwrap_or_default()
    }

    /// Whether a directive of this name belongs to it.
    fn has_directive(&self, name: &str) -> bool {
        name == self.name() || self.imports.contains(&name) || self.is_prefix_of(name)
    }

    fn is_prefix_of(&self, name: &str) -> bool {
        name.strip_prefix(self.name())
            .is_some_and(|rest| rest.starts_with("__"))
    }

    /// Whether it is defined here, rather than by the composer.
    fn has_definition(&self, definition: &Definition<'static, String>) -> bool {
        match definition {
            Definition::DirectiveDefinition(directive) => self.has_directive(&directive.name),
            Definition::TypeDefinition(definition) => {
                let name = match definition {
                    TypeDefinition::Scalar(scalar) => &scalar.name,
                    TypeDefinition::Enum(definition) => &definition.name,
                    _ => return false,
                };
                // This one is specific to each supergraph.
                name != "join__Graph" && self.is_prefix_of(name)
            }
            _ => false,
        }
    }

    fn is_linked_by(&self, directive: &Directive) -> bool {
        let mut arguments = directive.arguments.iter();
        let identity = format!("https://specs.apollo.dev/{}/", self.name());
        directive.name == "link"
            && arguments.any(|(name, value)| {
                name == "url" && matches!(value, Value::String(url) if url.starts_with(&identity))
            })
    }

    fn link(&self) -> String {
        let mut link = format!("@link(url: \"https://specs.apollo.dev/{}\"", self.version);
        if !self.imports.is_empty() {
            let names = std::iter::once(self.name()).chain(self.imports.iter().copied());
            let names: Vec<String> = names.map(|name| format!("\"@{name}\"")).collect();
            link += &format!(", import: [{}]", names.join(", "));
        }
        if let Some(purpose) = self.purpose {
            link += &format!(", for: {purpose}");
        }
        link + ")"
    }
}

/// Links and defines the features that are used.
///
/// # Errors
/// None, as long as the definitions above are valid GraphQL.
pub(super) fn link_features(document: &mut Document) -> Result<(), ComposeError> {
    let mut used = BTreeSet::new();
    each_directive(document, &mut |directive| {
        used.insert(directive.name.clone());
    });
    let features: Vec<&Feature> = FEATURES
        .iter()
        .filter(|feature| {
            matches!(feature.name(), "link" | "join")
                || used.iter().any(|name| feature.has_directive(name))
        })
        .collect();
    let links: Vec<String> = features.iter().map(|feature| feature.link()).collect();
    let definitions: String = features.iter().map(|feature| feature.definitions).collect();
    let text = format!("schema {} {{ query: Query }}{definitions}", links.join(" "));
    let linked = graphql_tools::parser::parse_schema::<String>(&text)
        .map_err(failed)?
        .into_static();

    document
        .definitions
        .retain(|definition| !FEATURES.iter().any(|one| one.has_definition(definition)));
    let mut definitions = linked.definitions.into_iter();
    let links = match definitions.next() {
        Some(Definition::SchemaDefinition(schema)) => schema.directives,
        _ => Vec::new(),
    };
    let mut after_schema = 0;
    for (index, definition) in document.definitions.iter_mut().enumerate() {
        if let Definition::SchemaDefinition(schema) = definition {
            schema
                .directives
                .retain(|directive| !FEATURES.iter().any(|one| one.is_linked_by(directive)));
            schema.directives.splice(0..0, links);
            after_schema = index + 1;
            break;
        }
    }
    document
        .definitions
        .splice(after_schema..after_schema, definitions);
    Ok(())
}

/// Removes authorization directives, for routers that reject them, in front of subgraphs that check callers themselves.
pub(super) fn omit_authorization(document: &mut Document) -> Result<(), ComposeError> {
    let remains = |directive: &Directive| {
        let mut features = FEATURES.iter().filter(|feature| feature.is_authorization);
        !features.any(|feature| feature.has_directive(&directive.name))
    };
    for definition in definitions_mut(document) {
        let (directives, fields) = match definition {
            TypeDefinition::Object(object) => (&mut object.directives, &mut object.fields[..]),
            TypeDefinition::Interface(interface) => {
                (&mut interface.directives, &mut interface.fields[..])
            }
            TypeDefinition::Scalar(scalar) => (&mut scalar.directives, &mut [][..]),
            TypeDefinition::Enum(definition) => (&mut definition.directives, &mut [][..]),
            // No other definition can have them.
            TypeDefinition::Union(_) | TypeDefinition::InputObject(_) => continue,
        };
        directives.retain(remains);
        for field in fields {
            field.directives.retain(remains);
        }
    }
    link_features(document)
}
