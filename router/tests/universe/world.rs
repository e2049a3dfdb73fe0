//! The data shared by a supergraph's subgraphs: a few objects per type, whose values are a function of type, field and
//! object number. The expected response to any operation can therefore be computed.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use graphql_tools::static_graphql::query::{Selection, SelectionSet};
use graphql_tools::static_graphql::schema::Type;
use serde_json::{Map, Value, json};

use crate::supergraph::{ContextArgument, Supergraph, named};

/// Objects per type.
const OBJECTS: usize = 24;

pub(crate) struct World {
    pub(crate) supergraph: Supergraph,
    /// Key fields, which are never null.
    keys: BTreeSet<(String, String)>,
}

/// An object of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) type_name: String,
    pub(crate) number: usize,
}

/// The value of a field.
pub(crate) enum Shape {
    Null,
    Leaf(Value),
    Object(Object),
    List(Vec<Shape>),
}

fn hash(of: impl Hash) -> usize {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    usize::try_from(hasher.finish() >> 8).expect("56 bits")
}

impl World {
    pub(crate) fn new(supergraph: Supergraph) -> Self {
        let mut world = Self {
            keys: BTreeSet::new(),
            supergraph,
        };
        let mut keys = BTreeSet::new();
        for (name, known) in &world.supergraph.composites {
            for key in known.joins.iter().filter_map(|join| join.key.as_ref()) {
                for member in world.supergraph.members(None, name) {
                    world.keys_of(member, key, &mut keys);
                }
            }
        }
        world.keys = keys;
        world
    }

    fn keys_of(&self, object: &str, key: &SelectionSet, keys: &mut BTreeSet<(String, String)>) {
        for selection in &key.items {
            let Selection::Field(field) = selection else {
                continue;
            };
            keys.insert((object.to_owned(), field.name.clone()));
            let Some(known) = self.supergraph.composites[object].fields.get(&field.name) else {
                continue;
            };
            let inner = named(&known.ty);
            if self.supergraph.composites.contains_key(inner) {
                for member in self.supergraph.members(None, inner) {
                    self.keys_of(member, &field.selection_set, keys);
                }
            }
        }
    }

    /// The object with this number, of one of the type's possible types.
    pub(crate) fn object(&self, type_name: &str, number: usize) -> Option<Object> {
        let members: Vec<_> = self
            .supergraph
            .members(None, type_name)
            .into_iter()
            .collect();
        let type_name = members.get(number % members.len().max(1))?;
        self.exists(type_name, number).then(|| Object {
            type_name: (*type_name).to_owned(),
            number,
        })
    }

    /// Objects that share an interface's identity share its numbers, each number belonging to one of the types.
    fn exists(&self, object: &str, number: usize) -> bool {
        self.supergraph.identities(object).iter().all(|interface| {
            let members = self.supergraph.members(None, interface);
            members.iter().nth(number % members.len()) == Some(&object)
        })
    }

    /// The object a representation identifies.
    pub(crate) fn entity(
        &self,
        type_name: &str,
        key: &SelectionSet,
        representation: &Value,
    ) -> Option<Object> {
        let numbers = 0..OBJECTS;
        let mut objects = numbers.filter_map(|number| self.object(type_name, number));
        objects.find(|object| self.lacks(key, object, representation).is_none())
    }

    /// Fields of an object that are missing or different in a representation.
    pub(crate) fn lacks(
        &self,
        fields: &SelectionSet,
        object: &Object,
        representation: &Value,
    ) -> Option<String> {
        fields.items.iter().find_map(|selection| match selection {
            Selection::Field(field) if field.name == "__typename" => None,
            // Depends on where the object was found.
            Selection::Field(field) if self.supergraph.is_contextual(object, &field.name) => None,
            Selection::Field(field) => {
                let arguments = literal_arguments(&field.arguments);
                let arguments = self.with_defaults(&object.type_name, &field.name, arguments);
                let shape = self.value(object, &field.name, &arguments);
                let given = representation.get(&field.name);
                let lacking = match given {
                    None => Some("is missing".to_owned()),
                    Some(given) => self.differs(&field.selection_set, &shape, given),
                };
                lacking.map(|why| format!("{}.{why}", field.name))
            }
            Selection::InlineFragment(fragment) => {
                let applies = fragment.type_condition.as_ref().is_none_or(|on| {
                    let graphql_tools::static_graphql::query::TypeCondition::On(on) = on;
                    self.supergraph
                        .members(None, on)
                        .contains(&*object.type_name)
                });
                let inner = &fragment.selection_set;
                applies
                    .then(|| self.lacks(inner, object, representation))
                    .flatten()
            }
            Selection::FragmentSpread(_) => None,
        })
    }

    fn differs(&self, fields: &SelectionSet, shape: &Shape, given: &Value) -> Option<String> {
        match (shape, given) {
            (Shape::Null, Value::Null) => None,
            (Shape::Leaf(leaf), given) if leaf == given => None,
            (Shape::Object(object), Value::Object(_)) => self.lacks(fields, object, given),
            (Shape::List(items), Value::Array(given)) if items.len() == given.len() => {
                let mut pairs = items.iter().zip(given);
                pairs.find_map(|(item, given)| self.differs(fields, item, given))
            }
            _ => Some(format!("is {given}")),
        }
    }

    /// Arguments with defaults for those not given.
    pub(crate) fn with_defaults(
        &self,
        type_name: &str,
        field: &str,
        mut arguments: Map<String, Value>,
    ) -> Map<String, Value> {
        let known = self.supergraph.composites[type_name].fields.get(field);
        for argument in known.iter().flat_map(|known| &known.arguments) {
            if let Some(default) = &argument.default_value {
                let given = arguments.entry(&argument.name);
                given.or_insert_with(|| literal(default, &Map::new()).unwrap_or_default());
            }
        }
        arguments.sort_keys();
        arguments
    }

    /// The value of a field.
    pub(crate) fn value(
        &self,
        object: &Object,
        field: &str,
        arguments: &Map<String, Value>,
    ) -> Shape {
        let known = &self.supergraph.composites[&object.type_name].fields[field];
        // Fields of an interface have the same value for subgraphs that know the object only by the interface.
        let interfaces = self.supergraph.identities(&object.type_name);
        let owner = interfaces.into_iter().find(|interface| {
            self.supergraph.composites[*interface]
                .fields
                .contains_key(field)
        });
        let owner = owner.unwrap_or(&object.type_name);
        // The value is the same whether or not a subgraph needs a context for it.
        let mut arguments = arguments.clone();
        for argument in self.supergraph.arguments_of_some(&object.type_name, field) {
            arguments.remove(&argument.name);
        }
        let arguments = if arguments.is_empty() {
            String::new()
        } else {
            Value::Object(arguments).to_string()
        };
        let place = Place {
            object,
            field,
            seed: hash((owner, field, &arguments)),
            label: format!("{owner}.{field}{arguments}-{}", object.number),
        };
        let is_key = self
            .keys
            .contains(&(object.type_name.clone(), field.to_owned()));
        if !is_key
            && self.may_be_null(object, field)
            && hash((place.seed, object.number)).is_multiple_of(5)
        {
            return Shape::Null;
        }
        self.of_type(&known.ty, &place, 0)
    }

    /// Adds arguments taken from enclosing objects.
    pub(crate) fn with_context(
        &self,
        type_name: &str,
        field: &str,
        mut arguments: Map<String, Value>,
        ancestors: &[Object],
    ) -> Map<String, Value> {
        for argument in self.supergraph.context_arguments(type_name, field) {
            let value = self.context_value(ancestors, argument);
            arguments.insert(argument.name.clone(), value);
        }
        arguments.sort_keys();
        arguments
    }

    /// The value of a context, from the nearest enclosing object that sets it.
    fn context_value(&self, ancestors: &[Object], argument: &ContextArgument) -> Value {
        let mut nearest = ancestors.iter().rev();
        let source = nearest.find(|object| {
            self.supergraph
                .is_context(&object.type_name, &argument.context)
        });
        let selected = source.and_then(|object| self.selected(object, &argument.selection));
        selected.unwrap_or_default()
    }

    /// The value of the single leaf selected of an object.
    fn selected(&self, object: &Object, selections: &SelectionSet) -> Option<Value> {
        selections
            .items
            .iter()
            .find_map(|selection| match selection {
                Selection::Field(field) if field.name == "__typename" => {
                    Some(json!(object.type_name))
                }
                Selection::Field(field) => {
                    let arguments = literal_arguments(&field.arguments);
                    let arguments = self.with_defaults(&object.type_name, &field.name, arguments);
                    let shape = self.value(object, &field.name, &arguments);
                    self.selected_of(shape, &field.selection_set)
                }
                Selection::InlineFragment(fragment) => {
                    let applies = fragment.type_condition.as_ref().is_none_or(|on| {
                        let graphql_tools::static_graphql::query::TypeCondition::On(on) = on;
                        let members = self.supergraph.members(None, on);
                        members.contains(&*object.type_name)
                    });
                    applies
                        .then(|| self.selected(object, &fragment.selection_set))
                        .flatten()
                }
                Selection::FragmentSpread(_) => None,
            })
    }

    fn selected_of(&self, shape: Shape, selections: &SelectionSet) -> Option<Value> {
        Some(match shape {
            Shape::Null => Value::Null,
            Shape::Leaf(leaf) => leaf,
            Shape::Object(object) => self.selected(&object, selections)?,
            Shape::List(items) => {
                let items = items.into_iter();
                items
                    .map(|item| self.selected_of(item, selections).unwrap_or_default())
                    .collect()
            }
        })
    }

    fn may_be_null(&self, object: &Object, field: &str) -> bool {
        let known = &self.supergraph.composites[&object.type_name].fields[field];
        let nullable = |ty: &Type| !matches!(ty, Type::NonNullType(_));
        let mut types = self.seen_types(object, field);
        nullable(&known.ty) && types.all(|(_, ty)| nullable(ty))
    }

    /// The types that subgraphs declare for an object's field.
    fn seen_types<'w>(
        &'w self,
        object: &'w Object,
        field: &'w str,
    ) -> impl Iterator<Item = (&'w str, &'w Type)> {
        let names = self.supergraph.composites[&object.type_name]
            .interfaces
            .iter();
        let names = names
            .map(|(_, name)| name.as_str())
            .chain([object.type_name.as_str()]);
        names.flat_map(move |name| {
            self.supergraph.graphs.iter().filter_map(move |(graph, _)| {
                let known = self.supergraph.field_in(graph, name, field)?;
                let resolves =
                    name == object.type_name || self.supergraph.is_interface_object(graph, name);
                resolves.then_some((graph.as_str(), known.ty))
            })
        })
    }

    fn of_type(&self, ty: &Type, place: &Place<'_>, item: usize) -> Shape {
        match ty {
            Type::NonNullType(inner) => self.of_type(inner, place, item),
            Type::ListType(inner) => {
                let length = 1 + (place.seed + place.object.number) % 2;
                let items = (0..length).map(|index| self.of_type(inner, place, 3 * item + index));
                Shape::List(items.collect())
            }
            Type::NamedType(name) if self.supergraph.composites.contains_key(name) => {
                self.related(name, place, item)
            }
            Type::NamedType(name) => Shape::Leaf(self.leaf(name, place, item)),
        }
    }

    /// An object of a type that every subgraph with the field can return.
    fn related(&self, type_name: &str, place: &Place<'_>, item: usize) -> Shape {
        if self.supergraph.is_root(type_name) {
            return Shape::Object(Object {
                type_name: type_name.to_owned(),
                number: 0,
            });
        }
        let mut possible = self.supergraph.members(None, type_name);
        for (graph, ty) in self.seen_types(place.object, place.field) {
            let members = self.supergraph.members(Some(graph), named(ty));
            possible.retain(|name| members.contains(name));
        }
        let possible: Vec<_> = possible.into_iter().collect();
        let start = place.object.number + place.seed + item;
        let mut numbers = (0..OBJECTS).map(|step| (start + step) % OBJECTS);
        let found = numbers.find_map(|number| {
            let mut types =
                (0..possible.len()).map(|step| possible[(number + step) % possible.len()]);
            let type_name = types.find(|name| self.exists(name, number))?;
            Some(Object {
                type_name: type_name.to_owned(),
                number,
            })
        });
        found.map_or(Shape::Null, Shape::Object)
    }

    fn leaf(&self, type_name: &str, place: &Place<'_>, item: usize) -> Value {
        let number = place.object.number;
        if let Some(values) = self.supergraph.enum_values(type_name) {
            return json!(values[(place.seed + number + item) % values.len()]);
        }
        match type_name {
            "Int" => json!(place.seed % 1_000 * 1_000 + number * 10 + item),
            "Float" => json!((place.seed % 1_000 * 1_000 + number * 10 + item) as f64 + 0.5),
            "Boolean" => json!((place.seed + number + item).is_multiple_of(2)),
            _ if item > 0 => json!(format!("{}.{item}", place.label)),
            _ => json!(place.label),
        }
    }
}

/// The position of a value.
struct Place<'p> {
    object: &'p Object,
    field: &'p str,
    seed: usize,
    label: String,
}

type Literal = graphql_tools::parser::query::Value<'static, String>;

pub(crate) fn literal_arguments(arguments: &[(String, Literal)]) -> Map<String, Value> {
    let given =
        |(name, value): &(String, Literal)| Some((name.clone(), literal(value, &Map::new())?));
    arguments.iter().filter_map(given).collect()
}

/// A literal's value; a variable that was not given has none.
pub(crate) fn literal(value: &Literal, variables: &Map<String, Value>) -> Option<Value> {
    Some(match value {
        Literal::Variable(name) => variables.get(name)?.clone(),
        Literal::Int(number) => json!(number.as_i64()),
        Literal::Float(number) => json!(number),
        Literal::String(text) | Literal::Enum(text) => json!(text),
        Literal::Boolean(flag) => json!(flag),
        Literal::Null => Value::Null,
        Literal::List(items) => items
            .iter()
            .filter_map(|item| literal(item, variables))
            .collect(),
        Literal::Object(fields) => {
            let fields = fields.iter();
            let mut fields: Map<String, Value> = fields
                .filter_map(|(name, value)| Some((name.clone(), literal(value, variables)?)))
                .collect();
            fields.sort_keys();
            Value::Object(fields)
        }
    })
}
