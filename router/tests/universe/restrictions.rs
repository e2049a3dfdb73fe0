//! Random restrictions for a supergraph: `@authenticated`, scopes, policies and `@inaccessible`.

use graphql_tools::parser::Pos;
use graphql_tools::parser::schema::Value;
use graphql_tools::static_graphql::schema::{
    Definition, Directive, Document, Field, TypeDefinition,
};
use platform::caller::Caller;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::supergraph::{Supergraph, directives, find, named};

/// Scopes and policies used.
const NAMES: [&str; 2] = ["one", "two"];

/// Naming of the restricting directives.
#[derive(Clone, Copy)]
enum Naming {
    /// Default names.
    Plain,
    /// Prefixed with the feature's name.
    Prefixed,
    /// Renamed by imports.
    Renamed,
}

/// A restricted supergraph.
pub(crate) struct Restrictions {
    /// With the directives' default names.
    pub(crate) supergraph: Supergraph,
    /// As the router gets it.
    pub(crate) sdl: String,
}

pub(crate) struct Draw {
    random: StdRng,
}

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
        }
    }

    fn one_of(&mut self, many: usize) -> bool {
        self.random.random_range(0..many) == 0
    }

    pub(crate) fn caller(&mut self) -> Caller {
        if self.one_of(3) {
            return Caller::default();
        }
        let mut caller = Caller::customer("usr_1");
        for name in NAMES {
            if self.one_of(2) {
                caller.scopes.insert(name.to_owned());
            }
            if self.one_of(2) {
                caller.policies.insert(name.to_owned());
            }
        }
        caller
    }

    pub(crate) fn restrictions(&mut self, sdl: &str) -> Restrictions {
        let known = Supergraph::parse(sdl);
        let mut plain = known.document.clone();
        for index in 0..plain.definitions.len() {
            if let Definition::TypeDefinition(definition) = &mut plain.definitions[index] {
                self.restrict(definition, &known);
            }
        }
        share_with_members(&mut plain, &known);
        let naming = match self.random.random_range(0..3) {
            0 => Naming::Plain,
            1 => Naming::Prefixed,
            _ => Naming::Renamed,
        };
        let mut document = plain.clone();
        let has_schema = document
            .definitions
            .iter()
            .any(|definition| matches!(definition, Definition::SchemaDefinition(_)));
        rename(
            &mut document,
            if has_schema { naming } else { Naming::Plain },
        );
        Restrictions {
            supergraph: Supergraph::parse(&plain.to_string()),
            sdl: document.to_string(),
        }
    }

    fn restrict(&mut self, definition: &mut TypeDefinition, known: &Supergraph) {
        let name = definition.name().to_owned();
        if name.contains("__") {
            return;
        }
        let is_root = known.is_root(&name);
        match definition {
            TypeDefinition::Object(object) => {
                if !is_root {
                    self.on_type(&mut object.directives, 10, 14);
                }
                self.on_fields(&mut object.fields, is_root);
            }
            TypeDefinition::Interface(interface) => {
                self.on_type(&mut interface.directives, 12, 40);
                self.on_fields(&mut interface.fields, false);
            }
            TypeDefinition::Scalar(scalar) => self.on_type(&mut scalar.directives, 12, 40),
            TypeDefinition::Enum(definition) => {
                self.on_type(&mut definition.directives, 12, 40);
                // At least one value must remain visible.
                for value in definition.values.iter_mut().skip(1) {
                    if self.one_of(6) {
                        value.directives.push(directive("inaccessible", None));
                    }
                }
            }
            TypeDefinition::Union(_) | TypeDefinition::InputObject(_) => {}
        }
    }

    fn on_type(&mut self, directives: &mut Vec<Directive>, denied: usize, hidden: usize) {
        if self.one_of(denied) {
            directives.push(self.need());
        }
        if self.one_of(hidden) {
            directives.push(directive("inaccessible", None));
        }
    }

    fn on_fields(&mut self, fields: &mut [Field], is_root: bool) {
        // At least one field must remain visible.
        for (index, field) in fields.iter_mut().enumerate() {
            if self.one_of(if is_root { 12 } else { 5 }) {
                field.directives.push(self.need());
            }
            if index > 0 && self.one_of(if is_root { 20 } else { 10 }) {
                field.directives.push(directive("inaccessible", None));
            }
        }
    }

    fn need(&mut self) -> Directive {
        let name = NAMES[self.random.random_range(0..NAMES.len())].to_owned();
        let names = Value::List(vec![Value::List(vec![Value::String(name)])]);
        match self.random.random_range(0..3) {
            0 => directive("authenticated", None),
            1 => directive("requiresScopes", Some(("scopes", names))),
            _ => directive("policy", Some(("policies", names))),
        }
    }
}

fn directive(name: &str, argument: Option<(&str, Value<'static, String>)>) -> Directive {
    Directive {
        position: Pos::default(),
        name: name.to_owned(),
        arguments: argument
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

const RESTRICTING: [&str; 4] = ["authenticated", "requiresScopes", "policy", "inaccessible"];

/// Copies an interface object's fields with their restrictions to its members, as composition does.
fn share_with_members(document: &mut Document, known: &Supergraph) {
    let mut shared: Vec<(String, String, Directive)> = Vec::new();
    for definition in &document.definitions {
        let Definition::TypeDefinition(TypeDefinition::Interface(interface)) = definition else {
            continue;
        };
        let is_object = known
            .graphs
            .iter()
            .any(|(graph, _)| known.is_interface_object(graph, &interface.name));
        if !is_object {
            continue;
        }
        for field in &interface.fields {
            for name in RESTRICTING {
                let own = find(&field.directives, name);
                shared.extend(own.map(|directive| {
                    (
                        interface.name.clone(),
                        field.name.clone(),
                        directive.clone(),
                    )
                }));
            }
        }
    }
    for definition in &mut document.definitions {
        let Definition::TypeDefinition(TypeDefinition::Object(object)) = definition else {
            continue;
        };
        for field in &mut object.fields {
            for (interface, name, directive) in &shared {
                let is_of = object.implements_interfaces.contains(interface) && *name == field.name;
                let known = field.directives.iter().any(|known| {
                    known.name == directive.name && known.arguments == directive.arguments
                });
                if is_of && !known {
                    field.directives.push(directive.clone());
                }
            }
        }
    }
}

fn rename(document: &mut Document, naming: Naming) {
    let import = |name: &str, given: &str| {
        let text = |text: String| Value::String(text);
        Value::Object(
            [
                ("name".to_owned(), text(format!("@{name}"))),
                ("as".to_owned(), text(format!("@{given}"))),
            ]
            .into_iter()
            .collect(),
        )
    };
    let given = |name: &str| match naming {
        Naming::Plain => name.to_owned(),
        Naming::Prefixed => format!("fed__{name}"),
        Naming::Renamed => format!("my{name}"),
    };
    if !matches!(naming, Naming::Plain) {
        let imports = match naming {
            Naming::Renamed => RESTRICTING
                .iter()
                .map(|name| import(name, &given(name)))
                .collect(),
            _ => Vec::new(),
        };
        let url = "https://specs.apollo.dev/federation/v2.9".to_owned();
        let mut link = directive("link", Some(("url", Value::String(url))));
        link.arguments
            .push(("as".to_owned(), Value::String("fed".to_owned())));
        link.arguments
            .push(("import".to_owned(), Value::List(imports)));
        for definition in &mut document.definitions {
            if let Definition::SchemaDefinition(schema) = definition {
                schema.directives.push(link.clone());
            }
        }
    }
    let rename_all = |directives: &mut Vec<Directive>| {
        for directive in directives {
            if RESTRICTING.contains(&&*directive.name) {
                directive.name = given(&directive.name);
            }
        }
    };
    for definition in &mut document.definitions {
        let Definition::TypeDefinition(definition) = definition else {
            continue;
        };
        match definition {
            TypeDefinition::Object(object) => {
                rename_all(&mut object.directives);
                let fields = object.fields.iter_mut();
                fields.for_each(|field| rename_all(&mut field.directives));
            }
            TypeDefinition::Interface(interface) => {
                rename_all(&mut interface.directives);
                let fields = interface.fields.iter_mut();
                fields.for_each(|field| rename_all(&mut field.directives));
            }
            TypeDefinition::Enum(definition) => {
                rename_all(&mut definition.directives);
                let values = definition.values.iter_mut();
                values.for_each(|value| rename_all(&mut value.directives));
            }
            TypeDefinition::Scalar(scalar) => rename_all(&mut scalar.directives),
            TypeDefinition::Union(union) => rename_all(&mut union.directives),
            TypeDefinition::InputObject(_) => {}
        }
    }
}

/// What a caller may see of a restricted supergraph.
pub(crate) struct Sight<'s> {
    pub(crate) supergraph: &'s Supergraph,
    pub(crate) caller: &'s Caller,
}

impl Sight<'_> {
    pub(crate) fn is_type_hidden(&self, name: &str) -> bool {
        let definition = self.supergraph.definition(name);
        definition.is_some_and(|definition| has(directives(definition), "inaccessible"))
    }

    pub(crate) fn is_value_hidden(&self, type_name: &str, value: &str) -> bool {
        let Some(TypeDefinition::Enum(definition)) = self.supergraph.definition(type_name) else {
            return false;
        };
        let mut values = definition.values.iter();
        values.any(|known| known.name == value && has(&known.directives, "inaccessible"))
    }

    fn field(&self, type_name: &str, field: &str) -> Option<&Field> {
        let fields = match self.supergraph.definition(type_name)? {
            TypeDefinition::Object(object) => &object.fields,
            TypeDefinition::Interface(interface) => &interface.fields,
            _ => return None,
        };
        fields.iter().find(|known| known.name == field)
    }

    pub(crate) fn is_field_hidden(&self, type_name: &str, field: &str) -> bool {
        self.field(type_name, field).is_none_or(|field| {
            has(&field.directives, "inaccessible") || self.is_type_hidden(named(&field.field_type))
        })
    }

    /// Denied by directives of the field, its type or its parent type.
    pub(crate) fn is_denied(&self, type_name: &str, field: &str) -> bool {
        let Some(field) = self.field(type_name, field) else {
            return false;
        };
        let of_types = [type_name, named(&field.field_type)]
            .into_iter()
            .filter_map(|name| self.supergraph.definition(name))
            .flat_map(directives);
        of_types
            .chain(&field.directives)
            .any(|directive| self.refuses(directive))
    }

    fn refuses(&self, directive: &Directive) -> bool {
        let own = match &*directive.name {
            "authenticated" => return self.caller.subject.is_none(),
            "requiresScopes" => &self.caller.scopes,
            "policy" => &self.caller.policies,
            _ => return false,
        };
        let text = directive.arguments[0].1.to_string();
        !own.iter().any(|name| text.contains(&format!("\"{name}\"")))
    }
}

fn has(directives: &[Directive], name: &str) -> bool {
    find(directives, name).next().is_some()
}
