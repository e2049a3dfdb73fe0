//! The JSON Schema of an operation's data, from what it selects. On the way, notes what the selected fields require, and to
//! which arguments variables are given.

use std::collections::{BTreeSet, HashMap};

use graphql_tools::static_graphql::query::{
    Definition, Directive, Document, Field, FragmentDefinition, OperationDefinition, Selection,
    SelectionSet, Type, TypeCondition, Value as Literal,
};
use graphql_tools::static_graphql::schema::{InputValue, TypeDefinition};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::json_schema::{Definitions, object};
use crate::prepare::{literal, root_type};
use crate::supergraph::{RequirementId, Schema, Supergraph, named_type};

/// The argument or input field that a variable is given to.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) description: Option<String>,
    pub(super) default: Option<Value>,
}

/// Walks an operation's selections.
pub(super) struct Output<'d> {
    supergraph: &'d Supergraph,
    document: &'d Document,
    /// The requirements of the root fields.
    pub(super) root: BTreeSet<RequirementId>,
    /// The requirements of all fields.
    pub(super) requirements: BTreeSet<RequirementId>,
    /// The first use of each variable.
    pub(super) uses: HashMap<String, Use>,
    /// The descriptions of the root fields, a line each.
    pub(super) description: String,
}

/// The fields with the same response key.
struct Selected<'d> {
    value_type: Type,
    /// Whether it may be left out: by a directive, or for objects of other types.
    is_optional: bool,
    /// What is selected of the objects, by their type.
    selections: IndexMap<String, Vec<&'d SelectionSet>>,
    /// Of `__typename`: the types of which it may be the name.
    typename_of: Vec<String>,
    description: Option<&'d str>,
}

type Fields<'d> = IndexMap<String, Selected<'d>>;

impl<'d> Output<'d> {
    pub(super) fn new(supergraph: &'d Supergraph, document: &'d Document) -> Self {
        Self {
            supergraph,
            document,
            root: BTreeSet::new(),
            requirements: BTreeSet::new(),
            uses: HashMap::new(),
            description: String::new(),
        }
    }

    /// The schema of the operation's data.
    pub(super) fn data(&mut self, definition: &'d OperationDefinition) -> Map<String, Value> {
        let selections = match definition {
            OperationDefinition::SelectionSet(selections) => selections,
            OperationDefinition::Query(query) => &query.selection_set,
            OperationDefinition::Mutation(mutation) => &mutation.selection_set,
            OperationDefinition::Subscription(subscription) => &subscription.selection_set,
        };
        let supergraph = self.supergraph;
        let root = root_type(definition, supergraph);
        let mut fields = Fields::new();
        self.collect(root, selections, false, &mut fields);
        let described = fields.values().filter_map(|selected| selected.description);
        let described = described.map(str::trim).filter(|text| !text.is_empty());
        self.description = described.collect::<Vec<_>>().join("\n");
        self.root = std::mem::take(&mut self.requirements);
        self.requirements.extend(&self.root);
        let mut definitions = Definitions::new(&supergraph.schema);
        let schema = self.fields(fields, &mut definitions);
        definitions.close(schema)
    }

    fn schema(&self) -> &'d Schema {
        &self.supergraph.schema
    }

    fn objects(
        &mut self,
        type_name: &str,
        selections: &[&'d SelectionSet],
        definitions: &mut Definitions<'d>,
    ) -> Map<String, Value> {
        let mut fields = Fields::new();
        for selection in selections {
            self.collect(type_name, selection, false, &mut fields);
        }
        self.fields(fields, definitions)
    }

    fn fields(
        &mut self,
        fields: Fields<'d>,
        definitions: &mut Definitions<'d>,
    ) -> Map<String, Value> {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (key, selected) in fields {
            let schema = self.field(&selected, definitions);
            if !selected.is_optional {
                required.push(Value::from(key.as_str()));
            }
            properties.insert(key, schema.into());
        }
        object(properties, required)
    }

    fn field(
        &mut self,
        selected: &Selected<'d>,
        definitions: &mut Definitions<'d>,
    ) -> Map<String, Value> {
        if !selected.typename_of.is_empty() {
            let types = selected.typename_of.iter();
            let names = types.flat_map(|name| self.supergraph.types.possible(name));
            let names: BTreeSet<_> = names.collect();
            return Map::from_iter([("enum".to_owned(), json!(names))]);
        }
        if selected.selections.is_empty() {
            return definitions.leaf(&selected.value_type);
        }
        definitions.wrapped(&selected.value_type, &mut |definitions, _| {
            let mut forms: Vec<_> = selected
                .selections
                .iter()
                .map(|(name, selections)| self.objects(name, selections, definitions))
                .collect();
            match forms.len() {
                1 => forms.remove(0),
                _ => Map::from_iter([("anyOf".to_owned(), json!(forms))]),
            }
        })
    }

    fn collect(
        &mut self,
        parent: &str,
        selections: &'d SelectionSet,
        is_optional: bool,
        fields: &mut Fields<'d>,
    ) {
        for selection in &selections.items {
            match selection {
                Selection::Field(field) => self.collect_field(parent, field, is_optional, fields),
                Selection::InlineFragment(fragment) => {
                    let condition = match &fragment.type_condition {
                        Some(TypeCondition::On(name)) => name,
                        None => parent,
                    };
                    let is_optional = is_optional
                        || is_conditional(&fragment.directives)
                        || !self.covers(condition, parent);
                    self.collect(condition, &fragment.selection_set, is_optional, fields);
                }
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.fragment(&spread.fragment_name) else {
                        continue;
                    };
                    let TypeCondition::On(condition) = &fragment.type_condition;
                    let is_optional = is_optional
                        || is_conditional(&spread.directives)
                        || !self.covers(condition, parent);
                    self.collect(condition, &fragment.selection_set, is_optional, fields);
                }
            }
        }
    }

    fn collect_field(
        &mut self,
        parent: &str,
        field: &'d Field,
        is_optional: bool,
        fields: &mut Fields<'d>,
    ) {
        let is_optional = is_optional || is_conditional(&field.directives);
        let key = field.alias.as_ref().unwrap_or(&field.name).clone();
        if field.name == "__typename" {
            let selected = fields.entry(key).or_insert_with(|| Selected {
                value_type: Type::NamedType("String".to_owned()),
                is_optional,
                selections: IndexMap::new(),
                typename_of: Vec::new(),
                description: None,
            });
            selected.is_optional &= is_optional;
            selected.typename_of.push(parent.to_owned());
            return;
        }
        let Some(definition) = self.schema().field(parent, &field.name) else {
            return;
        };
        self.require(parent, &field.name);
        self.note_uses(&definition.arguments, &field.arguments);
        let selected = fields.entry(key).or_insert_with(|| Selected {
            value_type: definition.field_type.clone(),
            is_optional,
            selections: IndexMap::new(),
            typename_of: Vec::new(),
            description: definition.description.as_deref(),
        });
        selected.is_optional &= is_optional;
        if !field.selection_set.items.is_empty() {
            let of = named_type(&definition.field_type).to_owned();
            let selections = selected.selections.entry(of).or_default();
            selections.push(&field.selection_set);
        }
    }

    fn fragment(&self, name: &str) -> Option<&'d FragmentDefinition> {
        let mut definitions = self.document.definitions.iter();
        definitions.find_map(|definition| match definition {
            Definition::Fragment(fragment) if fragment.name == name => Some(fragment),
            _ => None,
        })
    }

    /// Whether every object of the type fulfils the condition.
    fn covers(&self, condition: &str, type_name: &str) -> bool {
        let types = &self.supergraph.types;
        condition == type_name
            || types.possible(type_name).all(|object| {
                let mut covered = types.possible(condition);
                covered.any(|known| known == object)
            })
    }

    /// Notes what a field requires of the caller, for every type that the object may have.
    fn require(&mut self, parent: &str, field: &str) {
        let supergraph = self.supergraph;
        let parents = supergraph.types.possible(parent).chain([parent]);
        let requirements = parents.filter_map(|name| supergraph.access.of_field(name, field));
        self.requirements.extend(requirements);
    }

    fn note_uses(&mut self, known: &'d [InputValue], given: &[(String, Literal)]) {
        for (name, value) in given {
            if let Some(known) = known.iter().find(|known| known.name == *name) {
                self.note_use(known, value);
            }
        }
    }

    fn note_use(&mut self, known: &'d InputValue, value: &Literal) {
        match value {
            Literal::Variable(variable) => {
                let default = known.default_value.as_ref();
                self.uses.entry(variable.clone()).or_insert_with(|| Use {
                    description: known.description.clone(),
                    default: default.and_then(|default| literal(default, None)),
                });
            }
            Literal::List(items) => items.iter().for_each(|item| self.note_use(known, item)),
            Literal::Object(fields) => {
                let of = self.schema().types.get(named_type(&known.value_type));
                if let Some(TypeDefinition::InputObject(input)) = of {
                    self.note_uses(&input.fields, fields);
                }
            }
            _ => {}
        }
    }
}

fn is_conditional(directives: &[Directive]) -> bool {
    let mut names = directives.iter().map(|directive| directive.name.as_str());
    names.any(|name| name == "skip" || name == "include")
}
