//! Compiled query plans: documents parsed, keys interned, paths and type conditions resolved, so that executing a plan
//! needs no string operations.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::ExecutableDocument;

use super::OperationKind;
use crate::supergraph::{TypeId, TypeSet};
use crate::value::{Object, Shape, Symbol, Symbols, Value};

/// A compiled plan.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The fetch whose event stream drives a subscription; the rest runs for each event.
    pub subscription: Option<Arc<Fetch>>,
    pub root: Option<Node>,
    pub symbols: Arc<Symbols>,
    /// The planner's own plan, for `extensions.queryPlan`; kept only if it may be shown.
    pub shown: Option<serde_json::Value>,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Sequence(Vec<Node>),
    Parallel(Vec<Node>),
    Fetch(Arc<Fetch>),
    Contextual(Box<ContextualFetch>),
}

/// One request to one subgraph.
#[derive(Clone, Debug)]
pub(crate) struct Fetch {
    pub operation: Arc<FetchOperation>,
    pub target: Target,
}

/// Where the response is merged.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Root fields, merged into the objects at a path, nearly always the root itself.
    Fields { path: Path, rewrites: Vec<Rewrite> },
    /// `_entities`: one list for each alias.
    Entities(Vec<EntityAlias>),
}

/// One `_entities` field of a fetch.
#[derive(Clone, Debug)]
pub(crate) struct EntityAlias {
    pub key: Symbol,
    /// The index of its list of representations in the fetch; aliases may share one.
    pub representations: usize,
    pub paths: Vec<Path>,
    pub requires: Arc<Requires>,
    /// Skips entities that have all of this: they were already requested with the others.
    pub unless: Option<Arc<Requires>>,
    /// Fallback for entities that lack part of `requires`: fetches with fewer requirements, for the fields that allow
    /// it.
    pub split: Vec<Node>,
    pub input_rewrites: Vec<Rewrite>,
    pub output_rewrites: Vec<Rewrite>,
}

/// An entity fetch with arguments from the entities' ancestors (`@fromContext`). Entities with different argument
/// values are requested through separate `_entities` fields.
#[derive(Clone, Debug)]
pub(crate) struct ContextualFetch {
    /// The entities and their representations.
    pub entities: EntityAlias,
    pub variables: Vec<ContextVariable>,
    /// The fetches for one or more sets of argument values, in ascending order of how many they take.
    pub sizes: Vec<Arc<Fetch>>,
}

/// A variable with the value of an ancestor's field.
#[derive(Clone, Debug)]
pub(crate) struct ContextVariable {
    /// Where the value may be; the first one present is used.
    pub sources: Vec<ContextSource>,
}

#[derive(Clone, Debug)]
pub(crate) struct ContextSource {
    /// How many fields up from the entity the ancestor is.
    pub levels: usize,
    /// The path from the ancestor to the value, or to the object whose type is the value.
    pub path: Vec<RewriteSegment>,
    pub is_typename: bool,
}

pub(crate) type Path = Vec<Segment>;

#[derive(Clone, Debug)]
pub(crate) enum Segment {
    Field(Symbol),
    List,
    Type(TypeSet),
}

/// The fields of a representation.
#[derive(Debug, Default)]
pub(crate) struct Requires {
    pub typename: bool,
    pub fields: Vec<RequiredField>,
    pub fragments: Vec<(TypeSet, Requires)>,
}

impl Requires {
    /// The requirements on an object of this type, if its representation is its type plus some of its own values,
    /// unchanged.
    pub(crate) fn flat(&self, typename: TypeId) -> Option<&Self> {
        let mut requires = self;
        if self.fields.is_empty() {
            let mut matching = self
                .fragments
                .iter()
                .filter(|(types, _)| types.contains(typename));
            requires = match (matching.next(), matching.next()) {
                (Some((_, inner)), None) => inner,
                _ => return None,
            };
        }
        let is_flat = requires.typename
            && requires.fragments.is_empty()
            && requires.fields.iter().all(|field| field.inner.is_none());
        is_flat.then_some(requires)
    }
}

#[derive(Debug)]
pub(crate) struct RequiredField {
    /// The value's key in the data.
    pub source: Symbol,
    /// The subgraph's name for it; also its key in the data if `source` is absent.
    pub key: Symbol,
    pub nullable: bool,
    pub inner: Option<Requires>,
}

impl RequiredField {
    /// The value in an object of the data.
    pub(crate) fn of<'o>(&self, object: &'o Object) -> Option<&'o Value> {
        object.get(self.source).or_else(|| object.get(self.key))
    }
}

/// A change to a representation before it is sent, or to an entity after it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Rewrite {
    pub path: Vec<RewriteSegment>,
    pub change: Change,
}

#[derive(Clone, Debug)]
pub(crate) enum RewriteSegment {
    Key(Symbol),
    Type(TypeSet),
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    SetTypename(TypeId),
    Set(Symbol, String),
    Rename(Symbol, Symbol),
}

/// Data that a fetch sends besides the client's variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// One list for each of the operation's representation variables.
    pub representations: Vec<Vec<Value>>,
    /// The values of the operation's context variables.
    pub context: Vec<Value>,
}

impl Inputs {
    /// The number of representations.
    pub(crate) fn entities(&self) -> usize {
        self.representations.iter().map(Vec::len).sum()
    }
}

/// What a fetch's data consists of, by the names that an invalidation of cached data uses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Its root fields; none for a fetch of entities.
    pub root_fields: BTreeSet<String>,
    /// The types of its entities.
    pub entities: BTreeSet<String>,
    /// The types below its root fields or entities, with all their possible types.
    pub nested: BTreeSet<String>,
}

/// A subgraph's document, in every form a transport may need.
#[derive(Debug)]
pub(crate) struct FetchOperation {
    pub subgraph: Arc<str>,
    pub kind: OperationKind,
    pub text: String,
    /// `text` as a JSON string literal.
    pub json: Box<[u8]>,
    /// The document for a subgraph with 64-bit numbers, if it differs: longer numbers are strings.
    pub short: Option<Box<str>>,
    /// The client's variables used by the document.
    pub variables: Vec<String>,
    /// The variables that hold representations.
    pub representations: Vec<String>,
    /// The variables with values from the entities' ancestors.
    pub context: Vec<String>,
    pub shape: Shape,
    pub contents: Contents,
    /// Identifies the document, its subgraph and the schema in caches.
    pub digest: OnceLock<[u8; 32]>,
    /// Shared by all queries of a plan that send the same document to the same subgraph, so that identical fetches find
    /// each other. `None`, the common case, if this is the only one.
    pub duplicate_group: Option<usize>,
    /// Keys the planner introduced, mapped to the keys they stand for.
    pub renamed: HashMap<String, String>,
    pub(super) parsed: OnceLock<Option<ExecutableDocument>>,
    /// Whether an in-process subgraph has found it valid, for any values.
    pub(super) is_valid: AtomicBool,
}

impl FetchOperation {
    /// Whether an in-process subgraph need not validate the document again.
    pub(crate) fn is_valid(&self) -> bool {
        self.is_valid.load(Ordering::Relaxed)
    }

    /// The subgraph has executed it without an error. Whether it is valid also depends on a client's values, so that
    /// only documents without are kept in mind; representations are of any form.
    pub(crate) fn executed(&self) {
        if self.variables.is_empty() && self.context.is_empty() && !self.is_valid() {
            self.is_valid.store(true, Ordering::Relaxed);
        }
    }

    /// The document as async-graphql's type, parsed on first use.
    pub(crate) fn parsed(&self) -> Option<&ExecutableDocument> {
        self.parsed
            .get_or_init(|| async_graphql::parser::parse_query(self.short()).ok())
            .as_ref()
    }

    /// The document for a subgraph with 64-bit numbers.
    pub(crate) fn short(&self) -> &str {
        self.short.as_deref().unwrap_or(&self.text)
    }
}
