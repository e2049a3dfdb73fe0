//! What a document may be before anything is planned for it, and which limit one exceeds.

use std::fmt;

use graphql_tools::parser::query::{Definition, Selection, SelectionSet};
use graphql_tools::static_graphql::query::{Directive, Document};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits of an operation. The defaults are beyond what storefronts write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OperationLimits {
    /// Words and signs of the document.
    pub tokens: usize,
    /// Levels of fields, fragments spread. The parser follows no more than 50 levels of brackets, whatever is
    /// allowed here.
    pub depth: usize,
    /// Fields, every fragment counted at each place it is spread.
    pub fields: usize,
    /// Aliases in the document.
    pub aliases: usize,
    /// Fields of the operation itself.
    pub root_fields: usize,
    /// Directives in the document.
    pub directives: usize,
    /// How often one response key may be written in one selection.
    pub repeated_fields: usize,
    /// How long the planner may think, in milliseconds.
    pub planning_ms: u64,
}

impl Default for OperationLimits {
    fn default() -> Self {
        Self {
            tokens: 8_000,
            depth: 100,
            fields: 20_000,
            aliases: 500,
            root_fields: 100,
            directives: 200,
            repeated_fields: 50,
            planning_ms: 2_000,
        }
    }
}

/// A limit that a document exceeds. It displays as what clients are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// The limit's name in the configuration.
    pub limit: &'static str,
    pub allowed: usize,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, allowed } = self;
        write!(f, "The operation exceeds the limit `{limit}` of {allowed}.")
    }
}

/// Counts what can be counted without spreading fragments. It recurses as deep as the document is written,
/// which the parser has bounded.
pub(super) fn check(document: &Document, limits: &OperationLimits) -> Result<(), Exceeded> {
    let mut count = Count {
        limits,
        aliases: 0,
        directives: 0,
    };
    for definition in &document.definitions {
        match definition {
            Definition::Operation(operation) => {
                let selections = operation.selection_set();
                at_most("root_fields", selections.items.len(), limits.root_fields)?;
                count.selections(selections)?;
            }
            Definition::Fragment(fragment) => {
                count.directives(&fragment.directives)?;
                count.selections(&fragment.selection_set)?;
            }
        }
    }
    Ok(())
}

pub(super) fn at_most(limit: &'static str, found: usize, allowed: usize) -> Result<(), Exceeded> {
    if found > allowed {
        return Err(Exceeded { limit, allowed });
    }
    Ok(())
}

struct Count<'l> {
    limits: &'l OperationLimits,
    aliases: usize,
    directives: usize,
}

impl Count<'_> {
    fn selections(&mut self, set: &SelectionSet<'static, String>) -> Result<(), Exceeded> {
        let mut keys = std::collections::HashMap::new();
        for selection in &set.items {
            match selection {
                Selection::Field(field) => {
                    self.aliases += usize::from(field.alias.is_some());
                    at_most("aliases", self.aliases, self.limits.aliases)?;
                    let key = field.alias.as_deref().unwrap_or(&field.name);
                    let times = keys.entry(key).or_insert(0);
                    *times += 1;
                    at_most("repeated_fields", *times, self.limits.repeated_fields)?;
                    self.directives(&field.directives)?;
                    self.selections(&field.selection_set)?;
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.directives)?;
                    self.selections(&fragment.selection_set)?;
                }
                Selection::FragmentSpread(spread) => self.directives(&spread.directives)?,
            }
        }
        Ok(())
    }

    fn directives(&mut self, directives: &[Directive]) -> Result<(), Exceeded> {
        self.directives += directives.len();
        at_most("directives", self.directives, self.limits.directives)
    }
}
