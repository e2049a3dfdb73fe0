//! From merged data to the client's answer: the client's own selection, compiled for every type an
//! object may turn out to have, and one pass that writes JSON.

mod compile;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use graphql_tools::static_graphql::query::Value as Literal;

use crate::error::{ErrorCode, PathSegment};
use crate::prepare::Aliases;
use crate::supergraph::{RequirementId, TypeId};
use crate::value::Symbol;

pub(crate) use write::write;

/// What the caller may not have, and what to say about it.
pub(crate) type Denials = BTreeMap<RequirementId, ErrorCode>;

/// The client's selection, ready to be filled with data.
#[derive(Debug)]
pub(crate) struct Projection {
    root: Arc<Selection>,
    aliases: Aliases,
    /// The length of the last answer: the next one is probably about as long.
    last_bytes: AtomicUsize,
}

/// The fields of an object.
#[derive(Debug)]
enum Selection {
    /// The type is known beforehand.
    Object(Arc<[Field]>),
    /// The type shows at run time.
    Abstract(AbstractSelection),
}

/// The fields of an object whose type shows at run time.
#[derive(Debug)]
struct AbstractSelection {
    /// A type that is not here is none the client may see.
    by_type: HashMap<TypeId, Arc<[Field]>>,
    /// Whether there are types that clients cannot see: an object that is of none of the others is of one of these.
    some_hidden: bool,
    /// For an object of which no more is known than that it is one of these types: where there is only one, and clients may
    /// see it.
    only: Option<Arc<[Field]>>,
    /// For an object of a subgraph that knows only the interface, where the client's selection is the same for
    /// every type, and clients may see all of it or nothing of it.
    of_interface: Option<Arc<[Field]>>,
}

/// A response key.
#[derive(Debug)]
pub(crate) struct Field {
    /// Where its value is in the data.
    symbol: Symbol,
    key: Box<str>,
    /// `"key":`
    json_key: Box<[u8]>,
    /// The field's name and arguments in the schema.
    pub name: Box<str>,
    pub arguments: Box<[(String, Literal)]>,
    /// The type it is a field of.
    parent: Arc<str>,
    wrapping: Wrapping,
    kind: Kind,
    refusal: Option<NullReason>,
}

/// Why a field is null whatever its value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NullReason {
    /// The caller may not have it, and is told so.
    Denied(ErrorCode),
    /// No client may know of it.
    Hidden,
}

impl Field {
    /// `"key":`
    pub(crate) fn json_key(&self) -> &[u8] {
        &self.json_key
    }

    /// The fields inside, where the type is an object.
    pub(crate) fn fields(&self) -> &[Field] {
        match &self.kind {
            Kind::Composite(selection) | Kind::Introspection(_, selection) => match &**selection {
                Selection::Object(fields) => fields,
                Selection::Abstract(_) => &[],
            },
            _ => &[],
        }
    }
}

/// Lists and non-nulls around a type.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wrapping {
    non_null: bool,
    list: Option<Box<Wrapping>>,
}

#[derive(Debug)]
enum Kind {
    /// `__typename`: fields are compiled for each type, so its value is known.
    Typename(Box<str>),
    Leaf(Leaf),
    Composite(Arc<Selection>),
    Introspection(IntrospectionField, Arc<Selection>),
}

/// The entry points of introspection.
#[derive(Clone, Copy, Debug)]
enum IntrospectionField {
    Schema,
    Type,
}

#[derive(Debug)]
enum Leaf {
    Int,
    Float,
    String,
    Boolean,
    Id,
    Enum(Arc<EnumValues>),
    /// A custom scalar: anything.
    Custom,
}

#[derive(Debug)]
struct EnumValues {
    visible: Vec<String>,
    /// With those that clients cannot see.
    all: Vec<String>,
}

/// The least and the most room that is made before an answer is written.
const ROOM: std::ops::Range<usize> = 1024..1024 * 1024;

impl Projection {
    fn expected_bytes(&self) -> usize {
        let last = self.last_bytes.load(Ordering::Relaxed);
        (last + last / 16).clamp(ROOM.start, ROOM.end)
    }

    fn written(&self, bytes: usize) {
        self.last_bytes.store(bytes, Ordering::Relaxed);
    }

    /// An error's path as the client knows it: cut before the first key that is not in the selection.
    pub(crate) fn client_path(&self, path: &[PathSegment]) -> Vec<PathSegment> {
        let mut shown = Vec::with_capacity(path.len());
        let mut selections: Vec<&Selection> = vec![&*self.root];
        for segment in path {
            let mut segment = segment.clone();
            if let PathSegment::Key(key) = &mut segment {
                *key = self.aliases.client_key(key).to_owned();
                let found: Vec<&Field> = selections
                    .iter()
                    .flat_map(|selection| selection.all_fields())
                    .filter(|field| *field.key == **key)
                    .collect();
                if found.is_empty() {
                    break;
                }
                selections = found
                    .into_iter()
                    .filter_map(|field| match &field.kind {
                        Kind::Composite(selection) => Some(&**selection),
                        _ => None,
                    })
                    .collect();
            }
            shown.push(segment);
        }
        shown
    }
}

impl Selection {
    fn all_fields(&self) -> Box<dyn Iterator<Item = &Field> + '_> {
        match self {
            Self::Object(fields) => Box::new(fields.iter()),
            Self::Abstract(of) => Box::new(of.by_type.values().flat_map(|fields| fields.iter())),
        }
    }
}
