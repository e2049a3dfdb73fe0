//! `@specifiedBy` on custom scalars, which the composer drops.

use std::collections::BTreeMap;

use graphql_tools::static_graphql::schema::{Directive, Document, TypeDefinition};

use super::definitions_mut;
use crate::type_system::ast;

/// Each scalar's directive, with the first subgraph that has it.
#[derive(Default)]
pub(super) struct Specifications {
    by_scalar: BTreeMap<String, (Directive, String)>,
    hints: Vec<String>,
}

impl Specifications {
    /// Adds a subgraph's scalars. A URL that differs from an earlier subgraph's is noted as a hint.
    pub(super) fn add(&mut self, subgraph: &str, document: &ast::Document) {
        for definition in &document.definitions {
            let ast::Definition::Type(definition) = definition else {
                continue;
            };
            let mut directives = definition.directives.iter();
            let Some(directive) = directives.find(|known| known.name == "specifiedBy") else {
                continue;
            };
            let scalar = &definition.name;
            match self.by_scalar.get(scalar) {
                None => {
                    let specification = (directive.clone(), subgraph.to_owned());
                    self.by_scalar.insert(scalar.clone(), specification);
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
    }

    /// Puts the directives on the supergraph's scalars, and returns the hints.
    pub(super) fn apply(mut self, supergraph: &mut Document) -> Vec<String> {
        for definition in definitions_mut(supergraph) {
            if let TypeDefinition::Scalar(scalar) = definition
                && let Some((directive, _)) = self.by_scalar.remove(&scalar.name)
            {
                scalar.directives.insert(0, directive);
            }
        }
        self.hints
    }
}
