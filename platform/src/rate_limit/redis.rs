//! Buckets shared by all instances, in Redis: one script, one round trip.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::{RedisError, Script};

use super::bucket::{State, tightest};
use super::{Bucket, Decision};
use crate::redis_connection::{Connection, PromptRedis};
use crate::redis_server::RedisServer;

pub(super) struct RedisBuckets {
    server: PromptRedis,
    script: Script,
    /// Whether the last decision arrived in time; changes are logged.
    is_answering: AtomicBool,
}

impl RedisBuckets {
    pub(super) fn new(server: &RedisServer) -> Self {
        Self {
            server: PromptRedis::new(server, 0),
            script: Script::new(include_str!("redis.lua")),
            is_answering: AtomicBool::new(true),
        }
    }

    pub(super) fn with_timeout(self, timeout: Duration) -> Self {
        let server = self.server.with_timeout(timeout);
        Self { server, ..self }
    }

    pub(super) async fn acquire(&self, buckets: &[Bucket], cost: u32) -> Option<Decision> {
        let decide = async |server: &mut Connection| self.decide(server, buckets, cost).await;
        let decision = self.server.query(decide).await;
        let was_answering = self.is_answering.swap(decision.is_ok(), Ordering::Relaxed);
        match decision {
            Ok(decision) => {
                if !was_answering {
                    tracing::info!("rate limits enforced again, Redis answers");
                }
                decision
            }
            Err(skipped) => {
                metrics::counter!("vantage_rate_limit_skips_total").increment(1);
                if was_answering {
                    tracing::warn!(
                        error = %skipped,
                        "rate limits not enforced, Redis does not answer"
                    );
                }
                None
            }
        }
    }

    async fn decide(
        &self,
        server: &mut Connection,
        buckets: &[Bucket],
        cost: u32,
    ) -> Result<Option<Decision>, RedisError> {
        let mut call = self.script.prepare_invoke();
        call.arg(cost);
        for bucket in buckets {
            call.key(format!("rate:{}", bucket.key))
                .arg(bucket.quota.cost_per_minute.max(1))
                .arg(bucket.quota.burst);
        }
        let states: Vec<(u64, u64)> = call.invoke_async(server).await?;
        let decisions = std::iter::zip(states, buckets).map(|((debt, wait), bucket)| {
            let state = State {
                now: 0,
                full_at: debt,
            };
            state.decision(bucket.quota, wait)
        });
        Ok(tightest(decisions))
    }
}

impl fmt::Debug for RedisBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisBuckets")
    }
}
