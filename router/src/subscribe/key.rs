//! Decides when two watchers may share a stream.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::prepare::PreparedOperation;
use crate::request::TRACING;
use crate::router::Job;

/// An operation with its variables and everything about the caller that a subgraph sees, except the request's id and
/// trace.
#[derive(Clone, Debug)]
pub(super) struct Key {
    operation: Arc<PreparedOperation>,
    /// Shared: the key is in the stream map and in its stream.
    scope: Arc<[u8]>,
}

impl Key {
    pub(super) fn of(job: &Job) -> Self {
        let context = &job.context;
        let headers: Vec<(&str, &[u8])> = context
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .filter(|(name, _)| !TRACING.contains(name))
            .collect();
        let scope = (context.caller.identity(), headers, &*job.variables);
        Self {
            operation: Arc::clone(&job.operation),
            // Maps with string keys always serialize.
            scope: serde_json::to_vec(&scope).unwrap_or_default().into(),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.operation, &other.operation) && self.scope == other.scope
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.operation).hash(state);
        self.scope.hash(state);
    }
}
