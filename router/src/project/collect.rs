//! Collects the fields of a selection as specified, for one object type, with `@skip`, `@include` and `@defer` resolved.

use std::collections::HashSet;

use graphql_tools::parser::query::{Selection as AstSelection, TypeCondition};
use graphql_tools::static_graphql::query::{Directive, Field as AstField, Value as Literal};
use indexmap::IndexMap;
use serde_json::Value;

use super::Delivery;
use super::compile::{Compiler, Selections, TypedSelection};

/// A field in the document, with the type of its enclosing selection.
#[derive(Clone, Copy)]
pub(super) struct Occurrence<'d> {
    pub(super) field: &'d AstField,
    pub(super) parent: &'d str,
}

/// What a selection has for objects of one type.
#[derive(Default)]
pub(super) struct Collected<'d> {
    /// Its fields, by response key.
    pub(super) fields: IndexMap<&'d str, Vec<Occurrence<'d>>>,
    /// Its deferred fragments, by number.
    pub(super) deferred: Vec<(usize, TypedSelection<'d>)>,
}

impl<'d> Compiler<'d> {
    pub(super) fn collect_all(
        &self,
        type_name: &str,
        sets: &[TypedSelection<'d>],
        delivery: Delivery,
    ) -> Collected<'d> {
        let mut collected = Collected::default();
        let mut visited = HashSet::new();
        // Introspection is written from the schema, all at once.
        let is_introspection = type_name.starts_with("__");
        let delivery = if is_introspection {
            Delivery::Whole
        } else {
            delivery
        };
        for TypedSelection { set, on } in sets {
            let place = (type_name, delivery);
            self.collect(place, set, on, &mut visited, &mut collected);
        }
        collected
    }

    fn collect(
        &self,
        place: (&str, Delivery),
        set: &'d Selections,
        parent: &'d str,
        visited: &mut HashSet<&'d str>,
        collected: &mut Collected<'d>,
    ) {
        let (type_name, delivery) = place;
        let deferred = |directives: &[Directive]| match delivery {
            Delivery::Whole => None,
            Delivery::Incremental => self.deferred.number(directives),
        };
        for selection in &set.items {
            match selection {
                AstSelection::Field(field) => {
                    if self.included(&field.directives) {
                        let key = field.alias.as_deref().unwrap_or(&field.name);
                        let occurrence = Occurrence { field, parent };
                        collected.fields.entry(key).or_default().push(occurrence);
                    }
                }
                AstSelection::InlineFragment(fragment) => {
                    let on = match &fragment.type_condition {
                        Some(TypeCondition::On(name)) => name.as_str(),
                        None => parent,
                    };
                    if !self.included(&fragment.directives) || !self.applies(on, type_name) {
                        continue;
                    }
                    let set = &fragment.selection_set;
                    match deferred(&fragment.directives) {
                        Some(number) => {
                            collected
                                .deferred
                                .push((number, TypedSelection { set, on }));
                        }
                        None => self.collect(place, set, on, visited, collected),
                    }
                }
                AstSelection::FragmentSpread(spread) => {
                    if !self.included(&spread.directives) {
                        continue;
                    }
                    let Some(fragment) = self.fragments.get(spread.fragment_name.as_str()) else {
                        continue;
                    };
                    let TypeCondition::On(on) = &fragment.type_condition;
                    let set = &fragment.selection_set;
                    match deferred(&spread.directives) {
                        Some(number) => {
                            if self.applies(on, type_name) {
                                collected
                                    .deferred
                                    .push((number, TypedSelection { set, on }));
                            }
                        }
                        None => {
                            if visited.insert(&fragment.name) && self.applies(on, type_name) {
                                self.collect(place, set, on, visited, collected);
                            }
                        }
                    }
                }
            }
        }
    }

    fn applies(&self, condition: &str, type_name: &str) -> bool {
        condition == type_name
            || self
                .supergraph
                .types
                .possible(condition)
                .any(|possible| possible == type_name)
    }

    fn included(&self, directives: &[Directive]) -> bool {
        directives.iter().all(|directive| {
            let wanted = match directive.name.as_str() {
                "skip" => false,
                "include" => true,
                _ => return true,
            };
            let argument = directive.arguments.iter().find(|(name, _)| name == "if");
            let given = match argument {
                Some((_, Literal::Boolean(flag))) => *flag,
                Some((_, Literal::Variable(name))) => {
                    matches!(self.variables.get(name), Some(Value::Bool(true)))
                }
                _ => false,
            };
            given == wanted
        })
    }
}
