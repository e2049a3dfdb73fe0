//! Removes costs from the schema for the planner.

use graphql_tools::static_graphql::schema::{Directive, Document, Field, TypeDefinition};

use crate::supergraph::definitions_mut;

/// The document without costs: the planner only accepts integer weights.
pub(in crate::supergraph) fn without(document: &Document) -> Document {
    let mut document = document.clone();
    let strip = |directives: &mut Vec<Directive>| {
        directives.retain(|directive| directive.name != "cost" && directive.name != "listSize");
    };
    let strip_fields = |fields: &mut Vec<Field>| {
        for field in fields {
            strip(&mut field.directives);
            for argument in &mut field.arguments {
                strip(&mut argument.directives);
            }
        }
    };
    for definition in definitions_mut(&mut document) {
        match definition {
            TypeDefinition::Object(object) => {
                strip(&mut object.directives);
                strip_fields(&mut object.fields);
            }
            TypeDefinition::Interface(interface) => {
                strip(&mut interface.directives);
                strip_fields(&mut interface.fields);
            }
            TypeDefinition::InputObject(input) => {
                strip(&mut input.directives);
                for field in &mut input.fields {
                    strip(&mut field.directives);
                }
            }
            TypeDefinition::Union(union) => strip(&mut union.directives),
            TypeDefinition::Scalar(scalar) => strip(&mut scalar.directives),
            TypeDefinition::Enum(inner) => strip(&mut inner.directives),
        }
    }
    document
}
