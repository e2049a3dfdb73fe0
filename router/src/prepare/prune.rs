//! Prunes the client's document before planning.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use graphql_tools::parser::query::{
    Definition, Field, InlineFragment, OperationDefinition, Selection, SelectionSet, TypeCondition,
};
use graphql_tools::static_graphql::query::{Directive, Document, Value};

use super::aliases::Aliases;
use super::document::{Selections, fragment_type, is_introspection, root_type};
use crate::supergraph::{RequirementId, Supergraph, named_type};

/// Maximum number of selections copied when a field of an abstract type is denied for some of its objects.
const MAX_COPIES: usize = 2_000;

/// The document for the planner: without introspection, without skipped selections, and without what the caller may not
/// see. Objects left empty are kept, since the planner would drop them. `@defer` does not affect what is fetched.
///
/// `conditions` are the values of variables in `@skip` and `@include`, which are resolved here: the planner loses
/// fields where fragments with different conditions meet.
pub(super) fn for_planner(
    document: &Document,
    supergraph: &Supergraph,
    aliases: &Aliases,
    denied: &BTreeSet<RequirementId>,
    conditions: &BTreeMap<&str, bool>,
) -> Document {
    let pruner = Pruner {
        supergraph,
        aliases,
        denied,
        conditions,
        copies: Cell::new(MAX_COPIES),
    };
    let mut document = document.clone();
    for definition in &mut document.definitions {
        match definition {
            Definition::Operation(operation) => {
                let root = root_type(operation, supergraph).to_owned();
                let selections = match operation {
                    OperationDefinition::SelectionSet(selections) => selections,
                    OperationDefinition::Query(query) => &mut query.selection_set,
                    OperationDefinition::Mutation(mutation) => &mut mutation.selection_set,
                    OperationDefinition::Subscription(subscription) => {
                        &mut subscription.selection_set
                    }
                };
                pruner.prune(selections, &root);
            }
            Definition::Fragment(fragment) => {
                let TypeCondition::On(name) = &fragment.type_condition;
                pruner.prune(&mut fragment.selection_set, name);
            }
        }
    }
    aliases.rename_variables(&mut document);
    document
}

struct Pruner<'a> {
    supergraph: &'a Supergraph,
    aliases: &'a Aliases,
    denied: &'a BTreeSet<RequirementId>,
    conditions: &'a BTreeMap<&'a str, bool>,
    /// How many more selections may be copied.
    copies: Cell<usize>,
}

impl Pruner<'_> {
    fn prune(&self, selections: &mut Selections, parent: &str) {
        if selections.items.is_empty() {
            return;
        }
        // If visibility depends on the object's type, the type must be fetched.
        let mut needs_type = self.supergraph.access.hides_members(parent);
        for mut selection in std::mem::take(&mut selections.items) {
            if !self.decide(directives(&mut selection)) {
                continue;
            }
            match &mut selection {
                Selection::Field(field) => {
                    if is_introspection(field) || self.is_denied(parent, &field.name) {
                        continue;
                    }
                    let known = self.supergraph.schema.field(parent, &field.name);
                    if let Some(known) = known {
                        self.prune(&mut field.selection_set, named_type(&known.field_type));
                    }
                    if let Some(key) = self.aliases.key(field, &self.supergraph.needed) {
                        field.alias = Some(key);
                    } else if field.alias.as_ref() == Some(&field.name) {
                        // The planner treats an aliased and an unaliased field as different.
                        field.alias = None;
                    }
                    let refusing = self.refusing(parent, &field.name);
                    if !refusing.is_empty() {
                        needs_type = true;
                        if let Some(fragments) = self.without(field, parent, &refusing) {
                            selections.items.extend(fragments);
                            continue;
                        }
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let inner = fragment_type(fragment, parent).to_owned();
                    self.prune(&mut fragment.selection_set, &inner);
                }
                Selection::FragmentSpread(_) => {}
            }
            selections.items.push(selection);
        }
        // Whether the object exists must still be known; and for an interface object, its concrete type: the planner
        // forgets the key that determines it if only keys of members are selected.
        let members_only = selections
            .items
            .iter()
            .all(|item| !matches!(item, Selection::Field(_)));
        if needs_type
            || selections.items.is_empty()
            || (members_only && self.is_interface_object(parent))
        {
            selections.items.push(Selection::Field(Field {
                position: selections.span.0,
                alias: None,
                name: "__typename".to_owned(),
                arguments: Vec::new(),
                directives: Vec::new(),
                selection_set: SelectionSet {
                    span: selections.span,
                    items: Vec::new(),
                },
            }));
        }
    }

    /// The objects for which a field of an abstract type must not be shown.
    fn refusing(&self, parent: &str, field: &str) -> Vec<&str> {
        let access = &self.supergraph.access;
        access.denying(parent, field, |id| self.denied.contains(&id))
    }

    /// Selects the field separately on each of the other objects, so that denied values are not fetched. `None` if that
    /// would copy too much; the projection hides the field in any case.
    fn without(
        &self,
        field: &Field<'static, String>,
        parent: &str,
        refusing: &[&str],
    ) -> Option<Vec<Selection<'static, String>>> {
        let others: Vec<&str> = self
            .supergraph
            .types
            .possible(parent)
            .filter(|object| !refusing.contains(object))
            .collect();
        let copied = count(&field.selection_set).saturating_mul(others.len());
        self.copies.set(self.copies.get().checked_sub(copied)?);
        let fragments = others.into_iter().map(|object| {
            Selection::InlineFragment(InlineFragment {
                position: field.position,
                type_condition: Some(TypeCondition::On(object.to_owned())),
                directives: Vec::new(),
                selection_set: SelectionSet {
                    span: (field.position, field.position),
                    items: vec![Selection::Field(field.clone())],
                },
            })
        });
        Some(fragments.collect())
    }

    /// Whether some subgraph knows only the interface.
    fn is_interface_object(&self, name: &str) -> bool {
        let definitions = &self.supergraph.planner.supergraph.definitions;
        definitions.get(name).is_some_and(|definition| {
            let mut joins = definition.join_types().iter();
            joins.any(|join| join.is_interface_object)
        })
    }

    /// Removes `@skip`, `@include` and `@defer`, and returns whether the selection remains.
    fn decide(&self, directives: &mut Vec<Directive>) -> bool {
        let mut included = true;
        directives.retain(|directive| {
            let wanted = match directive.name.as_str() {
                "skip" => false,
                "include" => true,
                "defer" => return false,
                _ => return true,
            };
            let condition = directive.arguments.iter().find(|(name, _)| name == "if");
            let value = match condition.map(|(_, value)| value) {
                Some(Value::Boolean(value)) => *value,
                Some(Value::Variable(name)) => {
                    let known = self.conditions.get(name.as_str());
                    known.copied().unwrap_or_default()
                }
                _ => !wanted,
            };
            included &= value == wanted;
            false
        });
        included
    }

    fn is_denied(&self, parent: &str, field: &str) -> bool {
        !self.denied.is_empty()
            && self
                .supergraph
                .access
                .of_field(parent, field)
                .is_some_and(|requirement| self.denied.contains(&requirement))
    }
}

/// Selections in a set at any depth, plus one for their parent.
fn count(set: &Selections) -> usize {
    let inner = set.items.iter().map(|selection| match selection {
        Selection::Field(field) => count(&field.selection_set),
        Selection::InlineFragment(fragment) => count(&fragment.selection_set),
        Selection::FragmentSpread(_) => 1,
    });
    1 + inner.sum::<usize>()
}

fn directives<'s>(selection: &'s mut Selection<'static, String>) -> &'s mut Vec<Directive> {
    match selection {
        Selection::Field(field) => &mut field.directives,
        Selection::InlineFragment(fragment) => &mut fragment.directives,
        Selection::FragmentSpread(spread) => &mut spread.directives,
    }
}
