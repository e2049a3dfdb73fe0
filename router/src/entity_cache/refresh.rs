//! Fetches values anew in the background, while those before are still used.

use std::sync::Arc;
use std::time::Instant;

use super::fill::Fetched;
use super::found::EntityFields;
use super::key::{Key, KeyedFetch};
use super::lookup::Lookup;
use super::{EntityCache, RouterCache};
use crate::transport::{SubgraphRequest, Transport};

/// Most fetches in the background at once.
const MAX_REFRESHES: usize = 256;

/// A fetch of stale values.
pub(crate) struct Refresh {
    pub(crate) cache: Arc<RouterCache>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) request: SubgraphRequest,
    pub(crate) fields: EntityFields,
}

impl Refresh {
    /// Fetches the values and stores them. If that fails, somebody tries again with the next hit.
    pub(crate) async fn run(self) {
        let request = &self.request;
        let lookup = Lookup::new(
            &self.cache,
            KeyedFetch {
                operation: &request.operation,
                variables: &request.variables,
                inputs: &request.inputs,
                symbols: &request.symbols,
                types: &request.types,
                context: &request.context,
                sees_caller: self.transport.sees_caller(),
            },
        );
        let epoch = lookup.epoch();
        let nothing = lookup.nothing();
        let shared = lookup.find_shared(&self.fields, &nothing, epoch).await;
        if shared
            .as_ref()
            .is_some_and(|(found, _)| found.is_complete())
        {
            metrics::counter!("router_entity_cache_refreshes_total", "outcome" => "shared")
                .increment(1);
            return;
        }
        // Not older than the epoch, as in any fill.
        let sent = SubgraphRequest {
            started: Instant::now(),
            ..request.clone()
        };
        let fetched = self.transport.fetch(sent);
        let fetched = tokio::time::timeout_at(request.deadline.into(), fetched).await;
        let is_stored = match fetched {
            Ok(Ok(response)) => {
                let fetched = Fetched {
                    fields: &self.fields,
                    found: &nothing,
                    response: &response,
                    epoch,
                    shared: shared.as_ref().map(|(_, part)| part),
                };
                lookup.store(&fetched, Instant::now())
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "stale values not fetched anew");
                false
            }
            Err(_) => false,
        };
        let outcome = if is_stored { "stored" } else { "not_stored" };
        metrics::counter!("router_entity_cache_refreshes_total", "outcome" => outcome).increment(1);
    }
}

/// The right to fetch some stale values: nobody else does meanwhile.
pub(crate) struct RefreshClaim {
    cache: EntityCache,
    key: Key,
}

impl RefreshClaim {
    /// `None` if somebody fetches them already, or too many do.
    pub(super) fn new(cache: &EntityCache, key: Key) -> Option<Self> {
        let mut refreshing = cache.0.refreshing.lock();
        if refreshing.len() >= MAX_REFRESHES || !refreshing.insert(key) {
            return None;
        }
        Some(Self {
            cache: cache.clone(),
            key,
        })
    }
}

impl Drop for RefreshClaim {
    fn drop(&mut self) {
        self.cache.0.refreshing.lock().remove(&self.key);
    }
}
