//! The bus over Redis Streams, for several processes: one stream for each topic, read by consumer groups. It is as
//! durable as the server: with `appendonly yes`, restarts lose nothing. Losses are detected by the log's identity: the
//! server's run id plus an epoch that each stream gets when it is created.
//!
//! Only one member of a group reads at a time, so that the events of an aggregate stay in order; the others stand by
//! and take over when its lock in Redis expires. All members read under one consumer name, so a successor receives
//! whatever its predecessor read but did not commit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::RedisError;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::watch::LastProblem;
use super::{BusError, Consumer, Event, EventBus, LogPosition, LogState, Receipt};
use crate::redis_connection::Connection;
use crate::redis_server::RedisServer;

mod durability;
mod member;
mod offset;

use durability::Settings;
use member::Member;
use offset::Offset;

/// How long the server may take to answer, on top of any time it is asked to block.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long a stream keeps events for groups that are offline or start later.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How often to check whether it is still the same run of the server.
const WATCH: Duration = Duration::from_secs(30);
/// How often to check while the server is unreachable.
const AWAY: Duration = Duration::from_secs(2);
/// The field of a stream entry that holds the event as JSON.
const FIELD: &str = "event";

/// Appends an entry; creating the stream gives it a new epoch. KEYS: stream, epoch; ARGV: a new epoch, retention in
/// seconds, field, value. Retention uses the server's own clock, which also numbers the entries.
const APPEND: &str = "local epoch = redis.call('GET', KEYS[2]) \
    if not epoch or redis.call('EXISTS', KEYS[1]) == 0 then \
        epoch = ARGV[1] redis.call('SET', KEYS[2], epoch) end \
    local oldest = string.format('%d000', redis.call('TIME')[1] - ARGV[2]) \
    local id = redis.call('XADD', KEYS[1], 'MINID', '~', oldest, '*', ARGV[3], ARGV[4]) \
    return {epoch, id}";
/// Returns the epoch, the oldest entry, then for each group its last delivered entry and its first uncommitted one.
/// KEYS: stream, epoch.
const STATE: &str = "if redis.call('EXISTS', KEYS[1]) == 0 then return {} end \
    local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1) \
    local state = {redis.call('GET', KEYS[2]) or '', first[1] and first[1][1] or ''} \
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do \
        local info = {} \
        for i = 1, #group, 2 do info[group[i]] = group[i + 1] end \
        local pending = redis.call('XPENDING', KEYS[1], info['name']) \
        table.insert(state, info['name']) \
        table.insert(state, info['last-delivered-id']) \
        table.insert(state, pending[2] or '') end \
    return state";

/// Publishes to the consumer groups of every process that uses the same Redis server.
#[derive(Clone)]
pub struct RedisBus {
    server: RedisServer,
    connection: Connection,
    problem: Arc<LastProblem>,
}

impl RedisBus {
    /// Connects at the first use and reconnects as needed.
    pub fn new(server: &RedisServer) -> Self {
        Self {
            server: server.clone(),
            connection: Connection::lazy(server, TIMEOUT),
            problem: Arc::default(),
        }
    }

    async fn append(&self, event: &Event) -> Result<Entry, BusError> {
        let json = serde_json::to_string(event)
            .map_err(|error| BusError::Refused(error.to_string().into()))?;
        let (epoch, id) = redis::cmd("EVAL")
            .arg(APPEND)
            .arg(2)
            .arg(stream(&event.topic))
            .arg(epoch(&event.topic))
            .arg(Uuid::now_v7().to_string())
            .arg(KEPT.as_secs())
            .arg(FIELD)
            .arg(json)
            .query_async(&mut self.connection.clone())
            .await
            .map_err(failed)?;
        Ok(Entry { epoch, id })
    }

    /// Identifies the run of the server: after a restart it may have lost data.
    async fn run_id(&self) -> Result<String, BusError> {
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut self.connection.clone())
            .await
            .map_err(failed)?;
        run_id(&info)
    }

    /// Warns about every run of the server whose settings lose events, until told to stop.
    pub async fn watch_durability(self, stop: CancellationToken) {
        let mut seen = None;
        while !stop.is_cancelled() {
            let wait = match self.settings().await {
                Ok((run, settings)) => {
                    if seen.as_ref() != Some(&run) {
                        for warning in durability::warnings(&settings) {
                            tracing::warn!("Redis may lose events: {warning}");
                        }
                    }
                    seen = Some(run);
                    WATCH
                }
                Err(_) => AWAY,
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// The server's run, and its settings as `INFO` and, where that is allowed, `CONFIG` tell them.
    async fn settings(&self) -> Result<(String, Settings), BusError> {
        let mut connection = self.connection.clone();
        let info: String = redis::cmd("INFO")
            .query_async(&mut connection)
            .await
            .map_err(failed)?;
        let config: Result<HashMap<String, String>, _> = redis::cmd("CONFIG")
            .arg("GET")
            .arg("*")
            .query_async(&mut connection)
            .await;
        Ok((
            run_id(&info)?,
            Settings::new(&info, config.unwrap_or_default()),
        ))
    }
}

/// A stream entry's id.
struct Entry {
    epoch: String,
    id: String,
}

#[async_trait]
impl EventBus for RedisBus {
    async fn publish(&self, events: &[Arc<Event>]) -> Vec<Result<Receipt, BusError>> {
        let run = match self.run_id().await {
            Ok(run) => run,
            Err(error) => return vec![Err(error); events.len()],
        };
        let mut entries: Vec<Result<Entry, BusError>> = Vec::with_capacity(events.len());
        for event in events {
            // While the server is away, only one event waits for it, not every event of the batch.
            let entry = match entries.last() {
                Some(Err(away @ BusError::Unavailable(_))) => Err(away.clone()),
                _ => self.append(event).await,
            };
            entries.push(entry);
        }
        // A server that restarted in between may have lost the first of them.
        let is_same = match self.run_id().await {
            Ok(now) if now == run => Ok(()),
            Ok(_) => Err(BusError::Unavailable("the server was restarted".into())),
            Err(error) => Err(error),
        };
        let receipt = |entry: Result<Entry, BusError>| {
            let entry = entry?;
            is_same.clone()?;
            Ok(Receipt::Logged(LogPosition {
                log: log_name(&run, &entry.epoch),
                offset: Offset::parse(&entry.id)?.to_string(),
            }))
        };
        let outcomes: Vec<_> = entries.into_iter().map(receipt).collect();
        if let Some(Err(error)) = outcomes.iter().find(|outcome| outcome.is_err()) {
            self.problem.note(error);
        }
        outcomes
    }

    async fn logs(&self, topic: &str, _: &[&str]) -> Result<Option<Vec<LogState>>, BusError> {
        let state: Vec<String> = redis::cmd("EVAL")
            .arg(STATE)
            .arg(2)
            .arg(stream(topic))
            .arg(epoch(topic))
            .query_async(&mut self.connection.clone())
            .await
            .map_err(failed)?;
        // If the server restarted in between, this state belongs to a log that was never published to.
        let run = self.run_id().await?;
        let (epoch, oldest, groups) = match &state[..] {
            [epoch, oldest, groups @ ..] => (epoch.as_str(), oldest.as_str(), groups),
            _ => ("", "", &[][..]),
        };
        let (groups, _) = groups.as_chunks::<3>();
        let groups = groups.iter().map(|[name, delivered, pending]| {
            let committed = match pending.as_str() {
                "" => Offset::parse(delivered)?,
                first => Offset::parse(first)?.before(),
            };
            Ok((name.clone(), committed.to_string()))
        });
        let oldest = Some(oldest).filter(|id| !id.is_empty());
        Ok(Some(vec![LogState {
            log: log_name(&run, epoch),
            oldest: oldest
                .map(|id| Offset::parse(id).map(|offset| offset.to_string()))
                .transpose()?,
            groups: groups.collect::<Result<_, BusError>>()?,
        }]))
    }

    fn subscribe(&self, topics: &[&str], group: &str) -> Result<Box<dyn Consumer>, BusError> {
        let reading = Connection::lazy(&self.server, TIMEOUT + member::BLOCK);
        Ok(Box::new(Member::new(
            self.connection.clone(),
            reading,
            topics,
            group,
            Uuid::now_v7(),
            self.problem.clone(),
        )))
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<(), BusError> {
        redis::cmd("PING")
            .exec_async(&mut self.connection.clone())
            .await
            .map_err(failed)?;
        self.problem.recent()
    }
}

impl std::fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisBus").finish_non_exhaustive()
    }
}

/// The stream's key.
fn stream(topic: &str) -> String {
    format!("vantage:events:{topic}")
}

/// The key of the stream's epoch, which distinguishes it from a deleted stream of the same name.
fn epoch(topic: &str) -> String {
    format!("vantage:events:{topic}:epoch")
}

fn log_name(run: &str, epoch: &str) -> String {
    format!("{run}/{epoch}")
}

/// A field of the `INFO` reply.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

fn run_id(info: &str) -> Result<String, BusError> {
    field(info, "run_id")
        .map(str::to_owned)
        .ok_or_else(|| BusError::Unavailable("the server does not report its run_id".into()))
}

/// A command that the server rejects as invalid will fail again; any other error may be temporary.
#[expect(
    clippy::needless_pass_by_value,
    reason = "signature required by map_err"
)]
fn failed(error: RedisError) -> BusError {
    let text: Arc<str> = error.to_string().into();
    // Older servers report every script error as a generic one and give the reason in its text.
    let passing = ["OOM", "MISCONF", "READONLY", "LOADING", "NOREPLICAS"];
    match error.code() {
        Some("ERR" | "WRONGTYPE") if !passing.iter().any(|code| text.contains(code)) => {
            BusError::Refused(text)
        }
        _ => BusError::Unavailable(text),
    }
}
