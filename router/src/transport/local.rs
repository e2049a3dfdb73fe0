//! An in-process subgraph: no HTTP and no JSON between it and the router.

use std::fmt;
use std::sync::Arc;

use async_graphql::{ObjectType, Schema, SubscriptionType};
use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt};
use platform::caller::Caller;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::{EventStream, SubgraphRequest, SubgraphResponse, Transport, TransportError};

/// An async-graphql subgraph: a schema, or a wrapper around one.
#[async_trait]
pub trait LocalService: Send + Sync {
    async fn execute(
        &self,
        request: async_graphql::Request,
        caller: Caller,
    ) -> async_graphql::Response;

    fn subscribe(&self, ask: LocalSubscription) -> BoxStream<'static, async_graphql::Response>;
}

/// A bare schema: its resolvers find the [`Caller`] in the request's data.
#[async_trait]
impl<Q, M, S> LocalService for Schema<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    async fn execute(
        &self,
        request: async_graphql::Request,
        caller: Caller,
    ) -> async_graphql::Response {
        Schema::execute(self, request.data(caller)).await
    }

    fn subscribe(&self, ask: LocalSubscription) -> BoxStream<'static, async_graphql::Response> {
        let request = ask.request().data(ask.caller());
        self.execute_stream(request).boxed()
    }
}

/// A client's subscription. The request can be created repeatedly, so that a service can execute it for each event and
/// keep no execution state in between.
#[derive(Clone, Debug)]
pub struct LocalSubscription(Arc<SubgraphRequest>);

impl LocalSubscription {
    pub fn request(&self) -> async_graphql::Request {
        self.0.to_local()
    }

    pub fn caller(&self) -> Caller {
        self.0.context.caller.clone()
    }
}

/// The transport to a [`LocalService`].
pub struct LocalTransport {
    name: String,
    service: Arc<dyn LocalService>,
}

impl LocalTransport {
    pub fn new(name: impl Into<String>, service: Arc<dyn LocalService>) -> Self {
        Self {
            name: name.into(),
            service,
        }
    }
}

impl fmt::Debug for LocalTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalTransport")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for LocalTransport {
    async fn fetch(&self, request: SubgraphRequest) -> Result<SubgraphResponse, TransportError> {
        let service = Arc::clone(&self.service);
        // A separate task: fetches of one request use all processors, and a panic in a subgraph only costs its own
        // fields, as over HTTP.
        let task = async move {
            let caller = request.context.caller.clone();
            let response = service.execute(request.to_local(), caller).await;
            request.decode_local(response)
        };
        AbortOnDropHandle::new(tokio::spawn(task.in_current_span()))
            .await
            .map_err(|_| TransportError::Unavailable {
                subgraph: self.name.clone(),
                reason: "a resolver panicked".to_owned(),
            })
    }

    async fn subscribe(&self, request: SubgraphRequest) -> Result<EventStream, TransportError> {
        let request = Arc::new(request);
        let events = self.service.subscribe(LocalSubscription(request.clone()));
        Ok(events
            .map(move |response| Ok(request.decode_local(response)))
            .boxed())
    }
}
