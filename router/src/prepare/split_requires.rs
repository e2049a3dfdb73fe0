//! Splits an entity fetch by what its fields `@require`. The planner merges fields with different requirements into one
//! fetch; for an entity that lacks some of them, these fetches request the fields that can still be resolved.

use std::collections::BTreeSet;

use hive_router_planner::ast::document::Document;
use hive_router_planner::ast::operation::PlanningFetchOperation;
use hive_router_planner::ast::selection_item::SelectionItem;
use hive_router_planner::ast::selection_set::SelectionSet;
use hive_router_planner::ast::value::Value;
use hive_router_planner::planner::plan_nodes::planning::FetchNode;

use super::requires::selections;
use crate::supergraph::Supergraph;

/// The variable with the representations.
pub(super) const REPRESENTATIONS: &str = "representations";

/// More parts would cost a subgraph more requests than the fields are worth.
const MAX_PARTS: usize = 8;

/// Fields of an entity with the same requirements, and the representation they need.
struct Part {
    selections: SelectionSet,
    requires: SelectionSet,
}

/// The field sets that a field requires, on all types the selection may concern.
type FieldSets = BTreeSet<String>;

/// The fetches for the parts of the `_entities` field with this key. Each takes its representations from
/// `$representations`.
pub(super) fn split(
    node: &FetchNode,
    key: &str,
    supergraph: &Supergraph,
) -> Option<Vec<FetchNode>> {
    let document = &node.operation.document;
    let items = document.operation.selection_set.items.iter();
    let field = items.into_iter().find_map(|item| match item {
        SelectionItem::Field(field) if field.selection_identifier() == key => Some(field),
        _ => None,
    })?;
    let inline =
        |selections: &SelectionSet| selections.inline_fragment_spreads(&document.fragments).ok();
    let parts = parts(
        &node.service_name,
        &inline(&field.selections)?,
        &inline(&selections(node.requires.as_ref()?))?,
        supergraph,
    );
    let fetches = parts.into_iter().map(|part| {
        let mut field = field.clone();
        field.alias = None;
        field.selections = part.selections;
        field.arguments = Some(("representations".to_owned(), variable(REPRESENTATIONS)).into());
        let used = field.selections.variable_usages();
        let mut document = Document::clone(document);
        document.fragments.clear();
        document.operation.selection_set.items = vec![SelectionItem::Field(field)];
        let variables = document
            .operation
            .variable_definitions
            .get_or_insert_default();
        let mut representations = None;
        variables.retain_mut(|known| {
            if known.variable_type.inner_type() == "_Any" {
                known.name = REPRESENTATIONS.to_owned();
                representations = Some(known.clone());
                return false;
            }
            used.contains(&known.name)
        });
        variables.extend(representations);
        let mut fetch = node.clone();
        fetch.requires = Some((&part.requires).into());
        fetch.operation = PlanningFetchOperation::from_anonymous_operation(document);
        fetch.variable_usages = Some(used);
        fetch
    });
    Some(fetches.collect())
}

fn variable(name: &str) -> Value {
    Value::Variable(name.to_owned())
}

/// The parts of an entity fetch; none if all fields have the same requirements. Neither selection has named fragments.
fn parts(
    subgraph: &str,
    selections: &SelectionSet,
    requires: &SelectionSet,
    supergraph: &Supergraph,
) -> Vec<Part> {
    let Some(graph) = supergraph.graph_of(subgraph) else {
        return Vec::new();
    };
    let cutter = Splitter { graph, supergraph };
    let mut groups = BTreeSet::new();
    cutter.groups(selections, None, &mut groups);
    if !(2..=MAX_PARTS).contains(&groups.len()) {
        return Vec::new();
    }
    let all: Vec<SelectionSet> = groups.iter().map(field_sets).collect();
    let parts = groups.iter().zip(&all).map(|(needs, own)| {
        let selections = cutter.selected(selections, None, needs);
        let foreign = all.iter().filter(|others| *others != own);
        let foreign = SelectionSet {
            items: foreign.flat_map(|others| others.items.clone()).collect(),
        };
        let requires = cutter.required(requires, None, own, &foreign);
        Part {
            selections,
            requires,
        }
    });
    parts.collect()
}

struct Splitter<'a> {
    graph: &'a str,
    supergraph: &'a Supergraph,
}

impl Splitter<'_> {
    fn groups(
        &self,
        selections: &SelectionSet,
        parent: Option<&str>,
        groups: &mut BTreeSet<FieldSets>,
    ) {
        for item in &selections.items {
            match item {
                SelectionItem::Field(field) if field.name == "__typename" => {}
                SelectionItem::Field(field) => {
                    groups.insert(self.needs(parent, &field.name));
                }
                SelectionItem::InlineFragment(fragment) => {
                    self.groups(&fragment.selections, Some(&fragment.type_condition), groups);
                }
                SelectionItem::FragmentSpread(_) => {}
            }
        }
    }

    /// The fields with these requirements.
    fn selected(
        &self,
        selections: &SelectionSet,
        parent: Option<&str>,
        needs: &FieldSets,
    ) -> SelectionSet {
        let items = selections.items.iter().filter_map(|item| match item {
            SelectionItem::Field(field) => {
                let wanted =
                    field.name == "__typename" || self.needs(parent, &field.name) == *needs;
                wanted.then(|| item.clone())
            }
            SelectionItem::InlineFragment(fragment) => {
                let parent = Some(fragment.type_condition.as_str());
                let selections = self.selected(&fragment.selections, parent, needs);
                let mut fragment = fragment.clone();
                fragment.selections = selections;
                (!fragment.selections.items.is_empty())
                    .then_some(SelectionItem::InlineFragment(fragment))
            }
            SelectionItem::FragmentSpread(_) => None,
        });
        SelectionSet {
            items: items.collect(),
        }
    }

    /// A representation without what only other parts need.
    fn required(
        &self,
        requires: &SelectionSet,
        parent: Option<&str>,
        own: &SelectionSet,
        foreign: &SelectionSet,
    ) -> SelectionSet {
        let items = requires.items.iter().filter_map(|item| match item {
            SelectionItem::Field(field) => {
                let name = field.selection_identifier();
                if find(foreign, name).is_none() || self.is_key(parent, name) {
                    return Some(item.clone());
                }
                let own = find(own, name)?;
                let mut field = field.clone();
                field.selections = only(&field.selections, &own);
                Some(SelectionItem::Field(field))
            }
            SelectionItem::InlineFragment(fragment) => {
                let parent = Some(fragment.type_condition.as_str());
                let selections = self.required(&fragment.selections, parent, own, foreign);
                let mut fragment = fragment.clone();
                fragment.selections = selections;
                Some(SelectionItem::InlineFragment(fragment))
            }
            SelectionItem::FragmentSpread(_) => None,
        });
        SelectionSet {
            items: items.collect(),
        }
    }

    fn needs(&self, parent: Option<&str>, field: &str) -> FieldSets {
        let Some(parent) = parent else {
            return FieldSets::new();
        };
        let definitions = &self.supergraph.planner.supergraph.definitions;
        let possible = self.supergraph.types.possible(parent);
        std::iter::once(parent)
            .chain(possible)
            .filter_map(|name| definitions.get(name)?.fields().get(field))
            .flat_map(|field| &field.join_field)
            .filter(|join| join.graph_id.as_deref() == Some(self.graph))
            .filter_map(|join| join.requires.clone())
            .collect()
    }

    fn is_key(&self, parent: Option<&str>, field: &str) -> bool {
        let definitions = &self.supergraph.planner.supergraph.definitions;
        let definition = parent.and_then(|parent| definitions.get(parent));
        let joins = definition.into_iter().flat_map(|known| known.join_types());
        joins
            .filter(|join| join.graph_id == self.graph)
            .filter_map(|join| join.key.as_deref())
            .any(|key| find(&parse(key), field).is_some())
    }
}

/// A top-level field of a field set.
fn find(selections: &SelectionSet, name: &str) -> Option<SelectionSet> {
    let mut found: Option<SelectionSet> = None;
    for item in &selections.items {
        let inner = match item {
            SelectionItem::Field(field) if field.name == name => Some(field.selections.clone()),
            SelectionItem::InlineFragment(fragment) => find(&fragment.selections, name),
            _ => None,
        };
        if let Some(inner) = inner {
            found.get_or_insert_default().items.extend(inner.items);
        }
    }
    found
}

/// The part of an object's selection that is needed.
fn only(selections: &SelectionSet, needed: &SelectionSet) -> SelectionSet {
    let items = selections.items.iter().filter_map(|item| match item {
        SelectionItem::Field(field) if field.name == "__typename" => Some(item.clone()),
        SelectionItem::Field(field) => {
            let needed = find(needed, field.selection_identifier())?;
            let mut field = field.clone();
            field.selections = only(&field.selections, &needed);
            Some(SelectionItem::Field(field))
        }
        SelectionItem::InlineFragment(fragment) => {
            let mut fragment = fragment.clone();
            fragment.selections = only(&fragment.selections, needed);
            Some(SelectionItem::InlineFragment(fragment))
        }
        SelectionItem::FragmentSpread(_) => None,
    });
    SelectionSet {
        items: items.collect(),
    }
}

fn field_sets(needs: &FieldSets) -> SelectionSet {
    let sets = needs.iter().map(|needs| parse(needs));
    SelectionSet {
        items: sets.flat_map(|set| set.items).collect(),
    }
}

/// Parses a field set, which composition has validated.
fn parse(fields: &str) -> SelectionSet {
    use graphql_tools::parser::query::{Definition, OperationDefinition};
    let text = format!("{{ {fields} }}");
    let document = graphql_tools::parser::parse_query::<String>(&text);
    let definitions = document.map(|document| document.definitions);
    match definitions.unwrap_or_default().pop() {
        Some(Definition::Operation(OperationDefinition::SelectionSet(set))) => set.into(),
        _ => SelectionSet::default(),
    }
}
