//! What a fetch's data consists of.

use hive_router_planner::ast::document::Document;
use hive_router_planner::ast::selection_item::SelectionItem;
use hive_router_planner::ast::selection_set::SelectionSet;

use crate::prepare::plan::Contents;
use crate::supergraph::Supergraph;

/// The contents of the data that a document requests.
pub(super) fn of(document: &Document, supergraph: &Supergraph) -> Contents {
    let mut walk = Walk {
        document,
        supergraph,
        contents: Contents::default(),
    };
    // Root fields are known to be those of queries wherever it matters.
    walk.root(&document.operation.selection_set);
    walk.contents
}

struct Walk<'d> {
    document: &'d Document,
    supergraph: &'d Supergraph,
    contents: Contents,
}

impl<'d> Walk<'d> {
    fn root(&mut self, selections: &'d SelectionSet) {
        let supergraph = self.supergraph;
        for item in &selections.items {
            match item {
                SelectionItem::Field(field) if field.name == "_entities" => {
                    self.entities(&field.selections);
                }
                SelectionItem::Field(field) => {
                    if field.name != "__typename" {
                        self.contents.root_fields.insert(field.name.clone());
                    }
                    self.field(&supergraph.schema.query, &field.name, &field.selections);
                }
                SelectionItem::InlineFragment(fragment) => self.root(&fragment.selections),
                SelectionItem::FragmentSpread(name) => {
                    if let Some((_, selections)) = self.fragment(name) {
                        self.root(selections);
                    }
                }
            }
        }
    }

    fn entities(&mut self, selections: &'d SelectionSet) {
        for item in &selections.items {
            match item {
                SelectionItem::Field(_) => {}
                SelectionItem::InlineFragment(fragment) => {
                    self.entity(&fragment.type_condition, &fragment.selections);
                }
                SelectionItem::FragmentSpread(name) => {
                    if let Some((condition, selections)) = self.fragment(name) {
                        self.entity(condition, selections);
                    }
                }
            }
        }
    }

    fn entity(&mut self, condition: &'d str, selections: &'d SelectionSet) {
        let possible = self.supergraph.types.possible(condition).map(str::to_owned);
        self.contents.entities.extend(possible);
        self.contents.entities.insert(condition.to_owned());
        self.selections(condition, selections);
    }

    fn selections(&mut self, parent: &str, selections: &'d SelectionSet) {
        for item in &selections.items {
            match item {
                SelectionItem::Field(field) => self.field(parent, &field.name, &field.selections),
                SelectionItem::InlineFragment(fragment) => {
                    self.selections(&fragment.type_condition, &fragment.selections);
                }
                SelectionItem::FragmentSpread(name) => {
                    if let Some((condition, selections)) = self.fragment(name) {
                        self.selections(condition, selections);
                    }
                }
            }
        }
    }

    fn field(&mut self, parent: &str, name: &str, selections: &'d SelectionSet) {
        if selections.items.is_empty() {
            return;
        }
        let supergraph = self.supergraph;
        let definitions = &supergraph.planner.supergraph.definitions;
        let field = definitions
            .get(parent)
            .and_then(|definition| definition.fields().get(name));
        let Some(field) = field else {
            return;
        };
        let inner = field.field_type.inner_type();
        let possible = supergraph.types.possible(inner).map(str::to_owned);
        self.contents.nested.extend(possible);
        self.contents.nested.insert(inner.to_owned());
        self.selections(inner, selections);
    }

    fn fragment(&self, name: &str) -> Option<(&'d str, &'d SelectionSet)> {
        let mut fragments = self.document.fragments.iter();
        let fragment = fragments.find(|known| known.name == name)?;
        Some((&fragment.type_condition, &fragment.selection_set))
    }
}
