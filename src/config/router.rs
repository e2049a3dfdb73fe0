//! How operations are answered.

use std::path::PathBuf;

use platform::config::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How operations are answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Router {
    /// When slow subgraphs are cut; what is there by then is served.
    pub(crate) deadline: Duration,
    /// Whether equal queries that are on their way to a subgraph over HTTP at the same time are sent once.
    pub(crate) share_fetches: bool,
    /// Whether clients may ask for the schema (`__schema`, `__type`). Unset: in development only.
    pub(crate) introspection: Option<bool>,
    /// Whether clients may ask how an operation is planned. It names the subgraphs.
    pub(crate) expose_query_plan: bool,
    /// What an operation may be before anything is planned for it.
    pub(crate) limits: router::OperationLimits,
    /// The labels of `@override(label:)` that are on; shares, such as `percent(5)`, need no entry.
    pub(crate) override_labels: Vec<String>,
    /// Files of operations that are planned before the first request comes: manifests of Apollo's or Relay's tools.
    pub(crate) warm_up: Vec<PathBuf>,
}

impl Default for Router {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(4),
            share_fetches: true,
            introspection: None,
            expose_query_plan: false,
            limits: router::OperationLimits::default(),
            override_labels: Vec::new(),
            warm_up: Vec::new(),
        }
    }
}
