//! Prepares operations before clients first send them.

use std::time::{Duration, Instant};

use super::Router;
use crate::request::GraphQLRequest;
use crate::response::GraphQLResponse;

/// The outcome of a warm-up.
#[derive(Debug, Default)]
pub struct WarmUp {
    pub prepared: usize,
    /// Operations this router rejects, each with the response that says why.
    pub refused: Vec<(GraphQLRequest, GraphQLResponse)>,
    /// How many operations remained when time ran out.
    pub left: usize,
}

impl Router {
    /// The currently prepared operations, the most used first.
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

    /// Prepares operations in order, until all are done or `time` runs out.
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

    /// Prepares an operation and plans its variant without denied fields, unless that depends on variables.
    async fn plan_ahead(&self, request: &GraphQLRequest) -> Result<(), GraphQLResponse> {
        let operation = self.prepare(request).await?;
        let inner = &self.inner;
        let plan = move || operation.plan_ahead();
        inner.planner.run(inner.options.deadline, plan).await
    }
}
