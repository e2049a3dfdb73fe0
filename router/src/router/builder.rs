//! What a router is made of, collected and put together.

use std::sync::Arc;
use std::time::Duration;

use super::admission::Admission;
use super::planner::Planner;
use super::{Inner, Options, Router};
use crate::error::RouterError;
use crate::execute::Transports;
use crate::prepare::{OperationCache, OperationLimits};
use crate::supergraph::{Supergraph, compose};
use crate::transport::{HttpTransport, HttpTransportOptions, Transport, Unreachable};

/// Collects what a router is made of.
#[derive(Debug, Default)]
pub struct RouterBuilder {
    subgraphs: Vec<(String, String, Arc<dyn Transport>)>,
    supergraph: Option<String>,
    transports: Transports,
    http: HttpTransportOptions,
    calls_nobody: bool,
    options: Options,
}

impl RouterBuilder {
    /// Adds a subgraph by its SDL; the router composes them when it is built.
    pub fn subgraph(mut self, name: &str, sdl: &str, transport: Arc<dyn Transport>) -> Self {
        self.subgraphs
            .push((name.to_owned(), sdl.to_owned(), transport));
        self
    }

    /// Serves a finished supergraph. Subgraphs without a [`Self::transport`] are reached by HTTP
    /// at the URL the supergraph gives.
    pub fn supergraph(mut self, sdl: &str) -> Self {
        self.supergraph = Some(sdl.to_owned());
        self
    }

    pub fn transport(mut self, name: &str, transport: Arc<dyn Transport>) -> Self {
        self.transports.insert(name.to_owned(), transport);
        self
    }

    /// Options of the HTTP transports the router makes by itself.
    pub fn http(mut self, options: HttpTransportOptions) -> Self {
        self.http = options;
        self
    }

    /// Calls no subgraph: it only says whether operations fit the supergraph. Default: it does.
    pub fn calling_nobody(mut self) -> Self {
        self.calls_nobody = true;
        self
    }

    /// Whether introspection is answered when the request does not say. Default: in development only.
    pub fn introspection(mut self, allowed: bool) -> Self {
        self.options.introspection = Some(allowed);
        self
    }

    /// How long a request may take before what is missing is given up. Default: 10 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = deadline;
        self
    }

    /// Adds the query plan to `extensions`. Default: no.
    pub fn expose_query_plan(mut self, expose: bool) -> Self {
        self.options.prepare.keep_plan = expose;
        self
    }

    /// Shows the messages of internal errors to clients. Default: no.
    pub fn development(mut self, development: bool) -> Self {
        self.options.errors.development = development;
        self.options.prepare.suggestions = development;
        self
    }

    /// Members of a subgraph error's `extensions` that pass besides `code`. Default: none.
    pub fn error_extensions(mut self, keys: impl IntoIterator<Item = String>) -> Self {
        self.options.errors.extension_keys = keys.into_iter().collect();
        self
    }

    /// Says that the events of this subscription are numbered by one of their fields, an integer that
    /// grows with each and means the same to every watcher. If an operation selects it, watchers who come
    /// later share the stream of those who are there, and none gets an event twice. Default: none is.
    pub fn event_sequence(mut self, subscription: &str, field: &str) -> Self {
        let numbered = (subscription.to_owned(), field.to_owned());
        self.options.sequences.push(numbered);
        self
    }

    /// Says that this subscription can begin after an event, named by the number that
    /// [`Self::event_sequence`] is about in this argument, an `Int`. A watcher who has lost its connection
    /// and its stream is then told what it has missed, in place of what a new subscription begins with.
    /// Default: none can.
    pub fn event_resume(mut self, subscription: &str, argument: &str) -> Self {
        let resumed = (subscription.to_owned(), argument.to_owned());
        self.options.resumes.push(resumed);
        self
    }

    /// How many prepared operations are kept; one more for each kibibyte of a document, and for each 64 fields
    /// that it spreads to. Default: 4,096.
    pub fn plan_cache(mut self, operations: u64) -> Self {
        self.options.plan_cache = operations;
        self
    }

    /// The labels of `@override(label:)` that are on; shares, such as `percent(5)`, are drawn for each request.
    /// Default: none.
    pub fn override_labels(mut self, labels: impl IntoIterator<Item = String>) -> Self {
        self.options.prepare.override_labels = Arc::new(labels.into_iter().collect());
        self
    }

    /// What a document may be before it is planned.
    pub fn limits(mut self, limits: OperationLimits) -> Self {
        self.options.prepare.limits = limits;
        self
    }

    /// # Errors
    /// Subgraphs that do not compose, a supergraph that cannot be served, a subgraph that cannot be
    /// reached by any means.
    pub fn build(self) -> Result<Router, RouterError> {
        let Self {
            subgraphs,
            supergraph,
            mut transports,
            http,
            calls_nobody,
            options,
        } = self;
        let sdl = match (supergraph, subgraphs.is_empty()) {
            (Some(sdl), true) => sdl,
            (None, false) => {
                let urls: Vec<String> = subgraphs
                    .iter()
                    .map(|(name, _, transport)| {
                        let url = transport.url().map(str::to_owned);
                        url.unwrap_or_else(|| format!("local:{name}"))
                    })
                    .collect();
                let parts: Vec<(&str, &str, &str)> = subgraphs
                    .iter()
                    .zip(&urls)
                    .map(|((name, sdl, _), url)| (name.as_str(), sdl.as_str(), url.as_str()))
                    .collect();
                compose(&parts)?
            }
            _ => return Err(RouterError::NoSchema),
        };
        let supergraph = Arc::new(Supergraph::new(sdl)?);
        if supergraph.endpoints.is_empty() {
            return Err(RouterError::NoSubgraphs);
        }
        for (name, _, transport) in subgraphs {
            transports.insert(name, transport);
        }
        for name in transports.keys() {
            if !supergraph.endpoints.contains_key(name) {
                return Err(RouterError::UnknownSubgraph(name.clone()));
            }
        }
        for name in supergraph.endpoints.keys().filter(|_| calls_nobody) {
            let subgraph = name.clone();
            transports.insert(name.clone(), Arc::new(Unreachable { subgraph }));
        }
        for (name, url) in &supergraph.endpoints {
            if !transports.contains_key(name) {
                let transport = HttpTransport::new(name, url, http.clone()).map_err(|error| {
                    RouterError::Transport {
                        subgraph: name.clone(),
                        url: url.clone(),
                        reason: error.to_string(),
                    }
                })?;
                transports.insert(name.clone(), Arc::new(transport));
            }
        }
        Ok(Router {
            inner: Arc::new(Inner {
                api_sdl: supergraph.schema.sdl(),
                operations: OperationCache::new(options.plan_cache),
                planner: Planner::new(),
                admission: Admission::new(options.prepare.limits.concurrent_cost),
                supergraph,
                transports,
                options,
            }),
        })
    }
}
