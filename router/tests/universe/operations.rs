//! Randomly generated operations over the public schema.

use std::fmt::Write;

use graphql_tools::static_graphql::schema::Type;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};

use crate::supergraph::{Supergraph, named};

/// Maximum nesting.
const DEPTH: usize = 6;

pub(crate) struct Operations<'o> {
    supergraph: &'o Supergraph,
    random: StdRng,
    variables: usize,
    aliases: usize,
}

impl<'o> Operations<'o> {
    pub(crate) fn new(supergraph: &'o Supergraph, seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self {
            supergraph,
            random,
            variables: 0,
            aliases: 0,
        }
    }

    fn pick(&mut self, below: usize) -> usize {
        self.random.random_range(0..below)
    }

    /// An operation and its variables.
    pub(crate) fn draw(&mut self) -> (String, Map<String, Value>) {
        (self.variables, self.aliases) = (0, 0);
        let mutation = self.supergraph.mutation.as_deref();
        let (kind, root) = match mutation {
            Some(mutation) if self.pick(4) == 0 => ("mutation", mutation),
            _ => ("query", self.supergraph.query.as_str()),
        };
        let mut text = String::new();
        self.selections(root, 0, &mut text);
        let mut variables = Map::new();
        let mut header = String::new();
        for number in 0..self.variables {
            let _ = write!(header, "$v{number}: Boolean! ");
            variables.insert(format!("v{number}"), json!(self.pick(2) == 0));
        }
        let header = if header.is_empty() {
            header
        } else {
            format!("({header})")
        };
        (format!("{kind} Q{header} {text}"), variables)
    }

    fn selections(&mut self, type_name: &str, depth: usize, out: &mut String) {
        out.push_str("{ ");
        let supergraph = self.supergraph;
        let known = &supergraph.composites[type_name];
        // Mutation types reachable from a query are planned as queries, so avoid them.
        let mutation = supergraph.mutation.as_deref();
        let fields = known
            .fields
            .iter()
            .filter(|(_, field)| supergraph.is_visible(field))
            .filter(|(_, field)| Some(named(&field.ty)) != mutation);
        let fields: Vec<_> = fields.map(|(name, _)| name.as_str()).collect();
        let mut written = false;
        for _ in 0..1 + self.pick(4) {
            let choice = self.pick(10);
            if choice == 0 {
                out.push_str("__typename ");
                written = true;
            } else if choice < 3 || fields.is_empty() {
                written |= self.fragment(type_name, depth, out);
            } else {
                let field = fields[self.pick(fields.len())];
                written |= self.field(type_name, field, depth, out);
            }
        }
        if !written {
            out.push_str("__typename ");
        }
        out.push_str("} ");
    }

    /// A fragment on the type itself, on one of its possible types, or on another abstract type of those.
    fn fragment(&mut self, type_name: &str, depth: usize, out: &mut String) -> bool {
        let supergraph = self.supergraph;
        let members = supergraph.members(None, type_name);
        let overlaps = |name: &&String| {
            let others = supergraph.members(None, name);
            !supergraph.composites[*name].inaccessible
                && others.iter().any(|other| members.contains(other))
        };
        let related: Vec<_> = supergraph.composites.keys().filter(overlaps).collect();
        if related.is_empty() || depth >= DEPTH {
            return false;
        }
        let on = related[self.pick(related.len())].clone();
        let _ = write!(out, "... on {on} ");
        self.condition(out);
        self.selections(&on, depth + 1, out);
        true
    }

    fn condition(&mut self, out: &mut String) {
        let directive = match self.pick(12) {
            0 => "skip",
            1 => "include",
            _ => return,
        };
        let _ = write!(out, "@{directive}(if: $v{}) ", self.variables);
        self.variables += 1;
    }

    fn field(&mut self, type_name: &str, field: &str, depth: usize, out: &mut String) -> bool {
        let supergraph = self.supergraph;
        let known = &supergraph.composites[type_name].fields[field];
        let inner = named(&known.ty);
        let is_composite = supergraph.composites.contains_key(inner);
        if is_composite && depth >= DEPTH {
            return false;
        }
        let mut arguments = Vec::new();
        for argument in &known.arguments {
            let required = matches!(argument.value_type, Type::NonNullType(_))
                && argument.default_value.is_none();
            if required || self.pick(2) == 0 {
                let value = self.literal(&argument.value_type);
                arguments.push(format!("{}: {value}", argument.name));
            }
        }
        if !arguments.is_empty() || self.pick(6) == 0 {
            let _ = write!(out, "a{}: ", self.aliases);
            self.aliases += 1;
        }
        out.push_str(field);
        if !arguments.is_empty() {
            let _ = write!(out, "({})", arguments.join(", "));
        }
        out.push(' ');
        self.condition(out);
        if is_composite {
            self.selections(inner, depth + 1, out);
        }
        true
    }

    fn literal(&mut self, ty: &Type) -> String {
        use graphql_tools::static_graphql::schema::TypeDefinition;
        match ty {
            Type::NonNullType(inner) => self.literal(inner),
            Type::ListType(inner) => format!("[{}]", self.literal(inner)),
            Type::NamedType(name) => match name.as_str() {
                "Int" | "Float" => self.pick(3).to_string(),
                "Boolean" => (self.pick(2) == 0).to_string(),
                name => {
                    if let Some(values) = self.supergraph.enum_values(name) {
                        return values[self.pick(values.len())].to_owned();
                    }
                    if let Some(TypeDefinition::InputObject(input)) =
                        self.supergraph.definition(name)
                    {
                        let needed = input
                            .fields
                            .iter()
                            .filter(|field| matches!(field.value_type, Type::NonNullType(_)));
                        let fields: Vec<_> = needed
                            .map(|field| {
                                format!("{}: {}", field.name, self.literal(&field.value_type))
                            })
                            .collect();
                        return format!("{{{}}}", fields.join(", "));
                    }
                    format!("\"{}\"", ["x", "y", "z"][self.pick(3)])
                }
            },
        }
    }
}
