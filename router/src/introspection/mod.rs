//! Introspection, answered from the API schema and written straight from the selection.

use graphql_tools::static_graphql::schema::{
    Directive, DirectiveDefinition, EnumValue, Field as FieldDefinition, InputValue, Type,
    TypeDefinition, Value as Literal,
};
use serde_json::Value;

use crate::prepare::{Variables, literal};
use crate::project::Field;
use crate::supergraph::{Schema, Supergraph, output_fields};
use crate::value::write_string;

/// `__schema`.
pub(crate) fn write_schema(
    field: &Field,
    supergraph: &Supergraph,
    variables: &Variables,
    out: &mut Vec<u8>,
) {
    let writer = Writer {
        supergraph,
        schema: &supergraph.schema,
        variables,
    };
    writer.schema(field.fields(), out);
}

/// `__type(name:)`; null if there is no such type.
pub(crate) fn write_type(
    field: &Field,
    schema: &Schema,
    supergraph: &Supergraph,
    variables: &Variables,
    out: &mut Vec<u8>,
) {
    let writer = Writer {
        supergraph,
        schema,
        variables,
    };
    let name = writer.argument(field, "name");
    match name
        .as_ref()
        .and_then(Value::as_str)
        .and_then(|name| schema.types.get(name))
    {
        Some(definition) => writer.definition(definition, field.fields(), out),
        None => null(out),
    }
}

struct Writer<'a> {
    supergraph: &'a Supergraph,
    schema: &'a Schema,
    variables: &'a Variables,
}

impl Writer<'_> {
    fn argument(&self, field: &Field, name: &str) -> Option<Value> {
        let (_, value) = field.arguments.iter().find(|(known, _)| known == name)?;
        literal(value, Some(self.variables))
    }

    fn deprecated_too(&self, field: &Field) -> bool {
        self.argument(field, "includeDeprecated") == Some(Value::Bool(true))
    }

    fn schema(&self, fields: &[Field], out: &mut Vec<u8>) {
        let named = |name: &Option<String>, field: &Field, out: &mut Vec<u8>| match name
            .as_ref()
            .and_then(|name| self.schema.types.get(name))
        {
            Some(definition) => self.definition(definition, field.fields(), out),
            None => null(out),
        };
        object(fields, out, |field, out| match &*field.name {
            "__typename" => text("__Schema", out),
            "types" => list(self.schema.types.values(), out, |definition, out| {
                self.definition(definition, field.fields(), out);
            }),
            "queryType" => named(&Some(self.schema.query.clone()), field, out),
            "mutationType" => named(&self.schema.mutation, field, out),
            "subscriptionType" => named(&self.schema.subscription, field, out),
            "directives" => list(&self.schema.directives, out, |directive, out| {
                self.directive(directive, field.fields(), out);
            }),
            _ => null(out),
        });
    }

    fn type_ref(&self, ty: &Type, fields: &[Field], out: &mut Vec<u8>) {
        let (kind, inner) = match ty {
            Type::NamedType(name) => {
                match self.schema.types.get(name) {
                    Some(definition) => self.definition(definition, fields, out),
                    None => null(out),
                }
                return;
            }
            Type::ListType(inner) => ("LIST", inner),
            Type::NonNullType(inner) => ("NON_NULL", inner),
        };
        object(fields, out, |field, out| match &*field.name {
            "__typename" => text("__Type", out),
            "kind" => text(kind, out),
            "ofType" => self.type_ref(inner, field.fields(), out),
            _ => null(out),
        });
    }

    fn definition(&self, definition: &TypeDefinition, fields: &[Field], out: &mut Vec<u8>) {
        object(fields, out, |field, out| match &*field.name {
            "__typename" => text("__Type", out),
            "kind" => text(kind(definition), out),
            "name" => text(definition.name(), out),
            "description" => optional(description(definition), out),
            "specifiedByURL" => match definition {
                TypeDefinition::Scalar(scalar) => {
                    optional(
                        string_argument(&scalar.directives, "specifiedBy", "url"),
                        out,
                    );
                }
                _ => null(out),
            },
            "fields" => match definition {
                TypeDefinition::Object(_) | TypeDefinition::Interface(_) => {
                    let all = self.deprecated_too(field);
                    let shown = output_fields(definition)
                        .iter()
                        .filter(|known| !known.name.starts_with("__"))
                        .filter(|known| all || !is_deprecated(&known.directives));
                    list(shown, out, |known, out| {
                        self.field(known, field.fields(), out)
                    });
                }
                _ => null(out),
            },
            "interfaces" => match definition {
                TypeDefinition::Object(object) => {
                    self.names(object.implements_interfaces.iter(), field, out);
                }
                TypeDefinition::Interface(interface) => {
                    self.names(interface.implements_interfaces.iter(), field, out);
                }
                _ => null(out),
            },
            "possibleTypes" => match definition {
                TypeDefinition::Interface(_) | TypeDefinition::Union(_) => {
                    self.names(
                        self.supergraph.types.possible(definition.name()),
                        field,
                        out,
                    );
                }
                _ => null(out),
            },
            "enumValues" => match definition {
                TypeDefinition::Enum(definition) => {
                    let all = self.deprecated_too(field);
                    let shown = definition
                        .values
                        .iter()
                        .filter(|value| all || !is_deprecated(&value.directives));
                    list(shown, out, |value, out| {
                        enum_value(value, field.fields(), out)
                    });
                }
                _ => null(out),
            },
            "inputFields" => match definition {
                TypeDefinition::InputObject(definition) => {
                    self.inputs(&definition.fields, field, out);
                }
                _ => null(out),
            },
            "isOneOf" => match definition {
                TypeDefinition::InputObject(_) => boolean(definition.is_one_of(), out),
                _ => null(out),
            },
            _ => null(out),
        });
    }

    /// Types by name, without those hidden from clients.
    fn names<N: AsRef<str>>(
        &self,
        names: impl Iterator<Item = N>,
        field: &Field,
        out: &mut Vec<u8>,
    ) {
        let visible = names.filter_map(|name| self.schema.types.get(name.as_ref()));
        list(visible, out, |definition, out| {
            self.definition(definition, field.fields(), out);
        });
    }

    fn inputs(&self, inputs: &[InputValue], field: &Field, out: &mut Vec<u8>) {
        let all = self.deprecated_too(field);
        let shown = inputs
            .iter()
            .filter(|input| all || !is_deprecated(&input.directives));
        list(shown, out, |input, out| {
            self.input(input, field.fields(), out)
        });
    }

    fn field(&self, definition: &FieldDefinition, fields: &[Field], out: &mut Vec<u8>) {
        object(fields, out, |field, out| match &*field.name {
            "__typename" => text("__Field", out),
            "name" => text(&definition.name, out),
            "description" => optional(definition.description.as_deref(), out),
            "args" => self.inputs(&definition.arguments, field, out),
            "type" => self.type_ref(&definition.field_type, field.fields(), out),
            "isDeprecated" => boolean(is_deprecated(&definition.directives), out),
            "deprecationReason" => optional(deprecation(&definition.directives), out),
            _ => null(out),
        });
    }

    fn input(&self, definition: &InputValue, fields: &[Field], out: &mut Vec<u8>) {
        object(fields, out, |field, out| match &*field.name {
            "__typename" => text("__InputValue", out),
            "name" => text(&definition.name, out),
            "description" => optional(definition.description.as_deref(), out),
            "type" => self.type_ref(&definition.value_type, field.fields(), out),
            "defaultValue" => {
                let default = definition.default_value.as_ref().map(ToString::to_string);
                optional(default.as_deref(), out);
            }
            "isDeprecated" => boolean(is_deprecated(&definition.directives), out),
            "deprecationReason" => optional(deprecation(&definition.directives), out),
            _ => null(out),
        });
    }

    fn directive(&self, definition: &DirectiveDefinition, fields: &[Field], out: &mut Vec<u8>) {
        object(fields, out, |field, out| match &*field.name {
            "__typename" => text("__Directive", out),
            "name" => text(&definition.name, out),
            "description" => optional(definition.description.as_deref(), out),
            "locations" => list(&definition.locations, out, |location, out| {
                text(location.as_str(), out);
            }),
            "args" => self.inputs(&definition.arguments, field, out),
            "isRepeatable" => boolean(definition.repeatable, out),
            _ => null(out),
        });
    }
}

fn enum_value(definition: &EnumValue, fields: &[Field], out: &mut Vec<u8>) {
    object(fields, out, |field, out| match &*field.name {
        "__typename" => text("__EnumValue", out),
        "name" => text(&definition.name, out),
        "description" => optional(definition.description.as_deref(), out),
        "isDeprecated" => boolean(is_deprecated(&definition.directives), out),
        "deprecationReason" => optional(deprecation(&definition.directives), out),
        _ => null(out),
    });
}

fn kind(definition: &TypeDefinition) -> &'static str {
    match definition {
        TypeDefinition::Scalar(_) => "SCALAR",
        TypeDefinition::Object(_) => "OBJECT",
        TypeDefinition::Interface(_) => "INTERFACE",
        TypeDefinition::Union(_) => "UNION",
        TypeDefinition::Enum(_) => "ENUM",
        TypeDefinition::InputObject(_) => "INPUT_OBJECT",
    }
}

fn description(definition: &TypeDefinition) -> Option<&str> {
    match definition {
        TypeDefinition::Scalar(inner) => inner.description.as_deref(),
        TypeDefinition::Object(inner) => inner.description.as_deref(),
        TypeDefinition::Interface(inner) => inner.description.as_deref(),
        TypeDefinition::Union(inner) => inner.description.as_deref(),
        TypeDefinition::Enum(inner) => inner.description.as_deref(),
        TypeDefinition::InputObject(inner) => inner.description.as_deref(),
    }
}

fn is_deprecated(directives: &[Directive]) -> bool {
    directives
        .iter()
        .any(|directive| directive.name == "deprecated")
}

fn deprecation(directives: &[Directive]) -> Option<&str> {
    is_deprecated(directives).then(|| {
        string_argument(directives, "deprecated", "reason").unwrap_or("No longer supported")
    })
}

fn string_argument<'d>(directives: &'d [Directive], name: &str, argument: &str) -> Option<&'d str> {
    let directive = directives.iter().find(|directive| directive.name == name)?;
    directive
        .arguments
        .iter()
        .find_map(|(known, value)| match value {
            Literal::String(text) if known == argument => Some(text.as_str()),
            _ => None,
        })
}

fn object(fields: &[Field], out: &mut Vec<u8>, write: impl Fn(&Field, &mut Vec<u8>)) {
    out.push(b'{');
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(field.json_key());
        write(field, out);
    }
    out.push(b'}');
}

fn list<T>(items: impl IntoIterator<Item = T>, out: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

fn text(text: &str, out: &mut Vec<u8>) {
    write_string(text.as_bytes(), out);
}

fn optional(value: Option<&str>, out: &mut Vec<u8>) {
    match value {
        Some(value) => text(value, out),
        None => null(out),
    }
}

fn boolean(flag: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if flag { b"true" } else { b"false" });
}

fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}
