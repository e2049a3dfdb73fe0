//! Builds a router from its parts.

use std::sync::Arc;
use std::time::Duration;

use super::admission::Admission;
use super::planner::Planner;
use super::{GATHER, Inner, Options, Router};
use crate::entity_cache::{EntityCache, RouterCache};
use crate::error::RouterError;
use crate::execute::Transports;
use crate::in_flight::InFlight;
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
    cache: Option<EntityCache>,
    options: Options,
}

impl RouterBuilder {
    /// Adds a subgraph by its SDL; the router composes them when it is built.
    pub fn subgraph(mut self, name: &str, sdl: &str, transport: Arc<dyn Transport>) -> Self {
        self.subgraphs
            .push((name.to_owned(), sdl.to_owned(), transport));
        self
    }

    /// Serves a ready-made supergraph. Subgraphs without a [`Self::transport`] are reached over HTTP at their URL in
    /// the supergraph.
    pub fn supergraph(mut self, sdl: &str) -> Self {
        self.supergraph = Some(sdl.to_owned());
        self
    }

    pub fn transport(mut self, name: &str, transport: Arc<dyn Transport>) -> Self {
        self.transports.insert(name.to_owned(), transport);
        self
    }

    /// Options for HTTP transports that the router creates itself.
    pub fn http(mut self, options: HttpTransportOptions) -> Self {
        self.http = options;
        self
    }

    /// Calls no subgraphs; only checks operations against the supergraph. Default: calls them.
    pub fn calling_nobody(mut self) -> Self {
        self.calls_nobody = true;
        self
    }

    /// Whether introspection is allowed unless the request decides. Default: in development only.
    pub fn introspection(mut self, allowed: bool) -> Self {
        self.options.introspection = Some(allowed);
        self
    }

    /// Time limit for a request, after which missing parts are given up. Default: 10 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = deadline;
        self
    }

    /// Shows the query plan to requests that ask for it ([`PlanRequest`](crate::PlanRequest)). Default: no.
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

    /// Members of subgraph errors' `extensions` that pass through besides `code`. Default: none.
    pub fn error_extensions(mut self, keys: impl IntoIterator<Item = String>) -> Self {
        self.options.errors.extension_keys = keys.into_iter().collect();
        self
    }

    /// Declares that this subscription's events are numbered by an integer field that grows with each event and means
    /// the same for every watcher. If an operation selects it, later watchers share the stream of earlier ones, and
    /// none gets an event twice. Default: none.
    pub fn event_sequence(mut self, subscription: &str, field: &str) -> Self {
        let numbered = (subscription.to_owned(), field.to_owned());
        self.options.sequences.push(numbered);
        self
    }

    /// Declares that this subscription can resume after an event, whose number from [`Self::event_sequence`] is passed
    /// in this `Int` argument. A watcher that lost its connection and its stream then receives what it missed, instead
    /// of the initial events of a new subscription. Default: none.
    pub fn event_resume(mut self, subscription: &str, argument: &str) -> Self {
        let resumed = (subscription.to_owned(), argument.to_owned());
        self.options.resumes.push(resumed);
        self
    }

    /// Capacity of the cache of prepared operations. A document takes one more slot per kibibyte, and per 64 fields
    /// after spreading fragments. Default: 4,096.
    pub fn plan_cache(mut self, operations: u64) -> Self {
        self.options.plan_cache = operations;
        self
    }

    /// Answers identical concurrent queries once. Those of callers that subgraphs can tell apart stay separate, and no
    /// answer is older than the request that gets it. Default: yes.
    pub fn share_requests(mut self, share: bool) -> Self {
        self.options.share_requests = share;
        self
    }

    /// Whether fields with `@defer` may follow in later parts of a response. Otherwise they come with the others. Default:
    /// yes.
    pub fn defer(mut self, defer: bool) -> Self {
        self.options.defer = defer;
        self
    }

    /// Stores public data of subgraphs in this cache, which may belong to the router before this one, too. Default: no
    /// cache.
    pub fn entity_cache(mut self, cache: EntityCache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// The active labels of `@override(label:)`; shares such as `percent(5)` are drawn for each request. Default: none.
    pub fn override_labels(mut self, labels: impl IntoIterator<Item = String>) -> Self {
        self.options.prepare.override_labels = Arc::new(labels.into_iter().collect());
        self
    }

    /// Limits on documents, checked before planning.
    pub fn limits(mut self, limits: OperationLimits) -> Self {
        self.options.prepare.limits = limits;
        self
    }

    /// # Errors
    /// Subgraphs that do not compose, an unsupported supergraph, a subgraph without a transport.
    pub fn build(self) -> Result<Router, RouterError> {
        let Self {
            subgraphs,
            supergraph,
            mut transports,
            http,
            calls_nobody,
            cache,
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
                shows_caller: transports.values().any(|transport| transport.sees_caller()),
                in_flight: InFlight::gathering(GATHER),
                cache: cache.map(|cache| Arc::new(RouterCache::new(cache, &supergraph))),
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
