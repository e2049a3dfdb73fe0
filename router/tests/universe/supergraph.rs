//! A supergraph from the point of view of each subgraph, read from the join directives.

use std::collections::{BTreeMap, BTreeSet};

use crate::world::Object;

use graphql_tools::parser::schema::Value;
use graphql_tools::static_graphql::query::SelectionSet;
use graphql_tools::static_graphql::schema::{
    Definition, Directive, Document, InputValue, Type, TypeDefinition,
};

pub(crate) struct Supergraph {
    pub(crate) document: Document,
    /// The subgraphs: enum value in directives, and name.
    pub(crate) graphs: Vec<(String, String)>,
    pub(crate) composites: BTreeMap<String, Composite>,
    pub(crate) query: String,
    pub(crate) mutation: Option<String>,
}

/// An object, interface or union.
#[derive(Default)]
pub(crate) struct Composite {
    pub(crate) is_object: bool,
    pub(crate) fields: BTreeMap<String, Field>,
    pub(crate) joins: Vec<TypeJoin>,
    /// Implemented interfaces, with the subgraph.
    pub(crate) interfaces: Vec<(String, String)>,
    /// Union members, with the subgraph.
    members: Vec<(String, String)>,
    pub(crate) inaccessible: bool,
    /// Contexts set by this type.
    pub(crate) contexts: Vec<String>,
}

pub(crate) struct TypeJoin {
    pub(crate) graph: String,
    pub(crate) key: Option<SelectionSet>,
    pub(crate) resolvable: bool,
    pub(crate) interface_object: bool,
}

pub(crate) struct Field {
    pub(crate) ty: Type,
    pub(crate) arguments: Vec<InputValue>,
    pub(crate) inaccessible: bool,
    joins: Vec<FieldJoin>,
}

/// An argument hidden from clients, whose value comes from an enclosing object.
pub(crate) struct ContextArgument {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) context: String,
    pub(crate) selection: SelectionSet,
}

struct FieldJoin {
    graph: Option<String>,
    ty: Option<Type>,
    requires: Option<SelectionSet>,
    provides: Option<SelectionSet>,
    external: bool,
    used_overridden: bool,
    context: Vec<ContextArgument>,
}

/// A field as defined in one subgraph.
#[derive(Clone, Copy)]
pub(crate) struct FieldIn<'s> {
    pub(crate) ty: &'s Type,
    pub(crate) requires: Option<&'s SelectionSet>,
    pub(crate) provides: Option<&'s SelectionSet>,
    /// External: known, but resolved only on certain paths.
    pub(crate) external: bool,
    pub(crate) context: &'s [ContextArgument],
}

impl Supergraph {
    pub(crate) fn parse(sdl: &str) -> Self {
        let document = graphql_tools::parser::parse_schema::<String>(sdl)
            .expect("SDL")
            .into_static();
        let mut supergraph = Self {
            graphs: Vec::new(),
            composites: BTreeMap::new(),
            query: "Query".to_owned(),
            mutation: None,
            document,
        };
        for definition in &supergraph.document.definitions {
            match definition {
                Definition::SchemaDefinition(schema) => {
                    supergraph.mutation.clone_from(&schema.mutation);
                    if let Some(query) = &schema.query {
                        supergraph.query.clone_from(query);
                    }
                }
                Definition::TypeDefinition(TypeDefinition::Enum(graphs))
                    if graphs.name == "join__Graph" =>
                {
                    let named = graphs.values.iter().map(|value| {
                        let name = find(&value.directives, "join__graph")
                            .next()
                            .expect("a graph");
                        (value.name.clone(), text(name, "name").expect("a name"))
                    });
                    supergraph.graphs = named.collect();
                }
                Definition::TypeDefinition(definition) => {
                    if let Some(composite) = composite(definition) {
                        let name = definition.name().to_owned();
                        supergraph.composites.insert(name, composite);
                    }
                }
                _ => {}
            }
        }
        supergraph
    }

    pub(crate) fn is_root(&self, type_name: &str) -> bool {
        self.query == type_name || self.mutation.as_deref() == Some(type_name)
    }

    /// Whether the subgraph has the type.
    pub(crate) fn has(&self, graph: &str, type_name: &str) -> bool {
        self.joins(graph, type_name).next().is_some()
    }

    pub(crate) fn joins<'s>(
        &'s self,
        graph: &'s str,
        type_name: &str,
    ) -> impl Iterator<Item = &'s TypeJoin> {
        let joins = self.composites.get(type_name).map(|known| &known.joins);
        let joins = joins.into_iter().flatten();
        joins.filter(move |join| join.graph == graph)
    }

    pub(crate) fn is_interface_object(&self, graph: &str, type_name: &str) -> bool {
        self.joins(graph, type_name)
            .any(|join| join.interface_object)
    }

    /// The field, if the subgraph has it.
    pub(crate) fn field_in(
        &self,
        graph: &str,
        type_name: &str,
        field: &str,
    ) -> Option<FieldIn<'_>> {
        if !self.has(graph, type_name) {
            return None;
        }
        let field = self.composites.get(type_name)?.fields.get(field)?;
        if field.joins.is_empty() {
            return Some(FieldIn {
                ty: &field.ty,
                requires: None,
                provides: None,
                external: false,
                context: &[],
            });
        }
        let mut joins = field.joins.iter();
        let join = joins.find(|join| join.graph.as_deref() == Some(graph))?;
        Some(FieldIn {
            ty: join.ty.as_ref().unwrap_or(&field.ty),
            requires: join.requires.as_ref(),
            provides: join.provides.as_ref(),
            external: join.external || join.used_overridden,
            context: &join.context,
        })
    }

    /// A field's arguments that come from contexts, in any subgraph.
    pub(crate) fn context_arguments(&self, type_name: &str, field: &str) -> &[ContextArgument] {
        let field = self
            .composites
            .get(type_name)
            .and_then(|known| known.fields.get(field));
        let mut joins = field.into_iter().flat_map(|field| &field.joins);
        let join = joins.find(|join| !join.context.is_empty());
        join.map_or(&[], |join| &join.context)
    }

    /// Whether a field's value depends on enclosing objects.
    pub(crate) fn is_contextual(&self, object: &Object, field: &str) -> bool {
        let arguments = self.context_arguments(&object.type_name, field);
        !arguments.is_empty() && self.arguments_of_some(&object.type_name, field).is_empty()
    }

    /// Context arguments that only some of the field's subgraphs have.
    pub(crate) fn arguments_of_some(&self, type_name: &str, field: &str) -> &[ContextArgument] {
        let known = self
            .composites
            .get(type_name)
            .and_then(|known| known.fields.get(field));
        let mut joins = known.into_iter().flat_map(|field| &field.joins);
        if joins.any(|join| join.context.is_empty() && !join.external) {
            self.context_arguments(type_name, field)
        } else {
            &[]
        }
    }

    /// Whether an object type, or an abstract type it belongs to, sets a context.
    pub(crate) fn is_context(&self, object: &str, context: &str) -> bool {
        self.composites.iter().any(|(name, known)| {
            known.contexts.iter().any(|known| known == context)
                && self.members(None, name).contains(object)
        })
    }

    /// Possible object types of a type, in a subgraph or for clients.
    pub(crate) fn members(&self, graph: Option<&str>, type_name: &str) -> BTreeSet<&str> {
        let here = |of: &str| graph.is_none_or(|graph| graph == of);
        let known = &self.composites[type_name];
        if known.is_object {
            return BTreeSet::from([self.name(type_name)]);
        }
        if graph.is_some_and(|graph| self.is_interface_object(graph, type_name)) {
            return self.members(None, type_name);
        }
        let of_union = known.members.iter().filter(|(graph, _)| here(graph));
        let of_union = of_union.map(|(_, member)| member.as_str());
        let implementing = self.composites.iter().filter(|(_, object)| {
            let mut interfaces = object.interfaces.iter();
            object.is_object && interfaces.any(|(graph, name)| here(graph) && name == type_name)
        });
        let members = of_union.chain(implementing.map(|(name, _)| name.as_str()));
        members
            .filter(|name| !self.composites[*name].inaccessible)
            .filter(|name| graph.is_none_or(|graph| self.has(graph, name)))
            .collect()
    }

    /// Whether a field is visible to clients.
    pub(crate) fn is_visible(&self, field: &Field) -> bool {
        let of_type = self.definition(named(&field.ty)).map(directives);
        let hidden = of_type.is_some_and(|known| find(known, "inaccessible").next().is_some());
        !field.inaccessible && !hidden
    }

    fn name(&self, type_name: &str) -> &str {
        let known = self.composites.get_key_value(type_name);
        known.map_or("", |(name, _)| name)
    }

    /// An object's interfaces that are entities, or interface objects in some subgraph; they share its identity.
    pub(crate) fn identities(&self, object: &str) -> BTreeSet<&str> {
        let interfaces = self.composites[object].interfaces.iter();
        let interfaces = interfaces.map(|(_, name)| name.as_str());
        let shared = |name: &&str| {
            let joins = &self.composites[*name].joins;
            joins
                .iter()
                .any(|join| join.key.is_some() || join.interface_object)
        };
        interfaces.filter(shared).collect()
    }

    /// Enum values common to all subgraphs with the enum.
    pub(crate) fn enum_values(&self, name: &str) -> Option<Vec<&str>> {
        let definition = self.definition(name)?;
        let TypeDefinition::Enum(definition) = definition else {
            return None;
        };
        let graphs = find(&definition.directives, "join__type").count();
        let everywhere = definition.values.iter().filter(|value| {
            let known = find(&value.directives, "join__enumValue").count();
            (known == 0 || known == graphs) && find(&value.directives, "inaccessible").count() == 0
        });
        Some(everywhere.map(|value| value.name.as_str()).collect())
    }

    pub(crate) fn definition(&self, name: &str) -> Option<&TypeDefinition> {
        self.definitions()
            .find(|definition| definition.name() == name)
    }

    pub(crate) fn definitions(&self) -> impl Iterator<Item = &TypeDefinition> {
        let definitions = self.document.definitions.iter();
        definitions.filter_map(|definition| match definition {
            Definition::TypeDefinition(definition) => Some(definition),
            _ => None,
        })
    }
}

pub(crate) fn directives(definition: &TypeDefinition) -> &[Directive] {
    match definition {
        TypeDefinition::Scalar(known) => &known.directives,
        TypeDefinition::Object(known) => &known.directives,
        TypeDefinition::Interface(known) => &known.directives,
        TypeDefinition::Union(known) => &known.directives,
        TypeDefinition::Enum(known) => &known.directives,
        TypeDefinition::InputObject(known) => &known.directives,
    }
}

fn composite(definition: &TypeDefinition) -> Option<Composite> {
    let (directives, fields, is_object) = match definition {
        TypeDefinition::Object(object) => (&object.directives, &object.fields[..], true),
        TypeDefinition::Interface(known) => (&known.directives, &known.fields[..], false),
        TypeDefinition::Union(union) => (&union.directives, &[][..], false),
        _ => return None,
    };
    let joins = find(directives, "join__type").map(|join| TypeJoin {
        graph: text(join, "graph").expect("a graph"),
        key: selection(join, "key"),
        resolvable: flag(join, "resolvable").unwrap_or(true),
        interface_object: flag(join, "isInterfaceObject").unwrap_or(false),
    });
    let pairs = |directive: &str, argument: &str| {
        let pair = |join| Some((text(join, "graph")?, text(join, argument)?));
        find(directives, directive).filter_map(pair).collect()
    };
    let fields = fields.iter().map(|field| {
        let joins = find(&field.directives, "join__field").map(|join| FieldJoin {
            graph: text(join, "graph"),
            ty: text(join, "type").map(|ty| type_of(&ty)),
            requires: selection(join, "requires"),
            provides: selection(join, "provides"),
            external: flag(join, "external").unwrap_or(false),
            used_overridden: flag(join, "usedOverridden").unwrap_or(false),
            context: context_arguments(join),
        });
        let field_in = Field {
            ty: field.field_type.clone(),
            arguments: field.arguments.clone(),
            inaccessible: find(&field.directives, "inaccessible").count() > 0,
            joins: joins.collect(),
        };
        (field.name.clone(), field_in)
    });
    Some(Composite {
        is_object,
        fields: fields.collect(),
        joins: joins.collect(),
        interfaces: pairs("join__implements", "interface"),
        members: pairs("join__unionMember", "member"),
        inaccessible: find(directives, "inaccessible").count() > 0,
        contexts: find(directives, "context")
            .filter_map(|context| text(context, "name"))
            .collect(),
    })
}

fn context_arguments(join: &Directive) -> Vec<ContextArgument> {
    let mut arguments = join.arguments.iter();
    let list = match arguments.find(|(name, _)| name == "contextArguments") {
        Some((_, Value::List(list))) => list.as_slice(),
        _ => &[],
    };
    let arguments = list.iter().filter_map(|argument| {
        let Value::Object(members) = argument else {
            return None;
        };
        let member = |name: &str| {
            let (_, value) = members.iter().find(|(known, _)| known == name)?;
            match value {
                Value::String(text) => Some(text.as_str()),
                _ => None,
            }
        };
        Some(ContextArgument {
            name: member("name")?.to_owned(),
            ty: type_of(member("type")?),
            context: member("context")?.to_owned(),
            selection: selection_of(member("selection")?)?,
        })
    });
    arguments.collect()
}

pub(crate) fn find<'d>(
    directives: &'d [Directive],
    name: &'d str,
) -> impl Iterator<Item = &'d Directive> {
    directives
        .iter()
        .filter(move |directive| directive.name == name)
}

pub(crate) fn text(directive: &Directive, argument: &str) -> Option<String> {
    let mut arguments = directive.arguments.iter();
    match &arguments.find(|(name, _)| name == argument)?.1 {
        Value::String(text) | Value::Enum(text) => Some(text.clone()),
        _ => None,
    }
}

fn flag(directive: &Directive, argument: &str) -> Option<bool> {
    let mut arguments = directive.arguments.iter();
    match arguments.find(|(name, _)| name == argument)?.1 {
        Value::Boolean(flag) => Some(flag),
        _ => None,
    }
}

fn selection(directive: &Directive, argument: &str) -> Option<SelectionSet> {
    selection_of(&format!("{{{}}}", text(directive, argument)?))
}

fn selection_of(text: &str) -> Option<SelectionSet> {
    use graphql_tools::static_graphql::query::{Definition, OperationDefinition};
    // A context's selection may start with a fragment.
    let text = if text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        format!("{{{text}}}")
    };
    let document = graphql_tools::parser::parse_query::<String>(&text).expect("a field set");
    match document.into_static().definitions.pop() {
        Some(Definition::Operation(OperationDefinition::SelectionSet(set))) => Some(set),
        _ => None,
    }
}

fn type_of(text: &str) -> Type {
    let sdl = format!("type T {{ f: {text} }}");
    let document = graphql_tools::parser::parse_schema::<String>(&sdl).expect("a type");
    match document.into_static().definitions.pop() {
        Some(Definition::TypeDefinition(TypeDefinition::Object(mut object))) => {
            object.fields.remove(0).field_type
        }
        _ => unreachable!("written as an object"),
    }
}

pub(crate) fn named(ty: &Type) -> &str {
    match ty {
        Type::NamedType(name) => name,
        Type::ListType(inner) | Type::NonNullType(inner) => named(inner),
    }
}
