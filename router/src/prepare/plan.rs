//! Query plans, compiled: documents parsed, keys interned, paths and type conditions resolved, so that
//! executing a plan does no work on strings.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::ExecutableDocument;

use super::OperationKind;
use crate::supergraph::{TypeId, TypeSet};
use crate::value::{Object, Shape, Symbol, Symbols, Value};

/// A compiled plan.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The fetch whose stream of events drives a subscription; the rest runs for each event.
    pub subscription: Option<Arc<Fetch>>,
    pub root: Option<Node>,
    pub symbols: Arc<Symbols>,
    /// The plan as the planner made it, for `extensions.queryPlan`; kept only when it may be shown.
    pub shown: Option<serde_json::Value>,
}

#[derive(Debug)]
pub(crate) enum Node {
    Sequence(Vec<Node>),
    Parallel(Vec<Node>),
    Fetch(Arc<Fetch>),
    Contextual(Box<ContextualFetch>),
}

/// One request to one subgraph.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub operation: Arc<FetchOperation>,
    pub target: Target,
}

/// Where the answer goes.
#[derive(Debug)]
pub(crate) enum Target {
    /// Root fields: into the objects at a path, nearly always the root itself.
    Fields { path: Path, rewrites: Vec<Rewrite> },
    /// `_entities`, one list for each alias.
    Entities(Vec<EntityAlias>),
}

/// One `_entities` field of a fetch.
#[derive(Debug)]
pub(crate) struct EntityAlias {
    pub key: Symbol,
    /// Which of the fetch's lists of representations it takes; aliases may share one.
    pub representations: usize,
    pub paths: Vec<Path>,
    pub requires: Arc<Requires>,
    /// Leaves out the entities that have all this: they were asked for with the others.
    pub unless: Option<Arc<Requires>>,
    /// For entities that lack something of `requires`: the fetches that need less, for the fields that do.
    pub split: Vec<Node>,
    pub input_rewrites: Vec<Rewrite>,
    pub output_rewrites: Vec<Rewrite>,
}

/// An entity fetch with arguments that come from what each entity is inside of (`@fromContext`). Entities with other
/// values of the arguments are asked for by other `_entities` fields.
#[derive(Debug)]
pub(crate) struct ContextualFetch {
    /// The entities, and what they are asked for by.
    pub entities: EntityAlias,
    pub variables: Vec<ContextVariable>,
    /// The fetches for one or more sets of values, in ascending order of how many they take.
    pub sizes: Vec<Arc<Fetch>>,
}

/// A variable with the value of an ancestor's field.
#[derive(Debug)]
pub(crate) struct ContextVariable {
    /// Where the value may be; it is the first that is there.
    pub sources: Vec<ContextSource>,
}

#[derive(Debug)]
pub(crate) struct ContextSource {
    /// How many fields up from the entity the ancestor is.
    pub levels: usize,
    /// From the ancestor to the value, or to the object whose type is the value.
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

/// What a representation consists of.
#[derive(Debug, Default)]
pub(crate) struct Requires {
    pub typename: bool,
    pub fields: Vec<RequiredField>,
    pub fragments: Vec<(TypeSet, Requires)>,
}

impl Requires {
    /// What is required of an object of this type, if its representation is its type and some of its own values, as
    /// they are.
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
    /// Where the value is in the data.
    pub source: Symbol,
    /// The name that the subgraph knows it by; also where the value is when `source` is not there.
    pub key: Symbol,
    pub nullable: bool,
    pub inner: Option<Requires>,
}

impl RequiredField {
    /// Its value in an object of the data.
    pub(crate) fn of<'o>(&self, object: &'o Object) -> Option<&'o Value> {
        object.get(self.source).or_else(|| object.get(self.key))
    }
}

/// A change to a representation before it is sent, or to an entity after it came.
#[derive(Debug)]
pub(crate) struct Rewrite {
    pub path: Vec<RewriteSegment>,
    pub change: Change,
}

#[derive(Debug)]
pub(crate) enum RewriteSegment {
    Key(Symbol),
    Type(TypeSet),
}

#[derive(Debug)]
pub(crate) enum Change {
    SetTypename(TypeId),
    Set(Symbol, String),
    Rename(Symbol, Symbol),
}

/// What a fetch sends besides the client's variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// Lists of representations, one for each of the operation's variables that take them.
    pub representations: Vec<Vec<Value>>,
    /// The values of the operation's variables from contexts.
    pub context: Vec<Value>,
}

impl Inputs {
    /// How many representations there are.
    pub(crate) fn entities(&self) -> usize {
        self.representations.iter().map(Vec::len).sum()
    }
}

/// A document for a subgraph, in every form a transport may need.
#[derive(Debug)]
pub(crate) struct FetchOperation {
    pub subgraph: Arc<str>,
    pub kind: OperationKind,
    pub text: String,
    /// `text` as a JSON string literal.
    pub json: Box<[u8]>,
    /// The document for a subgraph whose numbers have 64 bits, if it is another: its longer numbers are strings.
    pub short: Option<Box<str>>,
    /// The client's variables that the document uses.
    pub variables: Vec<String>,
    /// The variables that hold representations.
    pub representations: Vec<String>,
    /// The variables whose values are those of the entities' ancestors.
    pub context: Vec<String>,
    pub shape: Shape,
    /// The same for all queries of a plan that send the same document to the same subgraph, so that equal
    /// fetches find each other. `None` when no other does, which is nearly always.
    pub duplicate_group: Option<usize>,
    /// Keys the planner invented, by the key they stand for.
    pub renamed: HashMap<String, String>,
    pub(super) parsed: OnceLock<Option<ExecutableDocument>>,
}

impl FetchOperation {
    /// The document as async-graphql takes it, parsed on first use.
    pub(crate) fn parsed(&self) -> Option<&ExecutableDocument> {
        self.parsed
            .get_or_init(|| async_graphql::parser::parse_query(self.short()).ok())
            .as_ref()
    }

    /// The document for a subgraph whose numbers have 64 bits.
    pub(crate) fn short(&self) -> &str {
        self.short.as_deref().unwrap_or(&self.text)
    }
}
