//! Subgraph data inside the router: keys are the operation's symbols, strings are slices of their response, and parts
//! that no selection looks into stay JSON text.

mod check;
mod json;
mod local;
pub(crate) mod number;
mod shape;
mod stored;
mod symbols;
mod weight;
mod write;

use std::hash::{Hash, Hasher};

use bytes::Bytes;

pub(crate) use check::check_response;
pub(crate) use json::decode_response;
pub(crate) use local::{from_local, to_local};
pub(crate) use shape::{Shape, Slot};
pub(crate) use stored::StoredValue;
pub(crate) use symbols::{Symbol, Symbols};
pub(crate) use weight::Weight;
pub(crate) use write::{write_json, write_response, write_string};

use crate::supergraph::TypeId;

/// UTF-8 text, cheap to clone and slice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Text(Bytes);

impl Text {
    /// `bytes` must be UTF-8; the decoder validates the whole response before slicing.
    fn from_checked(bytes: Bytes) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

/// A value of a response.
#[derive(Clone, Debug, Default)]
pub(crate) enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A JSON number that is not an `i64`, kept digit by digit.
    Number(Text),
    /// An unescaped string, escaped when written.
    String(Text),
    /// The content of a JSON string literal, already escaped.
    Escaped(Text),
    /// The JSON text of an object inside a custom scalar.
    Raw(Text),
    List(Vec<Value>),
    Object(Object),
}

impl Value {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// An object: its runtime type, if it was requested, and its fields in order of arrival.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Object {
    pub typename: TypeId,
    pub fields: Vec<(Symbol, Value)>,
}

impl Default for Object {
    fn default() -> Self {
        Self {
            typename: TypeId::NONE,
            fields: Vec::new(),
        }
    }
}

impl Object {
    pub(crate) fn get(&self, key: Symbol) -> Option<&Value> {
        self.fields
            .iter()
            .find_map(|(name, value)| (*name == key).then_some(value))
    }

    pub(crate) fn get_mut(&mut self, key: Symbol) -> Option<&mut Value> {
        self.fields
            .iter_mut()
            .find_map(|(name, value)| (*name == key).then_some(value))
    }
}

// Floats compare by bits: representations are deduplicated by equality, which must mean "the same bytes on the wire".
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Number(a), Self::Number(b))
            | (Self::String(a), Self::String(b))
            | (Self::Escaped(a), Self::Escaped(b))
            | (Self::Raw(a), Self::Raw(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Null => {}
            Self::Bool(value) => value.hash(state),
            Self::Int(value) => value.hash(state),
            Self::Float(value) => value.to_bits().hash(state),
            Self::Number(text) | Self::String(text) | Self::Escaped(text) | Self::Raw(text) => {
                text.hash(state);
            }
            Self::List(items) => items.hash(state),
            Self::Object(object) => object.hash(state),
        }
    }
}
