//! Projects merged data onto the client's selection: compiled for every possible type, then written as JSON in one
//! pass.

mod collect;
mod compile;
mod deferred;
mod requested_keys;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use graphql_tools::static_graphql::query::Value as Literal;

use crate::error::{ErrorCode, PathSegment};
use crate::prepare::Aliases;
use crate::supergraph::{RequirementId, TypeId};
use crate::value::Symbol;

pub(crate) use deferred::{MAX_PENDING, Parts, PendingFragment};
pub(crate) use requested_keys::RequestedKeys;
pub(crate) use write::{Written, write, write_deferred};

/// Fields the caller may not see, with the error code to report.
pub(crate) type Denials = BTreeMap<RequirementId, ErrorCode>;

/// How fragments with `@defer` are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// With everything else.
    Whole,
    /// Each in a part of its own.
    Incremental,
}

/// The client's compiled selection.
#[derive(Debug)]
pub(crate) struct Projection {
    root: Arc<Selection>,
    aliases: Aliases,
    /// The labels of the deferred fragments.
    labels: Vec<Option<String>>,
    /// The length of the last response, as an estimate for the next one.
    last_bytes: AtomicUsize,
}

/// The fields of an object.
#[derive(Debug)]
enum Selection {
    /// The type is known at compile time.
    Object(Arc<ObjectSelection>),
    /// The type is known at run time.
    Abstract(AbstractSelection),
}

/// The fields of an object of one type.
#[derive(Debug, Default)]
struct ObjectSelection {
    fields: Box<[Field]>,
    deferred: Box<[DeferredFragment]>,
}

/// A fragment whose fields follow later.
#[derive(Debug)]
struct DeferredFragment {
    /// Its position among the deferred fragments.
    number: usize,
    selection: Arc<ObjectSelection>,
}

/// The fields of an object whose type is known at run time.
#[derive(Debug)]
struct AbstractSelection {
    /// Only types visible to the client.
    by_type: HashMap<TypeId, Arc<ObjectSelection>>,
    /// Whether there are hidden types: an object with none of the visible types then has one of these.
    some_hidden: bool,
    /// For an object of unknown type, if only one type is possible and visible.
    only: Option<Arc<ObjectSelection>>,
    /// For an object from a subgraph that knows only the interface, if the selection is the same for every type and
    /// clients may see all or nothing of it.
    of_interface: Option<Arc<ObjectSelection>>,
}

/// A response key.
#[derive(Debug)]
pub(crate) struct Field {
    /// The key of its value in the data.
    symbol: Symbol,
    key: Box<str>,
    /// `"key":`
    json_key: Box<[u8]>,
    /// The field's name and arguments in the schema.
    pub name: Box<str>,
    pub arguments: Box<[(String, Literal)]>,
    /// The type that declares the field.
    parent: Arc<str>,
    wrapping: Wrapping,
    kind: Kind,
    refusal: Option<NullReason>,
}

/// Why a field is always null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NullReason {
    /// The caller may not see it, and gets an error.
    Denied(ErrorCode),
    /// Hidden from all clients.
    Hidden,
}

impl Field {
    /// `"key":`
    pub(crate) fn json_key(&self) -> &[u8] {
        &self.json_key
    }

    /// The fields inside, if the type is an object.
    pub(crate) fn fields(&self) -> &[Field] {
        match &self.kind {
            Kind::Composite(selection) | Kind::Introspection(_, selection) => match &**selection {
                Selection::Object(selection) => &selection.fields,
                Selection::Abstract(_) => &[],
            },
            _ => &[],
        }
    }
}

/// The lists and non-nulls around a type.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wrapping {
    non_null: bool,
    list: Option<Box<Wrapping>>,
}

#[derive(Debug)]
enum Kind {
    /// `__typename`: fields are compiled per type, so the value is known.
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
    /// A custom scalar: any value.
    Custom,
}

#[derive(Debug)]
struct EnumValues {
    visible: Vec<String>,
    /// Including those hidden from clients.
    all: Vec<String>,
}

/// Minimum and maximum initial buffer size for a response.
const ROOM: std::ops::Range<usize> = 1024..1024 * 1024;

impl Projection {
    fn expected_bytes(&self) -> usize {
        let last = self.last_bytes.load(Ordering::Relaxed);
        (last + last / 16).clamp(ROOM.start, ROOM.end)
    }

    fn written(&self, bytes: usize) {
        self.last_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Translates an error's path to the client's: cut before the first key that is not selected.
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
            Self::Object(selection) => Box::new(selection.fields.iter()),
            Self::Abstract(of) => Box::new(of.by_type.values().flat_map(|of| of.fields.iter())),
        }
    }
}
