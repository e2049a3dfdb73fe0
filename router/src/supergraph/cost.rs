//! A supergraph's costs, from `@cost` and `@listSize` as specified, and the defaults where it has none.

mod strip;

use std::collections::{BTreeMap, HashMap};

use graphql_tools::static_graphql::schema::{
    Directive, Document, Field, InputValue, Type, TypeDefinition, Value,
};

use super::{definitions, named_type, output_fields};
use crate::type_system::ast::argument;

pub(super) use strip::without;

/// Assumed number of objects on a page.
pub(crate) const DEFAULT_PAGE: f64 = 20.0;

/// The lists of a connection, as named by Relay and its variants.
const CONNECTION_LISTS: [&str; 2] = ["nodes", "edges"];

/// The maximum size of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ListSize {
    /// The size if no slicing argument gives one.
    pub assumed: Option<f64>,
    /// Arguments that bound the list, each a path into an argument's value.
    pub slicing: Vec<Vec<String>>,
    /// The lists below the field that the size applies to instead, each a path of fields.
    pub sized: Vec<Vec<String>>,
    /// Exactly one slicing argument is required.
    pub require_one: bool,
}

/// The cost of one field.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FieldCost {
    /// Per object, overriding its type's cost.
    pub weight: Option<f64>,
    pub list: Option<ListSize>,
}

/// The costs of a supergraph's fields, types and input values.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    fields: HashMap<String, HashMap<String, FieldCost>>,
    /// Weights of types that differ from their kind's default.
    types: HashMap<String, f64>,
    composite: HashMap<String, Kind>,
    /// Weights of arguments, by type and field; and of input object fields, by type.
    arguments: HashMap<(String, String), HashMap<String, f64>>,
    inputs: HashMap<String, HashMap<String, InputCost>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Output,
    Input,
}

/// A field of an input object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InputCost {
    pub type_name: String,
    pub weight: Option<f64>,
}

impl Costs {
    pub(crate) fn of_document(document: &Document) -> Self {
        let mut costs = Self::default();
        for definition in definitions(document) {
            costs.add_type(definition);
        }
        let lists: HashMap<(&str, &str), bool> = definitions(document)
            .flat_map(|definition| {
                output_fields(definition).iter().map(|field| {
                    let place = (definition.name(), field.name.as_str());
                    (place, is_list(&field.field_type))
                })
            })
            .collect();
        for definition in definitions(document) {
            for field in output_fields(definition) {
                costs.add_convention(definition.name(), field, &lists);
            }
        }
        costs.add_members(document);
        costs
    }

    pub(crate) fn field(&self, type_name: &str, field: &str) -> Option<&FieldCost> {
        self.fields.get(type_name)?.get(field)
    }

    /// The cost of one value of an output type, without its fields.
    pub(crate) fn of_type(&self, name: &str) -> f64 {
        let known = self.types.get(name).copied();
        known.unwrap_or_else(|| f64::from(u8::from(self.composite.contains_key(name))))
    }

    pub(crate) fn argument(&self, type_name: &str, field: &str, argument: &str) -> Option<f64> {
        if self.arguments.is_empty() {
            return None;
        }
        let place = (type_name.to_owned(), field.to_owned());
        self.arguments.get(&place)?.get(argument).copied()
    }

    /// The fields of an input object.
    pub(crate) fn input(&self, name: &str) -> Option<&HashMap<String, InputCost>> {
        self.inputs.get(name)
    }

    /// Whether a value of this type may have a cost.
    pub(crate) fn is_costly_input(&self, name: &str) -> bool {
        self.types.contains_key(name) || self.composite.get(name) == Some(&Kind::Input)
    }

    fn add_type(&mut self, definition: &TypeDefinition) {
        let (directives, kind) = match definition {
            TypeDefinition::Object(object) => (&object.directives, Some(Kind::Output)),
            TypeDefinition::Interface(interface) => (&interface.directives, Some(Kind::Output)),
            TypeDefinition::Union(union) => (&union.directives, Some(Kind::Output)),
            TypeDefinition::InputObject(input) => (&input.directives, Some(Kind::Input)),
            TypeDefinition::Scalar(scalar) => (&scalar.directives, None),
            TypeDefinition::Enum(inner) => (&inner.directives, None),
        };
        let name = definition.name();
        if let Some(kind) = kind {
            self.composite.insert(name.to_owned(), kind);
        }
        if let Some(weight) = weight(directives) {
            self.types.insert(name.to_owned(), weight);
        }
        for field in output_fields(definition) {
            self.add_field(name, field);
        }
        if let TypeDefinition::InputObject(input) = definition {
            let fields = input.fields.iter().map(|field| {
                let cost = InputCost {
                    type_name: named_type(&field.value_type).to_owned(),
                    weight: weight(&field.directives),
                };
                (field.name.clone(), cost)
            });
            self.inputs.insert(name.to_owned(), fields.collect());
        }
    }

    fn add_field(&mut self, type_name: &str, field: &Field) {
        let cost = FieldCost {
            weight: weight(&field.directives),
            list: list_size(&field.directives),
        };
        if cost != FieldCost::default() {
            let fields = self.fields.entry(type_name.to_owned()).or_default();
            fields.insert(field.name.clone(), cost);
        }
        let weights: HashMap<String, f64> = field
            .arguments
            .iter()
            .filter_map(|argument| {
                let weight = weight(&argument.directives)?;
                Some((argument.name.clone(), weight))
            })
            .collect();
        if !weights.is_empty() {
            let place = (type_name.to_owned(), field.name.clone());
            self.arguments.insert(place, weights);
        }
    }

    /// A field with `first` or `last` and no directive is a list of that size, or a connection of such lists.
    fn add_convention(
        &mut self,
        type_name: &str,
        field: &Field,
        lists: &HashMap<(&str, &str), bool>,
    ) {
        let known = self.field(type_name, &field.name);
        if known.is_some_and(|known| known.list.is_some()) {
            return;
        }
        let slicing: Vec<Vec<String>> = field
            .arguments
            .iter()
            .filter(|argument| is_page_size(argument))
            .map(|argument| vec![argument.name.clone()])
            .collect();
        if slicing.is_empty() {
            return;
        }
        let inner = named_type(&field.field_type);
        let sized: Vec<Vec<String>> = if is_list(&field.field_type) {
            Vec::new()
        } else {
            CONNECTION_LISTS
                .into_iter()
                .filter(|list| lists.get(&(inner, *list)).copied().unwrap_or_default())
                .map(|list| vec![list.to_owned()])
                .collect()
        };
        if sized.is_empty() && !is_list(&field.field_type) {
            return;
        }
        let list = ListSize {
            assumed: Some(DEFAULT_PAGE),
            slicing,
            sized,
            require_one: false,
        };
        let fields = self.fields.entry(type_name.to_owned()).or_default();
        fields.entry(field.name.clone()).or_default().list = Some(list);
    }

    /// A field of an interface costs as much as the most expensive of its objects' fields, since the object is only
    /// known at run time.
    fn add_members(&mut self, document: &Document) {
        let mut of_interfaces: BTreeMap<(String, String), FieldCost> = BTreeMap::new();
        for definition in definitions(document) {
            let TypeDefinition::Object(object) = definition else {
                continue;
            };
            let Some(fields) = self.fields.get(&object.name) else {
                continue;
            };
            for interface in &object.implements_interfaces {
                for (name, cost) in fields {
                    let place = (interface.clone(), name.clone());
                    let highest = of_interfaces.entry(place).or_default();
                    highest.weight = higher(highest.weight, cost.weight);
                    let size = |list: &Option<ListSize>| list.as_ref().map(|list| list.assumed);
                    if highest.list.is_none() || size(&cost.list) > size(&highest.list) {
                        highest.list.clone_from(&cost.list);
                    }
                }
            }
        }
        for definition in definitions(document) {
            let TypeDefinition::Interface(interface) = definition else {
                continue;
            };
            for field in &interface.fields {
                let place = (interface.name.clone(), field.name.clone());
                if let Some(highest) = of_interfaces.remove(&place) {
                    let fields = self.fields.entry(place.0).or_default();
                    let own = fields.entry(place.1).or_default();
                    own.weight = higher(own.weight, highest.weight);
                    own.list = own.list.take().or(highest.list);
                }
            }
        }
    }
}

fn higher(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}

pub(crate) fn is_list(ty: &Type) -> bool {
    match ty {
        Type::NamedType(_) => false,
        Type::NonNullType(inner) => is_list(inner),
        Type::ListType(_) => true,
    }
}

fn is_page_size(argument: &InputValue) -> bool {
    let is_int = !is_list(&argument.value_type) && named_type(&argument.value_type) == "Int";
    is_int && matches!(argument.name.as_str(), "first" | "last")
}

/// The directives' names once features have canonical names; in `@join__directive` they keep the names under which
/// subgraphs link them.
const COST: [&str; 2] = ["cost", "federation__cost"];
const LIST_SIZE: [&str; 3] = ["listSize", "federation__listSize", "cost__listSize"];

/// The greatest weight, since any of the subgraphs with the field may resolve it.
fn weight(directives: &[Directive]) -> Option<f64> {
    let weights = applied(directives, &COST).filter_map(|arguments| {
        let weight = arguments.iter().find(|(name, _)| name == "weight");
        number(&weight?.1)
    });
    weights.reduce(f64::max)
}

fn list_size(directives: &[Directive]) -> Option<ListSize> {
    let sizes = applied(directives, &LIST_SIZE).map(|arguments| {
        let of = |name: &str| arguments.iter().find(|(known, _)| known == name);
        let texts = |name: &str| match of(name) {
            Some((_, Value::List(items))) => items.iter().filter_map(string).collect(),
            Some((_, single)) => string(single).into_iter().collect(),
            None => Vec::new(),
        };
        let paths = |texts: Vec<&str>| texts.into_iter().map(path).collect();
        ListSize {
            assumed: of("assumedSize").and_then(|(_, size)| number(size)),
            slicing: paths(texts("slicingArguments")),
            sized: paths(texts("sizedFields")),
            require_one: !matches!(
                of("requireOneSlicingArgument"),
                Some((_, Value::Boolean(false)))
            ),
        }
    });
    sizes.reduce(|one, other| {
        if other.assumed > one.assumed {
            other
        } else {
            one
        }
    })
}

/// The arguments of each application of a directive, including those that composition wraps in `@join__directive`.
fn applied<'d>(
    directives: &'d [Directive],
    names: &'static [&'static str],
) -> impl Iterator<Item = Vec<(String, Value)>> + 'd {
    let is_named = |name: &str| names.contains(&name);
    directives.iter().filter_map(move |directive| {
        if is_named(&directive.name) {
            return Some(directive.arguments.clone());
        }
        if directive.name != "join__directive" {
            return None;
        }
        match (argument(directive, "name"), argument(directive, "args")) {
            (Some(Value::String(name)), Some(Value::Object(arguments))) if is_named(name) => {
                Some(arguments.clone())
            }
            _ => None,
        }
    })
}

/// Weights are `Int` in federation, `String` in the specification.
fn number(value: &Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "weights are small")]
        Value::Int(number) => number.as_i64().map(|number| number as f64),
        Value::Float(number) => Some(*number),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

fn string(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// The steps of `page { items }` or `input.page.first`.
fn path(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|step| !step.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests;
