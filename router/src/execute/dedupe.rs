//! Deduplicates identical queries of one request that are in flight at the same time.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::{Execution, State};
use crate::error::GraphQLError;
use crate::prepare::plan::{Fetch, Inputs};
use crate::transport::SubgraphResponse;

/// A fetch's outcome, shared by all who wait for it.
type Answer = Result<SubgraphResponse, GraphQLError>;

/// A query in flight. The client's variables and the caller are the same for the whole request, so they need no
/// comparison.
#[derive(Debug)]
pub(super) struct InFlight {
    duplicate_group: usize,
    inputs: Arc<Inputs>,
    answer: Arc<OnceCell<Arc<Answer>>>,
}

impl Execution<'_> {
    /// Sends the fetch, or waits for an identical one in flight. A completed one is not reused: between two steps of a
    /// mutation the same query may have another answer.
    pub(super) async fn fetch_deduplicated(
        &self,
        fetch: &Fetch,
        group: usize,
        inputs: Arc<Inputs>,
        state: &State<'_>,
    ) -> Answer {
        let (answer, first) = {
            let mut in_flight = state.in_flight.lock();
            let equal = in_flight
                .iter()
                .find(|known| known.duplicate_group == group && known.inputs == inputs);
            match equal {
                Some(known) => (Arc::clone(&known.answer), false),
                None => {
                    let answer = Arc::new(OnceCell::new());
                    in_flight.push(InFlight {
                        duplicate_group: group,
                        inputs: Arc::clone(&inputs),
                        answer: Arc::clone(&answer),
                    });
                    (answer, true)
                }
            }
        };
        if !first {
            let subgraph = fetch.operation.subgraph.clone();
            metrics::counter!("router_fetches_shared_total", "subgraph" => subgraph).increment(1);
        }
        let asked = async { Arc::new(self.send_fetch(fetch, inputs).await) };
        let shared = Arc::clone(answer.get_or_init(|| asked).await);
        if first {
            state
                .in_flight
                .lock()
                .retain(|known| !Arc::ptr_eq(&known.answer, &answer));
        }
        drop(answer);
        // The last waiter takes it without copying.
        Arc::try_unwrap(shared).unwrap_or_else(|shared| (*shared).clone())
    }
}
