//! The lease of the builder, in an index of the cluster: one process builds at a time. A process that dies loses it
//! after a minute.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use platform::clock::Clock;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Call, Client};
use super::indices::Names;
use crate::engine::EngineError;

/// How long a builder may be silent.
const KEPT: TimeDelta = TimeDelta::seconds(60);
/// How often a waiting builder looks.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Lease {
    index: String,
    clock: Clock,
    /// This engine, among all.
    holder: String,
}

/// What the cluster knows of the lease.
struct Known {
    holder: String,
    expires_at: i64,
    sequence: u64,
    term: u64,
}

impl Lease {
    pub(super) fn new(names: &Names, clock: Clock) -> Self {
        let holder = Uuid::new_v4().simple().to_string();
        Self {
            index: names.leases.clone(),
            clock,
            holder,
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Takes the lease, waiting for other builders.
    pub(super) async fn take(&self, client: &Client) -> Result<(), EngineError> {
        while !self.try_take(client).await? {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Takes the lease or renews it; false if another builder has it.
    pub(super) async fn try_take(&self, client: &Client) -> Result<bool, EngineError> {
        let body = json!({
            "holder": self.holder,
            "expires_at": (self.clock.now() + KEPT).timestamp_millis(),
        });
        let path = match self.known(client).await? {
            None => {
                self.create_index(client).await?;
                format!("/{}/_create/rebuild", self.index)
            }
            Some(known) => {
                let is_free = known.expires_at < self.clock.now().timestamp_millis();
                if known.holder != self.holder && !is_free {
                    return Ok(false);
                }
                format!("/{}/_doc/rebuild?{}", self.index, known.unchanged())
            }
        };
        let answer = client.send(Call::put("lease", path, body)).await?;
        match answer.status {
            409 => Ok(false),
            _ => answer.into_body().map(|_| true),
        }
    }

    /// Keeps the lease during a long build.
    pub(super) async fn renew(&self, client: &Client) -> Result<(), EngineError> {
        if self.try_take(client).await? {
            return Ok(());
        }
        let reason = "this build took so long that another process has begun one";
        Err(EngineError::Busy(reason.to_owned()))
    }

    /// Gives the lease back, if this engine has it.
    pub(super) async fn release(&self, client: &Client) -> Result<(), EngineError> {
        if let Some(known) = self.known(client).await?
            && known.holder == self.holder
        {
            let path = format!("/{}/_doc/rebuild?{}", self.index, known.unchanged());
            client.send(Call::delete("lease", path)).await?;
        }
        Ok(())
    }

    async fn known(&self, client: &Client) -> Result<Option<Known>, EngineError> {
        let answer = client
            .send(Call::get("lease", format!("/{}/_doc/rebuild", self.index)))
            .await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let body = answer.into_body()?;
        let known = || {
            let source: &Value = &body["_source"];
            Some(Known {
                holder: source["holder"].as_str()?.to_owned(),
                expires_at: source["expires_at"].as_i64()?,
                sequence: body["_seq_no"].as_u64()?,
                term: body["_primary_term"].as_u64()?,
            })
        };
        known()
            .map(Some)
            .ok_or_else(|| EngineError::Unreadable("the builders' lease".to_owned()))
    }

    async fn create_index(&self, client: &Client) -> Result<(), EngineError> {
        let body = json!({
            "settings": { "index": { "number_of_shards": 1, "auto_expand_replicas": "0-1" } },
            "mappings": { "dynamic": "strict", "properties": {
                "holder": { "type": "keyword" },
                "expires_at": { "type": "long" },
            }},
        });
        let answer = client
            .send(Call::put("create_index", format!("/{}", self.index), body))
            .await?;
        match answer.error() {
            EngineError::Refused { kind, .. } if kind == "resource_already_exists_exception" => {
                Ok(())
            }
            _ => answer.into_body().map(drop),
        }
    }
}

impl Known {
    fn unchanged(&self) -> String {
        format!("if_seq_no={}&if_primary_term={}", self.sequence, self.term)
    }
}
