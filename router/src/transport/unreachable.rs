//! A transport that never calls its subgraph, for routers that only check operations against their schema.

use async_trait::async_trait;

use super::{EventStream, SubgraphRequest, SubgraphResponse, Transport, TransportError};

/// Fails every call.
#[derive(Debug)]
pub(crate) struct Unreachable {
    pub(crate) subgraph: String,
}

impl Unreachable {
    fn refuse<T>(&self) -> Result<T, TransportError> {
        Err(TransportError::Unavailable {
            subgraph: self.subgraph.clone(),
            reason: "this router calls no subgraphs".to_owned(),
        })
    }
}

#[async_trait]
impl Transport for Unreachable {
    async fn fetch(&self, _: SubgraphRequest) -> Result<SubgraphResponse, TransportError> {
        self.refuse()
    }

    async fn subscribe(&self, _: SubgraphRequest) -> Result<EventStream, TransportError> {
        self.refuse()
    }
}
