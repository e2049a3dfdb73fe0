//! States of the index that the cluster keeps for the following pages ("points in time"). Searches that begin together
//! share one, since a cluster keeps a limited number.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::client::{Call, Client};
use super::indices::Names;
use crate::engine::EngineError;

/// How long a state is kept from its last use, at first and once somebody pages.
pub(super) const KEPT: &str = "60s";
pub(super) const KEPT_WHILE_PAGING: &str = "5m";
/// How long new searches share a state. What other processes index is found after that at the latest.
const SHARED: Duration = Duration::from_secs(2);
/// How long none is asked for after the cluster refused.
const PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Snapshots(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    current: Option<(Instant, Arc<str>)>,
    refused: Option<Instant>,
    /// Changes with what was written, since a state that was opened before does not have it.
    writes: u64,
}

impl Snapshots {
    /// A recent state of the serving index; `None` if the cluster keeps none, for example because it keeps too many.
    pub(super) async fn current(
        &self,
        client: &Client,
        names: &Names,
    ) -> Result<Option<Arc<str>>, EngineError> {
        let writes = {
            let state = self.0.lock();
            if let Some((opened, id)) = &state.current
                && opened.elapsed() < SHARED
            {
                return Ok(Some(id.clone()));
            }
            if state
                .refused
                .is_some_and(|refused| refused.elapsed() < PAUSE)
            {
                return Ok(None);
            }
            state.writes
        };
        let path = client.dialect().open_snapshot(&names.serving, KEPT);
        let opened = Instant::now();
        match client
            .answer(Call::command("open_snapshot", path).interactive())
            .await
        {
            Ok(answer) => {
                let Some(id) = client.dialect().snapshot_id(&answer).map(Arc::from) else {
                    return Err(EngineError::Unreadable("the point in time".to_owned()));
                };
                let mut state = self.0.lock();
                state.refused = None;
                if state.writes == writes {
                    state.current = Some((opened, Arc::clone(&id)));
                }
                Ok(Some(id))
            }
            Err(EngineError::Refused {
                status,
                kind,
                reason,
            }) => {
                self.0.lock().refused = Some(Instant::now());
                tracing::warn!(
                    status,
                    kind,
                    reason,
                    "the search engine keeps no point in time: while the index changes, pages may repeat or miss results"
                );
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Searches from now on see what has been written.
    pub(super) fn forget(&self) {
        let mut state = self.0.lock();
        state.current = None;
        state.writes += 1;
    }
}
