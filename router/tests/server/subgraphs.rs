//! Subgraphs that misbehave.

use async_trait::async_trait;
use futures::stream::BoxStream;
use router::{SubgraphRequest, SubgraphResponse, Transport, TransportError};

/// A subgraph that never answers.
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
