//! How fetches reach subgraphs. The executor knows only [`Transport`].

mod http;
mod local;

use std::fmt::Debug;
use std::time::Instant;

use async_trait::async_trait;
use futures::stream::BoxStream;

pub use http::{HttpTransport, HttpTransportOptions};
pub use local::{LocalService, LocalTransport};

/// One fetch of a plan, ready to send.
#[derive(Clone, Debug)]
pub struct SubgraphRequest {
    /// When the router stops waiting.
    pub deadline: Instant,
}

/// What a subgraph answered.
#[derive(Debug, Default)]
pub struct SubgraphResponse {}

/// Why a fetch brought no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("subgraph `{subgraph}` is unavailable: {reason}")]
    Unavailable { subgraph: String, reason: String },
    #[error("subgraph `{subgraph}` did not answer in time")]
    Deadline { subgraph: String },
    #[error("subgraph `{subgraph}` answered with something that is no GraphQL response: {reason}")]
    Malformed { subgraph: String, reason: String },
    #[error("subgraph `{subgraph}` answered with more than {limit} bytes")]
    TooLarge { subgraph: String, limit: usize },
}

/// The way to one subgraph.
#[async_trait]
pub trait Transport: Send + Sync + Debug {
    /// Sends a query or a mutation.
    async fn fetch(&self, request: SubgraphRequest) -> Result<SubgraphResponse, TransportError>;

    /// Opens a subscription; the stream ends with the source.
    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, TransportError>>, TransportError>;

    /// The URL that composition writes into the supergraph; `None` for a subgraph in this process.
    fn url(&self) -> Option<&str> {
        None
    }
}
