//! Writes many documents at a time. What a busy cluster does not take is sent again; what it refuses is reported by
//! product.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use parking_lot::Mutex;
use platform::backoff::Backoff;
use resolvers::id::IdKind;
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Call, Client, shortened};
use super::documents;
use crate::engine::EngineError;

/// Largest request, in bytes; Elastic's advice is 5 to 15 MB, and documents are a few kilobytes.
const REQUEST_BYTES: usize = 4 << 20;
/// Waits before what was not taken is sent again: about 20 seconds in all.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 8;
/// How many rejected products are logged one by one for each write, and remembered.
const LOGGED: usize = 5;
const REMEMBERED: usize = 1_000;

/// What is to be done with one product's document.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    id: Uuid,
    action: &'static str,
    version: u64,
    /// `external`: newer versions only. `external_gte`: also the same again.
    version_type: &'static str,
    source: Option<String>,
}

impl Operation {
    pub(super) fn index(id: Uuid, version: u64, source: Value) -> Self {
        let source = Some(source.to_string());
        Self {
            id,
            action: "index",
            version,
            version_type: "external_gte",
            source,
        }
    }

    pub(super) fn add(id: Uuid, version: u64, source: Value) -> Self {
        Self {
            version_type: "external",
            ..Self::index(id, version, source)
        }
    }

    pub(super) fn delete(id: Uuid, version: u64) -> Self {
        Self {
            id,
            action: "delete",
            version,
            version_type: "external_gte",
            source: None,
        }
    }

    fn append(&self, lines: &mut BytesMut, target: &str) {
        let action = json!({ self.action: {
            "_index": target,
            "_id": documents::key(self.id),
            "version": self.version,
            "version_type": self.version_type,
            // Never creates an index by itself.
            "require_alias": true,
        }});
        lines.put_slice(action.to_string().as_bytes());
        lines.put_u8(b'\n');
        if let Some(source) = &self.source {
            lines.put_slice(source.as_bytes());
            lines.put_u8(b'\n');
        }
    }
}

/// A product that the cluster did not take, and why.
#[derive(Clone, Debug)]
pub(super) struct Rejected {
    pub product: Uuid,
    pub reason: String,
}

/// Writes to an alias.
pub(super) struct Bulk<'a> {
    client: &'a Client,
    target: &'a str,
    refresh: bool,
}

impl<'a> Bulk<'a> {
    pub(super) fn new(client: &'a Client, target: &'a str) -> Self {
        Self {
            client,
            target,
            refresh: false,
        }
    }

    /// Searches that begin after the write find what was written.
    pub(super) fn visible_at_once(self) -> Self {
        Self {
            refresh: true,
            ..self
        }
    }

    /// Writes all, and returns what the cluster will never take.
    pub(super) async fn write(
        &self,
        operations: Vec<Operation>,
    ) -> Result<Vec<Rejected>, EngineError> {
        let mut rejected = Vec::new();
        let mut pending = operations;
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        for attempt in 1..=ATTEMPTS {
            let mut again = Vec::new();
            let mut last = None;
            let mut rest = pending.into_iter().peekable();
            while rest.peek().is_some() {
                let mut lines = BytesMut::new();
                let mut sent = Vec::new();
                while let Some(operation) = rest.next_if(|_| lines.len() < REQUEST_BYTES) {
                    operation.append(&mut lines, self.target);
                    sent.push(operation);
                }
                match self.send(lines.freeze(), sent.len()).await? {
                    Sent::Answered(outcomes) => {
                        for (operation, outcome) in sent.into_iter().zip(outcomes) {
                            match outcome {
                                Outcome::Done => {}
                                Outcome::Busy(reason) => {
                                    last = Some(reason);
                                    again.push(operation);
                                }
                                Outcome::Rejected(reason) => {
                                    rejected.push(Rejected {
                                        product: operation.id,
                                        reason,
                                    });
                                }
                                Outcome::Blocked(reason) => {
                                    return Err(EngineError::ReadOnly(reason));
                                }
                            }
                        }
                    }
                    Sent::Busy(reason) => {
                        last = Some(reason);
                        again.extend(sent);
                    }
                }
            }
            let Some(reason) = last else { break };
            if attempt == ATTEMPTS {
                return Err(EngineError::Busy(reason));
            }
            tracing::debug!(
                operations = again.len(),
                reason,
                "the search engine is busy, sending again"
            );
            metrics::counter!("vantage_search_index_retries_total").increment(again.len() as u64);
            pending = again;
            tokio::time::sleep(backoff.next_wait()).await;
            if pending.is_empty() {
                break;
            }
        }
        Ok(rejected)
    }

    async fn send(&self, lines: Bytes, sent: usize) -> Result<Sent, EngineError> {
        let path = format!("/_bulk?refresh={}", self.refresh);
        let answer = self.client.send(Call::lines("bulk", path, lines)).await?;
        if matches!(answer.status, 429 | 503) {
            return match answer.error() {
                EngineError::Refused { kind, reason, .. } if kind == BLOCKED => {
                    Err(EngineError::ReadOnly(reason))
                }
                error => Ok(Sent::Busy(error.to_string())),
            };
        }
        let body = answer.into_body()?;
        let items = body["items"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if items.len() != sent {
            let message = format!("{} answers to {} operations", items.len(), sent);
            return Err(EngineError::Unreadable(message));
        }
        Ok(Sent::Answered(items.iter().map(outcome).collect()))
    }
}

enum Sent {
    Answered(Vec<Outcome>),
    /// The request as a whole was not taken.
    Busy(String),
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Busy(String),
    /// The index takes no writes, for example because the disk is full.
    Blocked(String),
    Rejected(String),
}

const BLOCKED: &str = "cluster_block_exception";

fn outcome(item: &Value) -> Outcome {
    let result = item
        .as_object()
        .and_then(|item| item.values().next())
        .unwrap_or(&Value::Null);
    let status = result["status"].as_u64().unwrap_or(0);
    let error = &result["error"];
    let kind = error["type"].as_str().unwrap_or_default();
    let reason = || {
        let cause = error["caused_by"]["reason"].as_str();
        let text = [error["reason"].as_str(), cause];
        shortened(&text.into_iter().flatten().collect::<Vec<_>>().join(": "))
    };
    match status {
        200..300 => Outcome::Done,
        // The index has a newer version.
        409 => Outcome::Done,
        // There was nothing to delete, or the alias is no longer there: its index was published or given up.
        404 if error.is_null() || kind == "index_not_found_exception" => Outcome::Done,
        _ if kind == BLOCKED => Outcome::Blocked(reason()),
        429 | 503 => Outcome::Busy(reason()),
        _ => Outcome::Rejected(format!("{kind}: {}", reason())),
    }
}

/// What the cluster has rejected since the index was built.
#[derive(Debug, Default)]
pub(super) struct Rejections(Mutex<BTreeMap<Uuid, String>>);

impl Rejections {
    /// Logs and counts products that are missing from the index from now on.
    pub(super) fn report(&self, rejected: Vec<Rejected>) {
        if rejected.is_empty() {
            return;
        }
        metrics::counter!("vantage_search_index_rejections_total").increment(rejected.len() as u64);
        for Rejected { product, reason } in rejected.iter().take(LOGGED) {
            let product = IdKind::Product.format(*product);
            tracing::error!(product, reason, "the search engine rejected a product");
        }
        if let Some(more) = rejected.len().checked_sub(LOGGED).filter(|more| *more > 0) {
            tracing::error!(more, "the search engine rejected more products");
        }
        let mut all = self.0.lock();
        for Rejected { product, reason } in rejected {
            if all.len() < REMEMBERED {
                all.insert(product, reason);
            }
        }
    }

    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }

    /// One sentence for operators.
    pub(super) fn problem(&self) -> Option<String> {
        let all = self.0.lock();
        let (product, reason) = all.first_key_value()?;
        Some(format!(
            "{} rejected, such as {} ({reason}); `vantage search reindex` builds an index that fits",
            match all.len() {
                1 => "a product was".to_owned(),
                count => format!("{count} products were"),
            },
            IdKind::Product.format(*product)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cluster_answers_decides_whether_an_operation_is_sent_again() {
        let error = |status: u16, kind: &str| json!({ "index": { "status": status, "error": { "type": kind, "reason": "why" } } });
        let cases = [
            (json!({ "index": { "status": 201 } }), Outcome::Done),
            (
                json!({ "delete": { "status": 404, "result": "not_found" } }),
                Outcome::Done,
            ),
            (
                error(409, "version_conflict_engine_exception"),
                Outcome::Done,
            ),
            (error(404, "index_not_found_exception"), Outcome::Done),
            (
                error(429, "rejected_execution_exception"),
                Outcome::Busy("why".to_owned()),
            ),
            (
                error(503, "unavailable_shards_exception"),
                Outcome::Busy("why".to_owned()),
            ),
            (
                error(429, "cluster_block_exception"),
                Outcome::Blocked("why".to_owned()),
            ),
            (
                error(403, "cluster_block_exception"),
                Outcome::Blocked("why".to_owned()),
            ),
            (
                error(400, "mapper_parsing_exception"),
                Outcome::Rejected("mapper_parsing_exception: why".to_owned()),
            ),
        ];
        for (item, expected) in cases {
            assert_eq!(outcome(&item), expected, "{item}");
        }
    }
}
