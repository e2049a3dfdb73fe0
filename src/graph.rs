//! The router over this configuration's subgraphs, in this process or at their URLs.

use std::sync::Arc;

use async_graphql::{Request, Response};
use async_trait::async_trait;
use futures::stream::BoxStream;
use platform::caller::{Caller, CallerKey};
use resolvers::subgraph::Subgraph;
use router::{
    EntityCache, HttpTransport, HttpTransportOptions, LocalService, LocalSubscription,
    LocalTransport, Router, Transport,
};

use crate::config::Configuration;
use crate::domains::{Domain, Domains};
use crate::nodes;

/// Adapts a subgraph of this process to the router.
struct Local(Subgraph);

#[async_trait]
impl LocalService for Local {
    async fn execute(&self, request: Request, caller: Caller) -> Response {
        self.0.execute(request, caller).await
    }

    fn subscribe(&self, ask: LocalSubscription) -> BoxStream<'static, Response> {
        self.0.execute_stream(move || (ask.request(), ask.caller()))
    }
}

/// Composes the graph, with a transport to each subgraph. Public data is stored in the cache, if there is one.
pub(crate) fn router(
    configuration: &Configuration,
    domains: &Domains,
    key: &CallerKey,
    cache: Option<&EntityCache>,
) -> anyhow::Result<Router> {
    let mut builder = Router::builder()
        .deadline(configuration.router.deadline.get())
        .introspection(configuration.introspection())
        .expose_query_plan(configuration.exposes_query_plans())
        .share_requests(configuration.router.share_requests)
        .defer(configuration.router.defer)
        .limits(configuration.router.limits.clone())
        .override_labels(configuration.router.override_labels.clone())
        .development(configuration.server.development)
        .event_sequence("orderTracking", "sequence")
        .event_resume("orderTracking", "after")
        .event_resume("orderTrackingByToken", "after")
        .event_sequence("orderTrackingByToken", "sequence");
    if let Some(cache) = cache {
        builder = builder.entity_cache(cache.clone());
    }
    for domain in Domain::ALL {
        let name = domain.name();
        let (sdl, transport): (&str, Arc<dyn Transport>) = match domains.subgraph(domain) {
            Some(subgraph) => {
                let local = LocalTransport::new(name, Arc::new(Local(subgraph.clone())));
                (subgraph.sdl(), Arc::new(local))
            }
            None => {
                let url = configuration.subgraphs.required_url(name)?;
                let options = HttpTransportOptions {
                    deadline: configuration.router.deadline.get(),
                    caller_key: Some(key.clone()),
                    forward_authorization: configuration.server.forwards_authorization(),
                    share_in_flight: configuration.router.share_fetches,
                    ..HttpTransportOptions::default()
                };
                let http = HttpTransport::new(name, url.as_str(), options)?;
                (domain.sdl(), Arc::new(http))
            }
        };
        builder = builder.subgraph(name, sdl, transport);
    }
    let nodes = nodes::subgraph(domains.clients(configuration, key)?);
    let transport = LocalTransport::new(nodes::NAME, Arc::new(Local(nodes.clone())));
    builder = builder.subgraph(nodes::NAME, nodes.sdl(), Arc::new(transport));
    Ok(builder.build()?)
}
