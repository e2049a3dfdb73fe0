//! What of the client's document goes to the planner.

use std::collections::{BTreeMap, BTreeSet};

use graphql_tools::parser::query::{
    Definition, Field, OperationDefinition, Selection, SelectionSet, TypeCondition,
};
use graphql_tools::static_graphql::query::{Directive, Document, Value};

use super::document::{Selections, fragment_type, is_introspection, root_type};
use crate::supergraph::{RequirementId, Supergraph, named_type};

/// The document as the planner shall see it: without introspection, without what is skipped and without what
/// the caller may not have. The planner would leave out objects of which nothing remains.
///
/// `conditions` are the values of the variables that `@skip` and `@include` depend on. They are decided here:
/// the planner loses fields where fragments with different conditions meet.
pub(super) fn for_planner(
    document: &Document,
    supergraph: &Supergraph,
    denied: &BTreeSet<RequirementId>,
    conditions: &BTreeMap<&str, bool>,
) -> Document {
    let pruner = Pruner {
        supergraph,
        denied,
        conditions,
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
    document
}

struct Pruner<'a> {
    supergraph: &'a Supergraph,
    denied: &'a BTreeSet<RequirementId>,
    conditions: &'a BTreeMap<&'a str, bool>,
}

impl Pruner<'_> {
    fn prune(&self, selections: &mut Selections, parent: &str) {
        if selections.items.is_empty() {
            return;
        }
        selections.items.retain_mut(|selection| {
            if !self.decide(directives(selection)) {
                return false;
            }
            match selection {
                Selection::Field(field) => {
                    if is_introspection(field) || self.is_denied(parent, &field.name) {
                        return false;
                    }
                    let known = self.supergraph.schema.field(parent, &field.name);
                    if let Some(known) = known {
                        self.prune(&mut field.selection_set, named_type(&known.field_type));
                    }
                    if let Some(key) = self.supergraph.needed.room_for(field) {
                        field.alias = Some(key);
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let inner = fragment_type(fragment, parent).to_owned();
                    self.prune(&mut fragment.selection_set, &inner);
                }
                Selection::FragmentSpread(_) => {}
            }
            true
        });
        // Whether the object is there must still be known; and of one that came as an interface object, what it is:
        // the planner forgets the key that tells, where all that is selected are keys of members.
        let members_only = selections
            .items
            .iter()
            .all(|item| !matches!(item, Selection::Field(_)));
        if selections.items.is_empty() || (members_only && self.is_interface_object(parent)) {
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

    /// Whether some subgraph knows only the interface.
    fn is_interface_object(&self, name: &str) -> bool {
        let definitions = &self.supergraph.planner.supergraph.definitions;
        definitions.get(name).is_some_and(|definition| {
            let mut joins = definition.join_types().iter();
            joins.any(|join| join.is_interface_object)
        })
    }

    /// Takes `@skip` and `@include` away, and says whether they leave the selection in.
    fn decide(&self, directives: &mut Vec<Directive>) -> bool {
        let mut included = true;
        directives.retain(|directive| {
            let wanted = match directive.name.as_str() {
                "skip" => false,
                "include" => true,
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

fn directives<'s>(selection: &'s mut Selection<'static, String>) -> &'s mut Vec<Directive> {
    match selection {
        Selection::Field(field) => &mut field.directives,
        Selection::InlineFragment(fragment) => &mut fragment.directives,
        Selection::FragmentSpread(spread) => &mut spread.directives,
    }
}
