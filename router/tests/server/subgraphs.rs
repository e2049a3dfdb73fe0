//! Misbehaving subgraphs.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use router::{LocalTransport, SubgraphRequest, SubgraphResponse, Transport, TransportError};
use tokio::sync::watch;

use crate::kit::{Source, service};

/// A subgraph that never responds.
#[derive(Debug)]
pub(crate) struct Silent;

#[async_trait]
impl Transport for Silent {
    async fn fetch(&self, _request: SubgraphRequest) -> Result<SubgraphResponse, TransportError> {
        std::future::pending().await
    }

    async fn subscribe(
        &self,
        _request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, TransportError>>, TransportError> {
        std::future::pending().await
    }
}

/// A subgraph whose transport panics.
#[derive(Debug)]
pub(crate) struct Panicking;

#[async_trait]
impl Transport for Panicking {
    async fn fetch(&self, _request: SubgraphRequest) -> Result<SubgraphResponse, TransportError> {
        panic!("a bug in a transport")
    }

    async fn subscribe(
        &self,
        _request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, TransportError>>, TransportError> {
        panic!("a bug in a transport")
    }
}

/// A subgraph that goes down with all its streams and comes back.
#[derive(Debug)]
pub(crate) struct Restarting {
    subgraph: LocalTransport,
    up: watch::Receiver<bool>,
}

impl Restarting {
    /// The subgraph over this source, and its switch.
    pub(crate) fn new(source: &Arc<Source>) -> (Self, watch::Sender<bool>) {
        let (switch, up) = watch::channel(true);
        let subgraph = LocalTransport::new("small", service(source.clone()));
        (Self { subgraph, up }, switch)
    }

    fn gone(&self) -> TransportError {
        TransportError::Unavailable {
            subgraph: "small".to_owned(),
            reason: "it is down".to_owned(),
        }
    }
}

#[async_trait]
impl Transport for Restarting {
    async fn fetch(&self, request: SubgraphRequest) -> Result<SubgraphResponse, TransportError> {
        self.subgraph.fetch(request).await
    }

    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, TransportError>>, TransportError> {
        let mut up = self.up.clone();
        if !*up.borrow() {
            return Err(self.gone());
        }
        let down = async move { up.wait_for(|up| !up).await.map(|_| ()) };
        let events = self.subgraph.subscribe(request).await?;
        let gone = self.gone();
        Ok(events
            .take_until(Box::pin(down))
            .chain(stream::once(async { Err(gone) }))
            .boxed())
    }
}
