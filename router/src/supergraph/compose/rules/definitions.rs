//! Definitions of federation's directives that a subgraph writes out.

use super::Report;
use super::links::Links;
use super::specification;
use crate::error::CompositionCode;
use crate::type_system::Schema;
use crate::type_system::ast::{self, DirectiveDefinition};

/// Checks and removes them: the rules know them.
pub(super) fn check(
    subgraph: &str,
    schema: &mut Schema,
    links: &Links,
    report: &mut Report,
) -> bool {
    let mut is_valid = true;
    for definition in schema.directive_definitions.values() {
        let own = links.names.get(&definition.name).copied();
        if own == Some("tag") && !is_tag(definition) {
            is_valid = false;
            report.add(
                CompositionCode::DirectiveDefinitionInvalid,
                [subgraph],
                format!(
                    "[{subgraph}] @{} is not defined as federation does: remove the definition, or write `directive @tag(name: String!) repeatable on FIELD_DEFINITION | OBJECT | …`",
                    definition.name
                ),
            );
        }
    }
    schema.directive_definitions.retain(|name, _| {
        !links.names.contains_key(name)
            && name != "link"
            && !specification::BUILT_IN
                .iter()
                .any(|known| known.name == name)
    });
    is_valid
}

fn is_tag(definition: &DirectiveDefinition) -> bool {
    let Some(known) = specification::directive("tag") else {
        return false;
    };
    let [argument] = &definition.arguments[..] else {
        return false;
    };
    let mut locations = definition.locations.iter();
    argument.name == "name"
        && ast::named(&argument.value_type) == "String"
        && locations.all(|location| known.locations.contains(&location.as_str()))
}
