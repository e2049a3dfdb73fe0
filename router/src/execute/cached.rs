//! Fetches of which parts are stored: only what is missing is sent for, and stored for others.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Map, json};

use super::check::check_entities;
use super::{Budget, Execution};
use crate::entity_cache::{EntityFields, Fetched, Found, KeyedFetch, Lookup, Refresh, RouterCache};
use crate::error::{GraphQLError, PathSegment};
use crate::prepare::plan::{EntityAlias, Fetch, Inputs, Target};
use crate::transport::{SubgraphError, SubgraphRequest, SubgraphResponse, TransportError};
use crate::value::{Object, Value};

/// How often a fetch waits for others that fetch the same. What they stored may have been invalidated meanwhile.
const WAITS: usize = 2;

/// Limits on a fetch in the background.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(10);
const REFRESH_BYTES: usize = 16 << 20;

type Answer = Result<SubgraphResponse, GraphQLError>;

impl Execution<'_> {
    /// The response to a fetch, of what is stored and what the subgraph returns for the rest.
    pub(super) async fn send_missing(
        &self,
        cache: &Arc<RouterCache>,
        fetch: &Fetch,
        inputs: Arc<Inputs>,
    ) -> Answer {
        let operation = &*fetch.operation;
        let transport = self.transports.get(&*operation.subgraph);
        let lookup = cache.lookup(KeyedFetch {
            operation,
            variables: self.variables,
            inputs: &inputs,
            symbols: &self.plan.symbols,
            types: self.types,
            context: self.context,
            sees_caller: transport.is_none_or(|transport| transport.sees_caller()),
        });
        let lookup = match lookup {
            Ok(lookup) => lookup,
            Err(reason) => {
                self.bypassed(fetch, reason);
                let inputs = Arc::clone(&inputs);
                return self.send_uncached(fetch, inputs, self.started).await;
            }
        };
        if lookup.is_private {
            self.bypassed(fetch, "private");
            let inputs = Arc::clone(&inputs);
            let answer = self.send_uncached(fetch, inputs, self.started).await;
            if let Ok(response) = &answer {
                lookup.learn(response);
            }
            return answer;
        }
        let mut is_counted = false;
        for _ in 0..WAITS {
            let mut found = lookup.find(Instant::now());
            if !std::mem::replace(&mut is_counted, true) {
                self.count(fetch, &inputs, &found);
            }
            let fresh = found.without_stale();
            if found.is_complete() {
                if let Some(fresh) = &fresh {
                    self.refresh(cache, fetch, &inputs, &lookup, fresh);
                }
                return Ok(self.compose(fetch, &found, None));
            }
            // Stale values are fetched with those that are missing.
            found = fresh.unwrap_or(found);
            match self.fill_or_wait(fetch, &inputs, &lookup, &found).await? {
                Filled::Own(answer) => return *answer,
                Filled::Stored => {}
                Filled::NotStored => break,
            }
        }
        let found = lookup.find(Instant::now());
        if found.is_complete() {
            return Ok(self.compose(fetch, &found, None));
        }
        let (answer, _) = self.fill(fetch, &inputs, &lookup, &found).await;
        answer
    }

    /// Fetches stale values anew, in the background, unless somebody does.
    fn refresh(
        &self,
        cache: &Arc<RouterCache>,
        fetch: &Fetch,
        inputs: &Inputs,
        lookup: &Lookup<'_>,
        fresh: &Found,
    ) {
        let Ok(transport) = self.transport(&fetch.operation.subgraph) else {
            return;
        };
        let Some(claim) = lookup.claim_refresh(fresh) else {
            return;
        };
        let missing = Arc::new(fresh.missing(inputs));
        let refresh = Refresh {
            cache: Arc::clone(cache),
            transport: Arc::clone(transport),
            // The request that found them may be answered long before.
            request: SubgraphRequest {
                deadline: Instant::now() + REFRESH_TIMEOUT,
                budget: Arc::new(Budget::new(usize::MAX, REFRESH_BYTES)),
                ..self.request(fetch, missing, None)
            },
            fields: EntityFields::of(&fetch.target),
        };
        tokio::spawn(async move {
            let _claim = claim;
            refresh.run().await;
        });
    }

    /// Fetches what is missing, or waits for somebody who does.
    async fn fill_or_wait(
        &self,
        fetch: &Fetch,
        inputs: &Arc<Inputs>,
        lookup: &Lookup<'_>,
        found: &Found,
    ) -> Result<Filled, GraphQLError> {
        let own = Mutex::new(None);
        let run = || async {
            let (answer, is_stored) = self.fill(fetch, inputs, lookup, found).await;
            *own.lock() = Some(answer);
            Ok::<_, Infallible>(is_stored)
        };
        let key = lookup.missing_key(found);
        let filling = lookup.fills().share(key, lookup.oldest_fill(), run);
        let filled = tokio::time::timeout_at(self.deadline.into(), filling).await;
        if let Some(answer) = own.into_inner() {
            return Ok(Filled::Own(Box::new(answer)));
        }
        let Ok(Ok(filled)) = filled else {
            let late = TransportError::Deadline {
                subgraph: fetch.operation.subgraph.to_string(),
            };
            return Err(self.policy.transport_error(&late, self.context));
        };
        let subgraph = fetch.operation.subgraph.clone();
        metrics::counter!("router_entity_cache_fills_shared_total", "subgraph" => subgraph)
            .increment(1);
        Ok(match filled.outcome {
            true => Filled::Stored,
            false => Filled::NotStored,
        })
    }

    /// Fetches what is missing and stores it, if that is allowed. Also returns whether it is stored.
    async fn fill(
        &self,
        fetch: &Fetch,
        inputs: &Arc<Inputs>,
        lookup: &Lookup<'_>,
        found: &Found,
    ) -> (Answer, bool) {
        let epoch = lookup.epoch();
        let fields = EntityFields::of(&fetch.target);
        let shared = lookup.find_shared(&fields, found, epoch).await;
        if let Some((known, _)) = &shared {
            self.count_shared(fetch, inputs, found, known);
            if known.is_complete() {
                return (Ok(self.compose(fetch, known, None)), true);
            }
        }
        let found = shared.as_ref().map_or(found, |(known, _)| known);
        let missing = if found.is_empty() {
            Arc::clone(inputs)
        } else {
            Arc::new(found.missing(inputs))
        };
        let counts: Vec<usize> = missing.representations.iter().map(Vec::len).collect();
        // Not older than the epoch and the stamps: a response to an earlier request could be older than an invalidation.
        let since = Some(Instant::now());
        let mut response = match self.send_uncached(fetch, missing, since).await {
            Ok(response) => response,
            Err(error) if found.is_empty() => return (Err(error), false),
            // What was found is served all the same.
            Err(error) => {
                let failed = SubgraphResponse {
                    errors: vec![failure(&error)],
                    ..SubgraphResponse::default()
                };
                return (Ok(self.compose(fetch, found, Some(failed))), false);
            }
        };
        check_entities(&fetch.target, &counts, &self.plan.symbols, &mut response);
        let fetched = Fetched {
            fields: &fields,
            found,
            response: &response,
            epoch,
            shared: shared.as_ref().map(|(_, part)| part),
        };
        let is_stored = lookup.store(&fetched, Instant::now());
        let answer = if found.is_empty() {
            response
        } else {
            self.compose(fetch, found, Some(response))
        };
        (Ok(answer), is_stored)
    }

    /// The response of what was found, and of what was fetched for the rest.
    fn compose(
        &self,
        fetch: &Fetch,
        found: &Found,
        fetched: Option<SubgraphResponse>,
    ) -> SubgraphResponse {
        let stored = found.policy().filter(|policy| policy.allows_storing());
        let cache = match &fetched {
            None => stored,
            Some(fetched) => fetched.cache.zip(stored).map(|(one, other)| one.and(other)),
        };
        let mut fetched = fetched.unwrap_or_default();
        let shape = &fetch.operation.shape;
        let data = match &fetch.target {
            Target::Fields { .. } => found.root(shape).unwrap_or_default(),
            Target::Entities(aliases) => {
                for error in &mut fetched.errors {
                    self.restore_index(error, aliases, found);
                }
                let mut data = Object::default();
                for (position, alias) in aliases.iter().enumerate() {
                    let variable = alias.representations;
                    let before = aliases.iter().take(position);
                    let number = before.filter(|one| one.representations == variable).count();
                    let Some(shape) = shape.below(alias.key) else {
                        continue;
                    };
                    let mut entities = found.entities(variable, number, shape);
                    let rest = match &mut fetched.data {
                        Value::Object(fetched) => super::into_list(fetched, alias.key),
                        _ => Vec::new(),
                    };
                    for (index, entity) in found.missing_indexes(variable).into_iter().zip(rest) {
                        if let Some(slot) = entities.get_mut(index) {
                            *slot = entity;
                        }
                    }
                    data.fields.push((alias.key, Value::List(entities)));
                }
                Value::Object(data)
            }
        };
        SubgraphResponse {
            data,
            errors: fetched.errors,
            cache,
            stale_for: None,
        }
    }

    /// Turns an entity's index among those fetched into the one among all.
    fn restore_index(&self, error: &mut SubgraphError, aliases: &[EntityAlias], found: &Found) {
        let [PathSegment::Key(key), PathSegment::Index(index), ..] = error.path.as_mut_slice()
        else {
            return;
        };
        let key = self.plan.symbols.find(key);
        if let Some(alias) = aliases.iter().find(|alias| alias.key == key)
            && let Some(restored) = found.missing_indexes(alias.representations).get(*index)
        {
            *index = *restored;
        }
    }

    /// Counts hits and misses by type.
    fn count(&self, fetch: &Fetch, inputs: &Inputs, found: &Found) {
        for (variable, (hits, misses)) in found.counts().enumerate() {
            let name = self.type_of(inputs, variable);
            let labels = [
                ("subgraph", fetch.operation.subgraph.to_string()),
                ("type", name.to_owned()),
            ];
            if hits > 0 {
                metrics::counter!("router_entity_cache_hits_total", &labels).increment(hits as u64);
            }
            if misses > 0 {
                metrics::counter!("router_entity_cache_misses_total", &labels)
                    .increment(misses as u64);
            }
            if self.context.shows_cache {
                self.cache_uses.lock().push(json!({
                    "subgraph": &*fetch.operation.subgraph,
                    "type": name,
                    "hits": hits,
                    "misses": misses,
                    "expired": found.expired,
                    "invalidated": found.invalidated,
                }));
            }
        }
    }

    /// Counts by type what was not in the process, but in Redis, and what was not there either.
    fn count_shared(&self, fetch: &Fetch, inputs: &Inputs, before: &Found, after: &Found) {
        let counts = before.counts().zip(after.counts()).enumerate();
        for (variable, ((before, _), (after, misses))) in counts {
            let hits = after.saturating_sub(before);
            let name = self.type_of(inputs, variable);
            let labels = [
                ("subgraph", fetch.operation.subgraph.to_string()),
                ("type", name.to_owned()),
            ];
            metrics::counter!("router_entity_cache_shared_hits_total", &labels)
                .increment(hits as u64);
            metrics::counter!("router_entity_cache_shared_misses_total", &labels)
                .increment(misses as u64);
            if self.context.shows_cache {
                self.cache_uses.lock().push(json!({
                    "subgraph": &*fetch.operation.subgraph,
                    "type": name,
                    "shared": { "hits": hits, "misses": misses },
                }));
            }
        }
    }

    /// The type of a variable's representations; `Query` for root fields.
    fn type_of(&self, inputs: &Inputs, variable: usize) -> &str {
        let list = inputs.representations.get(variable);
        let name = match list.and_then(|list| list.first()) {
            Some(Value::Object(object)) => self.types.name(object.typename),
            _ => Some("Query"),
        };
        name.unwrap_or_default()
    }

    /// Counts a fetch that does not use the cache.
    fn bypassed(&self, fetch: &Fetch, reason: &'static str) {
        metrics::counter!("router_entity_cache_bypasses_total", "reason" => reason).increment(1);
        if self.context.shows_cache {
            self.cache_uses.lock().push(json!({
                "subgraph": &*fetch.operation.subgraph,
                "bypassed": reason,
            }));
        }
    }
}

/// A failed fetch as the error of a response, which concerns everything that the response lacks.
fn failure(error: &GraphQLError) -> SubgraphError {
    let code = error.code().as_str().into();
    SubgraphError {
        message: error.message.clone(),
        path: Vec::new(),
        extensions: Map::from_iter([("code".to_owned(), code)]),
    }
}

/// How a fetch's missing values came.
enum Filled {
    Own(Box<Answer>),
    /// Somebody else fetched and stored them.
    Stored,
    /// Somebody else got a response that may not be shared.
    NotStored,
}
