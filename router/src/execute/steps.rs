//! Executes a plan step by step, for a response in parts: a fetch starts when those that its data comes from have
//! completed, and does not wait for others.

use std::sync::Arc;

use futures::stream::{FuturesUnordered, Stream};
use tokio::sync::SetOnce;
use tokio::task::spawn_blocking;
use tracing::Span;

use super::{Execution, Gathered};
use crate::error::GraphQLError;
use crate::prepare::deferred::Step;
use crate::value::Value;

impl Execution<'_> {
    /// Runs the fetches. Yields the position of each that has completed, with its errors.
    pub(crate) fn run_steps<'s>(
        &'s self,
        steps: &'s [Step],
        gathered: &'s Gathered,
    ) -> impl Stream<Item = (usize, Vec<GraphQLError>)> + Send + 's {
        let completed: Arc<[SetOnce<()>]> = steps.iter().map(|_| SetOnce::new()).collect();
        let running = steps.iter().enumerate().map(|(position, step)| {
            let completed = Arc::clone(&completed);
            async move {
                for earlier in &step.after {
                    completed[*earlier].wait().await;
                }
                let state = gathered.state(Vec::new());
                self.node(&step.fetch, &state).await;
                // It is only set here.
                let _ = completed[position].set(());
                (position, state.errors.into_inner())
            }
        });
        running.collect::<FuturesUnordered<_>>()
    }
}

impl Gathered {
    /// Reads the data, off the serving threads if there is much of it. `None` if that panicked. No fetch may run
    /// meanwhile.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        much: bool,
        read: impl FnOnce(&Value) -> T + Send + 'static,
    ) -> Option<T> {
        if !much {
            return Some(read(&self.data.lock()));
        }
        let data = std::mem::take(&mut *self.data.lock());
        let span = Span::current();
        let reading = spawn_blocking(move || span.in_scope(|| (read(&data), data)));
        match reading.await {
            Ok((result, data)) => {
                *self.data.lock() = data;
                Some(result)
            }
            Err(error) => {
                tracing::error!(%error, "writing a response panicked");
                None
            }
        }
    }
}
