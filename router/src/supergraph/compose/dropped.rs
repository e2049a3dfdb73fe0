//! Puts back what the composer drops: `@specifiedBy` of custom scalars, and the descriptions of root types.

use std::collections::BTreeMap;

use graphql_tools::static_graphql::schema::{Directive, Document, TypeDefinition};

use super::definitions_mut;
use crate::prepare::OperationKind;
use crate::type_system::ast::{self, Definition};

const OPERATIONS: [(OperationKind, &str); 3] = [
    (OperationKind::Query, "Query"),
    (OperationKind::Mutation, "Mutation"),
    (OperationKind::Subscription, "Subscription"),
];

/// Collected from subgraphs; the first one that has something counts.
#[derive(Default)]
pub(super) struct Dropped {
    /// By scalar, with the subgraph.
    specifications: BTreeMap<String, (Directive, String)>,
    /// In the order of [`OPERATIONS`].
    descriptions: [Option<String>; OPERATIONS.len()],
    hints: Vec<String>,
}

impl Dropped {
    /// Adds a subgraph. A scalar whose URL differs from an earlier subgraph's is noted as a hint.
    pub(super) fn add(&mut self, subgraph: &str, document: &ast::Document) {
        for definition in &document.definitions {
            let Definition::Type(definition) = definition else {
                continue;
            };
            let mut directives = definition.directives.iter();
            if let Some(directive) = directives.find(|known| known.name == "specifiedBy") {
                self.specify(subgraph, &definition.name, directive);
            }
            for (known, (operation, name)) in self.descriptions.iter_mut().zip(OPERATIONS) {
                if known.is_none() && definition.name == root(document, operation).unwrap_or(name) {
                    known.clone_from(&definition.description);
                }
            }
        }
    }

    fn specify(&mut self, subgraph: &str, scalar: &str, directive: &Directive) {
        match self.specifications.get(scalar) {
            None => {
                let specification = (directive.clone(), subgraph.to_owned());
                self.specifications.insert(scalar.to_owned(), specification);
            }
            Some((known, first))
                if ast::argument(known, "url") != ast::argument(directive, "url") =>
            {
                self.hints.push(format!(
                    "scalar {scalar} is specified by different URLs: the one of {first} is used, not the one of {subgraph}"
                ));
            }
            Some(_) => {}
        }
    }

    /// Completes the supergraph, and returns the hints.
    pub(super) fn restore(mut self, supergraph: &mut Document) -> Vec<String> {
        let roots = [
            supergraph.query_type_name().cloned(),
            supergraph.mutation_type_name().cloned(),
            supergraph.subscription_type_name().cloned(),
        ];
        for definition in definitions_mut(supergraph) {
            match definition {
                TypeDefinition::Scalar(scalar) => {
                    if let Some((directive, _)) = self.specifications.remove(&scalar.name) {
                        scalar.directives.insert(0, directive);
                    }
                }
                TypeDefinition::Object(object) => {
                    let mut described = roots.iter().zip(&mut self.descriptions);
                    if let Some((_, description)) =
                        described.find(|(root, _)| root.as_ref() == Some(&object.name))
                    {
                        object.description = description.take().or(object.description.take());
                    }
                }
                _ => {}
            }
        }
        self.hints
    }
}

/// The root type that a document names for an operation.
fn root(document: &ast::Document, operation: OperationKind) -> Option<&str> {
    let schemas = document.definitions.iter();
    let schemas = schemas.filter_map(|definition| match definition {
        Definition::Schema(schema) => Some(&schema.operations),
        _ => None,
    });
    let mut operations = schemas.flatten();
    let named = operations.find(|(known, _)| *known == operation);
    named.map(|(_, name)| name.as_str())
}
