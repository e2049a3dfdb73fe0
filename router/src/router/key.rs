//! Decides when two requests may share an answer or a stream.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Job;
use crate::prepare::{PreparedOperation, Variant};
use crate::request::TRACING;

/// An operation as it is planned for its caller, with its variables and everything about the request that an answer may
/// depend on: what subgraphs see of it, except its id and trace, and what is reported besides the data.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    operation: Arc<PreparedOperation>,
    variant: Arc<Variant>,
    /// Shared, since a key is in several places.
    scope: Arc<[u8]>,
}

impl Key {
    pub(crate) fn of(job: &Job) -> Self {
        let context = &job.context;
        let headers: Vec<(&str, &[u8])> = context
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .filter(|(name, _)| !TRACING.contains(name))
            .collect();
        // The variant is all that the plan and the projection know of the caller.
        let caller = job.inner.shows_caller.then(|| context.caller.identity());
        // The operation and its variables determine the cost itself.
        let cost_limit = context.shows_cost.then(|| job.cost_limit());
        let scope = (
            caller,
            headers,
            &*job.variables,
            cost_limit,
            job.requests_plan(),
            context.shows_cache,
            context.deadline,
        );
        Self {
            operation: Arc::clone(&job.operation),
            variant: Arc::clone(&job.variant),
            // Maps with string keys always serialize.
            scope: serde_json::to_vec(&scope).unwrap_or_default().into(),
        }
    }

    fn addresses(&self) -> (*const PreparedOperation, *const Variant) {
        (Arc::as_ptr(&self.operation), Arc::as_ptr(&self.variant))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.addresses() == other.addresses() && self.scope == other.scope
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.addresses().hash(state);
        self.scope.hash(state);
    }
}
