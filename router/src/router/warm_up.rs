//! Warming up: what clients will send is prepared before the first of them does.

use std::time::{Duration, Instant};

use super::Router;
use crate::request::GraphQLRequest;
use crate::response::GraphQLResponse;

/// What became of the operations that were to be prepared.
#[derive(Debug, Default)]
pub struct WarmUp {
    pub prepared: usize,
    /// Those that this router would refuse, with the response that says why.
    pub refused: Vec<(GraphQLRequest, GraphQLResponse)>,
    /// How many were left when the time was over.
    pub left: usize,
}

impl Router {
    /// The operations that are prepared at the moment, the most used ones first.
    pub fn prepared_operations(&self) -> Vec<GraphQLRequest> {
        let known = self.inner.operations.by_use();
        known
            .into_iter()
            .map(|(operation_name, operation)| GraphQLRequest {
                operation_name,
                ..GraphQLRequest::new(operation.text())
            })
            .collect()
    }

    /// Prepares operations in their order, until all are or `time` is over.
    pub async fn warm_up(&self, operations: Vec<GraphQLRequest>, time: Duration) -> WarmUp {
        let begun = Instant::now();
        let mut done = WarmUp::default();
        for operation in operations {
            if begun.elapsed() >= time {
                done.left += 1;
                continue;
            }
            match self.plan_ahead(&operation).await {
                Ok(()) => done.prepared += 1,
                Err(refusal) => done.refused.push((operation, refusal)),
            }
        }
        done
    }

    /// Prepares an operation, and plans it as it is for callers who are refused nothing, unless that depends on its
    /// variables.
    async fn plan_ahead(&self, request: &GraphQLRequest) -> Result<(), GraphQLResponse> {
        let operation = self.prepare(request).await?;
        let inner = &self.inner;
        let plan = move || operation.plan_ahead();
        inner.planner.run(inner.options.deadline, plan).await
    }
}
