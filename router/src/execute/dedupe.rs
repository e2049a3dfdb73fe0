//! Equal queries of one request that are on their way at the same time are sent once.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::{Execution, State};
use crate::error::GraphQLError;
use crate::prepare::plan::{Fetch, Inputs};
use crate::transport::SubgraphResponse;

/// What a fetch brought, for all who wait for it.
type Answer = Result<SubgraphResponse, GraphQLError>;

/// A query on its way. What it sends besides is the same for all of a request: the client's variables,
/// and the caller.
#[derive(Debug)]
pub(super) struct InFlight {
    duplicate_group: usize,
    inputs: Arc<Inputs>,
    answer: Arc<OnceCell<Arc<Answer>>>,
}

impl Execution<'_> {
    /// Asks, or waits for the answer to an equal fetch. One that has come already is not used again:
    /// between two steps of a mutation the same query has another answer.
    pub(super) async fn fetch_deduplicated(
        &self,
        fetch: &Fetch,
        group: usize,
        inputs: Arc<Inputs>,
        state: &State,
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
        // The last of them takes it as it is.
        Arc::try_unwrap(shared).unwrap_or_else(|shared| (*shared).clone())
    }
}
