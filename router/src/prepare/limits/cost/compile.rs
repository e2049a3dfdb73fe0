//! Compiles a document to the fields that have a cost: spreads fragments, merges equal fields, finds list sizes.

use std::collections::HashMap;
use std::sync::Arc;

use graphql_tools::parser::query::{
    Definition, Field, FragmentDefinition, Selection, TypeCondition,
};
use graphql_tools::static_graphql::query::{Directive, Document, Value as Literal};
use indexmap::IndexMap;

use super::{Argument, Fields, Node, Size, Slice, as_f64};
use crate::prepare::document::Selections;
use crate::supergraph::{ListSize, Supergraph, is_list, named_type};

/// Maximum number of distinguished types of an abstract type, times the fields that only some of them have.
const MAX_CASES: usize = 10_000;

pub(super) struct Compiler<'d> {
    supergraph: &'d Supergraph,
    fragments: HashMap<&'d str, &'d FragmentDefinition<'static, String>>,
    list_size: f64,
}

/// Fields merged in the response: the same response key for the same types under the same conditions.
#[derive(PartialEq, Eq, Hash)]
struct Key<'d> {
    response: &'d str,
    place: Place<'d>,
}

/// A field's position in an object's selection.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place<'d> {
    /// The type that owns the field.
    parent: &'d str,
    /// Types the object must have, if not every object qualifies.
    narrowed: Vec<&'d str>,
    conditions: Vec<(String, bool)>,
}

struct Group<'d> {
    field: &'d Field<'static, String>,
    selections: Vec<&'d Selections>,
}

/// A size that a list further up sets for lists below it, with the path to them.
pub(super) type Inherited<'a> = (&'a [String], Arc<Size>);

impl<'d> Compiler<'d> {
    pub(super) fn new(
        document: &'d Document,
        supergraph: &'d Supergraph,
        list_size: usize,
    ) -> Self {
        let fragments = document
            .definitions
            .iter()
            .filter_map(|definition| match definition {
                Definition::Fragment(fragment) => Some((fragment.name.as_str(), fragment)),
                Definition::Operation(_) => None,
            });
        Self {
            supergraph,
            fragments: fragments.collect(),
            list_size: as_f64(list_size),
        }
    }

    pub(super) fn selection(
        &self,
        selections: &[&'d Selections],
        parent: &'d str,
        inherited: &[Inherited<'_>],
    ) -> Fields {
        let mut groups = IndexMap::new();
        let place = Place {
            parent,
            narrowed: Vec::new(),
            conditions: Vec::new(),
        };
        for selections in selections {
            self.collect(selections, parent, &place, &mut groups);
        }
        let mut compiled = Fields::default();
        let mut narrowed = Vec::new();
        for (key, group) in groups {
            let Some(node) = self.node(&key.place, &group, inherited) else {
                continue;
            };
            if key.place.narrowed.is_empty() {
                compiled.always.push(node);
            } else {
                compiled.sometimes.push(node);
                narrowed.push(key.place.narrowed);
            }
        }
        compiled.cases = self.cases(parent, &narrowed);
        compiled
    }

    fn collect(
        &self,
        selections: &'d Selections,
        object: &str,
        place: &Place<'d>,
        groups: &mut IndexMap<Key<'d>, Group<'d>>,
    ) {
        for selection in &selections.items {
            match selection {
                Selection::Field(field) => {
                    let Some(place) = place.under(&field.directives) else {
                        continue;
                    };
                    let key = Key {
                        response: field.alias.as_ref().unwrap_or(&field.name),
                        place,
                    };
                    let group = groups.entry(key).or_insert_with(|| Group {
                        field,
                        selections: Vec::new(),
                    });
                    group.selections.push(&field.selection_set);
                }
                Selection::InlineFragment(fragment) => {
                    let Some(place) = place.under(&fragment.directives) else {
                        continue;
                    };
                    let place = match &fragment.type_condition {
                        Some(TypeCondition::On(name)) => self.narrow(place, object, name),
                        None => place,
                    };
                    self.collect(&fragment.selection_set, object, &place, groups);
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = self.fragments.get(spread.fragment_name.as_str());
                    let (Some(fragment), Some(place)) = (fragment, place.under(&spread.directives))
                    else {
                        continue;
                    };
                    let TypeCondition::On(name) = &fragment.type_condition;
                    let place = self.narrow(place, object, name);
                    self.collect(&fragment.selection_set, object, &place, groups);
                }
            }
        }
    }

    /// The position inside a fragment on a type.
    fn narrow(&self, mut place: Place<'d>, object: &str, on: &'d str) -> Place<'d> {
        place.parent = on;
        let types = &self.supergraph.types;
        let holds = on == object
            || place.narrowed.contains(&on)
            || types
                .possible(object)
                .all(|possible| types.possible(on).any(|member| member == possible));
        if !holds {
            place.narrowed.push(on);
        }
        place
    }

    /// Which type-dependent fields occur together.
    fn cases(&self, parent: &str, narrowed: &[Vec<&str>]) -> Vec<Vec<usize>> {
        if narrowed.is_empty() {
            return Vec::new();
        }
        let types = &self.supergraph.types;
        let possible: Vec<&str> = types.possible(parent).collect();
        if possible.len().saturating_mul(narrowed.len()) > MAX_CASES {
            return vec![(0..narrowed.len()).collect()];
        }
        let mut cases: Vec<Vec<usize>> = Vec::new();
        for object in possible {
            let fits = |on: &&str| types.possible(on).any(|member| member == object);
            let case: Vec<usize> = narrowed
                .iter()
                .enumerate()
                .filter(|(_, narrowed)| narrowed.iter().all(fits))
                .map(|(index, _)| index)
                .collect();
            if !case.is_empty() && !cases.contains(&case) {
                cases.push(case);
            }
        }
        cases
    }

    /// Compiles a field; `None` if it cannot cost anything.
    fn node(
        &self,
        place: &Place<'d>,
        group: &Group<'d>,
        inherited: &[Inherited<'_>],
    ) -> Option<Node> {
        let field = group.field;
        let definition = self.supergraph.schema.field(place.parent, &field.name)?;
        if field.name.starts_with("__") {
            return None;
        }
        let costs = &self.supergraph.costs;
        let known = costs.field(place.parent, &field.name);
        let inner = named_type(&definition.field_type);
        let own = known.and_then(|known| known.list.as_ref()).map(|list| {
            let size = self.size(place.parent, field, definition, list);
            (list, Arc::new(size))
        });
        let mut below: Vec<Inherited<'_>> = Vec::new();
        let mut size = None;
        for (path, above) in inherited {
            match path {
                [step] if *step == field.name => size = Some(Arc::clone(above)),
                [step, rest @ ..] if *step == field.name => below.push((rest, Arc::clone(above))),
                _ => {}
            }
        }
        if let Some((list, own)) = &own {
            if list.sized.is_empty() {
                size = Some(Arc::clone(own));
            }
            let sized = list.sized.iter();
            below.extend(sized.map(|path| (path.as_slice(), Arc::clone(own))));
        }
        let size = is_list(&definition.field_type).then(|| {
            size.unwrap_or_else(|| {
                Arc::new(Size {
                    slices: Vec::new(),
                    assumed: self.list_size,
                    one_of: None,
                })
            })
        });
        let arguments: Vec<Argument> = field
            .arguments
            .iter()
            .filter_map(|(name, value)| {
                let mut known = definition.arguments.iter();
                let known = known.find(|known| known.name == *name)?;
                let type_name = named_type(&known.value_type);
                let weight = costs.argument(place.parent, &field.name, name);
                let costly = weight.is_some() || costs.is_costly_input(type_name);
                costly.then(|| Argument {
                    value: value.clone(),
                    type_name: type_name.to_owned(),
                    weight,
                })
            })
            .collect();
        let selection = self.selection(&group.selections, inner, &below);
        let weight = known.and_then(|known| known.weight);
        let node = Node {
            conditions: place.conditions.clone(),
            slicing: own.map(|(_, own)| own).filter(|own| own.one_of.is_some()),
            size,
            weight: weight.unwrap_or_else(|| costs.of_type(inner)),
            arguments,
            selection,
        };
        let is_free = node.weight == 0.0
            && node.arguments.is_empty()
            && node.slicing.is_none()
            && node.selection.is_empty();
        (!is_free).then_some(node)
    }

    fn size(
        &self,
        parent: &str,
        field: &Field<'static, String>,
        definition: &graphql_tools::static_graphql::schema::Field,
        list: &ListSize,
    ) -> Size {
        let slices = list.slicing.iter().filter_map(|path| {
            let (name, path) = path.split_first()?;
            let mut known = definition.arguments.iter();
            let default = known
                .find(|known| known.name == *name)
                .and_then(|known| known.default_value.as_ref())
                .and_then(|default| number_in_default(default, path));
            let mut given = field.arguments.iter();
            match given.find(|(given, _)| given == name) {
                Some((_, value)) => slice(value, path, default),
                None => default.map(Slice::Number),
            }
        });
        let slices = slices.collect();
        let names = list.slicing.iter().map(|path| path.join("."));
        Size {
            slices,
            assumed: list.assumed.unwrap_or(self.list_size).max(0.0),
            one_of: (list.require_one && !list.slicing.is_empty()).then(|| {
                let names: Vec<String> = names.collect();
                (
                    format!("{parent}.{}", field.name),
                    format!("\"{}\"", names.join("\", \"")),
                )
            }),
        }
    }
}

impl Place<'_> {
    /// The position under these directives; `None` if they exclude it.
    fn under(&self, directives: &[Directive]) -> Option<Self> {
        let mut place = self.clone();
        for directive in directives {
            let expected = match directive.name.as_str() {
                "include" => true,
                "skip" => false,
                _ => continue,
            };
            for (name, value) in &directive.arguments {
                match value {
                    Literal::Boolean(value) if name == "if" && *value != expected => return None,
                    Literal::Variable(variable) if name == "if" => {
                        let condition = (variable.clone(), expected);
                        if !place.conditions.contains(&condition) {
                            place.conditions.push(condition);
                        }
                    }
                    _ => {}
                }
            }
        }
        place.conditions.sort_unstable();
        Some(place)
    }
}

/// The number at a path of an argument's value, as far as the document fixes it.
fn slice(value: &Literal, path: &[String], default: Option<f64>) -> Option<Slice> {
    match (value, path) {
        (Literal::Variable(name), path) => Some(Slice::Variable {
            name: name.clone(),
            path: path.to_vec(),
            default,
        }),
        #[expect(clippy::cast_precision_loss, reason = "pages are far shorter")]
        (Literal::Int(number), []) => number.as_i64().map(|number| Slice::Number(number as f64)),
        (Literal::Object(fields), [step, rest @ ..]) => {
            let (_, value) = fields.iter().find(|(name, _)| name == step)?;
            slice(value, rest, None)
        }
        _ => None,
    }
}

fn number_in_default(value: &Literal, path: &[String]) -> Option<f64> {
    match slice(value, path, None) {
        Some(Slice::Number(number)) => Some(number),
        _ => None,
    }
}
