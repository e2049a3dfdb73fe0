//! The `router` section.

use std::path::PathBuf;

use platform::config::{Duration, Invalid};
use router::EntityCacheConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Configuration, check_scheme};

/// How operations are executed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Router {
    /// Time limit for an operation; slow subgraphs are cut off and the rest is served.
    pub(crate) deadline: Duration,
    /// Whether identical concurrent queries are answered once. Callers that subgraphs can tell apart are never mixed, and
    /// no answer is older than the request that gets it.
    pub(crate) share_requests: bool,
    /// Whether fields with `@defer` may follow the rest of a response, for clients that accept it in parts. If not, the
    /// directive has no effect.
    pub(crate) defer: bool,
    /// Whether identical concurrent queries to an HTTP subgraph are sent once.
    pub(crate) share_fetches: bool,
    /// Whether clients may use introspection (`__schema`, `__type`). Unset: in development only.
    pub(crate) introspection: Option<bool>,
    /// Whether clients may request an operation's query plan, which names the subgraphs, with the header
    /// `x-vantage-query-plan`: `true` adds it to the response, `dry-run` returns only the plan; and with
    /// `x-vantage-cache-report: true`, what came from the entity cache. Unset: in development only.
    pub(crate) expose_query_plan: Option<bool>,
    /// Limits on operations, checked before planning.
    pub(crate) limits: router::OperationLimits,
    /// The active labels of `@override(label:)`; shares such as `percent(5)` need no entry.
    pub(crate) override_labels: Vec<String>,
    pub(crate) entity_cache: EntityCacheConfig,
    /// Manifests of operations to plan before the first request, in Apollo's or Relay's format.
    pub(crate) warm_up: Vec<PathBuf>,
}

impl Router {
    /// With no time at all, every operation would fail.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        for (key, is_zero) in [
            ("router.deadline", self.deadline.get().is_zero()),
            ("router.limits.planning_ms", self.limits.planning_ms == 0),
            (
                "router.entity_cache.max_bytes",
                self.entity_cache.max_bytes == 0,
            ),
            (
                "router.entity_cache.redis.timeout",
                self.entity_cache.redis.timeout.get().is_zero(),
            ),
            (
                "router.entity_cache.redis.max_age",
                self.entity_cache.redis.max_age.get().is_zero(),
            ),
        ] {
            if is_zero {
                return Err(Invalid::new(key, "must be more than zero"));
            }
        }
        Ok(())
    }
}

impl Configuration {
    /// Whether a router over this process's subgraphs stores public data: by default, if nobody else changes any.
    pub(crate) fn uses_entity_cache(&self) -> bool {
        let shares_data = self.database_url.is_some() || self.redis_url.is_some();
        let is_alone = !shares_data && !self.has_other_processes();
        self.router.entity_cache.enabled.unwrap_or(is_alone)
    }

    fn has_other_processes(&self) -> bool {
        self.subgraphs.any_remote() || self.kafka.is_used()
    }

    /// Other processes publish what changes, and only Redis takes it to every router.
    pub(super) fn check_entity_cache(&self) -> Result<(), Invalid> {
        let is_enabled = self.router.entity_cache.enabled == Some(true);
        if is_enabled && self.has_other_processes() && self.redis_url.is_none() {
            return Err(Invalid::new(
                "router.entity_cache.enabled",
                "requires redis_url when other processes change data: without it this one would \
                 not know",
            ));
        }
        let redis = &self.router.entity_cache.redis;
        let key = "router.entity_cache.redis.url";
        check_scheme(key, redis.url.as_ref(), &["redis", "rediss"])?;
        if redis.enabled && self.redis_url.is_none() {
            return Err(Invalid::new(
                "router.entity_cache.redis.enabled",
                "requires redis_url, over which processes announce what changes",
            ));
        }
        Ok(())
    }
}

impl Default for Router {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(4),
            share_requests: true,
            defer: true,
            share_fetches: true,
            introspection: None,
            expose_query_plan: None,
            limits: router::OperationLimits::default(),
            override_labels: Vec::new(),
            entity_cache: EntityCacheConfig::default(),
            warm_up: Vec::new(),
        }
    }
}
