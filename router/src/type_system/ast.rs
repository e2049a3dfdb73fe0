//! The syntax tree of a type system document, shaped for working with schemas: a type is one node whatever its kind,
//! and an argument is a field without arguments.

use graphql_tools::parser::Pos;
pub(crate) use graphql_tools::static_graphql::schema::{Directive, Type, Value};

use crate::prepare::OperationKind;

/// Definitions and extensions in source order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Document {
    pub(crate) definitions: Vec<Definition>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Definition {
    Schema(SchemaDefinition),
    Type(TypeDefinition),
    Directive(DirectiveDefinition),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SchemaDefinition {
    pub(crate) position: Pos,
    pub(crate) is_extension: bool,
    pub(crate) description: Option<String>,
    pub(crate) directives: Vec<Directive>,
    /// The root types.
    pub(crate) operations: Vec<(OperationKind, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TypeKind {
    Scalar,
    Object,
    Interface,
    Union,
    Enum,
    InputObject,
}

impl TypeKind {
    /// Its keyword in SDL.
    pub(crate) const fn keyword(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Object => "type",
            Self::Interface => "interface",
            Self::Union => "union",
            Self::Enum => "enum",
            Self::InputObject => "input",
        }
    }

    /// For use in a sentence.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "a Scalar type",
            Self::Object => "an Object type",
            Self::Interface => "an Interface type",
            Self::Union => "a Union type",
            Self::Enum => "an Enum type",
            Self::InputObject => "an Input type",
        }
    }

    pub(crate) const fn is_composite(self) -> bool {
        matches!(self, Self::Object | Self::Interface | Self::Union)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TypeDefinition {
    pub(crate) position: Pos,
    pub(crate) is_extension: bool,
    pub(crate) description: Option<String>,
    pub(crate) name: String,
    pub(crate) kind: TypeKind,
    pub(crate) directives: Vec<Directive>,
    /// For objects and interfaces.
    pub(crate) interfaces: Vec<String>,
    /// For objects, interfaces and input objects.
    pub(crate) fields: Vec<Field>,
    /// For unions.
    pub(crate) members: Vec<String>,
    /// For enums.
    pub(crate) values: Vec<EnumValue>,
}

impl TypeDefinition {
    pub(crate) fn new(kind: TypeKind, name: impl Into<String>) -> Self {
        Self {
            position: Pos::default(),
            is_extension: false,
            description: None,
            name: name.into(),
            kind,
            directives: Vec::new(),
            interfaces: Vec::new(),
            fields: Vec::new(),
            members: Vec::new(),
            values: Vec::new(),
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&EnumValue> {
        self.values.iter().find(|value| value.name == name)
    }
}

/// A field of an object, an interface or an input object, or an argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) position: Pos,
    pub(crate) description: Option<String>,
    pub(crate) name: String,
    pub(crate) arguments: Vec<Self>,
    pub(crate) value_type: Type,
    /// For input fields and arguments.
    pub(crate) default: Option<Value>,
    pub(crate) directives: Vec<Directive>,
}

impl Field {
    pub(crate) fn argument(&self, name: &str) -> Option<&Self> {
        self.arguments.iter().find(|argument| argument.name == name)
    }

    /// Whether an input is required.
    pub(crate) fn is_required(&self) -> bool {
        matches!(self.value_type, Type::NonNullType(_)) && self.default.is_none()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EnumValue {
    pub(crate) position: Pos,
    pub(crate) description: Option<String>,
    pub(crate) name: String,
    pub(crate) directives: Vec<Directive>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DirectiveDefinition {
    pub(crate) position: Pos,
    pub(crate) description: Option<String>,
    pub(crate) name: String,
    pub(crate) arguments: Vec<Field>,
    pub(crate) is_repeatable: bool,
    /// As written: `FIELD_DEFINITION`.
    pub(crate) locations: Vec<String>,
}

/// The type inside lists and non-nulls.
pub(crate) fn named(value_type: &Type) -> &str {
    match value_type {
        Type::NamedType(name) => name,
        Type::ListType(inner) | Type::NonNullType(inner) => named(inner),
    }
}

/// The value of a directive's argument.
pub(crate) fn argument<'d>(directive: &'d Directive, name: &str) -> Option<&'d Value> {
    let mut arguments = directive.arguments.iter();
    arguments.find_map(|(known, value)| (known == name).then_some(value))
}

/// All directive locations.
pub(crate) const LOCATIONS: [&str; 19] = [
    "QUERY",
    "MUTATION",
    "SUBSCRIPTION",
    "FIELD",
    "FRAGMENT_DEFINITION",
    "FRAGMENT_SPREAD",
    "INLINE_FRAGMENT",
    "VARIABLE_DEFINITION",
    "SCHEMA",
    "SCALAR",
    "OBJECT",
    "FIELD_DEFINITION",
    "ARGUMENT_DEFINITION",
    "INTERFACE",
    "UNION",
    "ENUM",
    "ENUM_VALUE",
    "INPUT_OBJECT",
    "INPUT_FIELD_DEFINITION",
];

/// Whether a location is in operations rather than schemas.
pub(crate) fn is_executable(location: &str) -> bool {
    LOCATIONS[..8].contains(&location)
}
