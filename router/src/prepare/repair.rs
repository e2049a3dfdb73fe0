//! Repairs planner output that subgraphs would reject.

use std::collections::BTreeSet;

use hive_router_planner::ast::document::Document;
use hive_router_planner::ast::selection_item::SelectionItem;
use hive_router_planner::ast::selection_set::{FieldSelection, SelectionSet};

use crate::supergraph::Supergraph;

/// The planner leaves behind empty fragments whose fields moved to another fetch, which do not parse, and fragments on
/// impossible types, which do not validate. Removes both and returns whether there were any.
pub(super) fn repair(document: &mut Document, supergraph: &Supergraph) -> bool {
    let repair = Repair { supergraph };
    let operation = &mut document.operation;
    let mut broken = repair.selections(&mut operation.selection_set, None);
    for fragment in &mut document.fragments {
        let condition = Some(fragment.type_condition.as_str());
        broken |= repair.selections(&mut fragment.selection_set, condition);
    }
    if broken {
        drop_unused_fragments(document);
    }
    let operation = &mut document.operation;
    if broken && let Some(variables) = &mut operation.variable_definitions {
        let mut used = operation.selection_set.variable_usages();
        for fragment in &document.fragments {
            used.extend(fragment.selection_set.variable_usages());
        }
        variables.retain(|variable| used.contains(&variable.name));
    }
    broken
}

struct Repair<'s> {
    supergraph: &'s Supergraph,
}

impl Repair<'_> {
    /// `parent` is the selection's type, if known.
    fn selections(&self, selections: &mut SelectionSet, parent: Option<&str>) -> bool {
        let before = selections.items.len();
        let mut broken = false;
        selections.items.retain_mut(|item| match item {
            SelectionItem::Field(field) => {
                let had = !field.selections.items.is_empty();
                let inner = parent.and_then(|parent| self.type_of(parent, &field.name));
                broken |= self.selections(&mut field.selections, inner);
                if had && field.selections.items.is_empty() {
                    // Whether the object exists must still be known.
                    field.selections.items.push(typename());
                }
                true
            }
            SelectionItem::InlineFragment(fragment) => {
                let condition = fragment.type_condition.as_str();
                if parent.is_some_and(|parent| !self.overlap(parent, condition)) {
                    return false;
                }
                let condition = condition.to_owned();
                broken |= self.selections(&mut fragment.selections, Some(&condition));
                !fragment.selections.items.is_empty()
            }
            SelectionItem::FragmentSpread(_) => true,
        });
        broken || selections.items.len() < before
    }

    fn type_of(&self, parent: &str, field: &str) -> Option<&str> {
        let definitions = &self.supergraph.planner.supergraph.definitions;
        let field = definitions.get(parent)?.fields().get(field)?;
        Some(field.field_type.inner_type())
    }

    fn overlap(&self, one: &str, other: &str) -> bool {
        let types = &self.supergraph.types;
        let others = types.set([other]);
        one == other
            || types
                .possible(one)
                .any(|name| others.contains(types.find(name)))
    }
}

/// Drops fragments that are no longer spread, transitively.
fn drop_unused_fragments(document: &mut Document) {
    fn spreads<'s>(selections: &'s SelectionSet, names: &mut Vec<&'s str>) {
        for item in &selections.items {
            match item {
                SelectionItem::Field(field) => spreads(&field.selections, names),
                SelectionItem::InlineFragment(fragment) => spreads(&fragment.selections, names),
                SelectionItem::FragmentSpread(name) => names.push(name),
            }
        }
    }
    let mut names = Vec::new();
    spreads(&document.operation.selection_set, &mut names);
    let mut used: BTreeSet<String> = BTreeSet::new();
    while let Some(name) = names.pop() {
        if used.insert(name.to_owned())
            && let Some(fragment) = document.fragments.iter().find(|known| known.name == name)
        {
            spreads(&fragment.selection_set, &mut names);
        }
    }
    document
        .fragments
        .retain(|fragment| used.contains(&fragment.name));
}

fn typename() -> SelectionItem {
    SelectionItem::Field(FieldSelection::new_typename())
}
