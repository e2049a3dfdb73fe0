//! The state of the cluster's index.

use serde_json::{Value, json};

use super::Inner;
use super::client::Call;
use crate::engine::{EngineError, Health, IndexStatus};

/// What is known of the serving index. A cluster that does not answer, or not with the index, is an error.
pub(super) async fn of(inner: &Inner) -> Result<IndexStatus, EngineError> {
    let Inner {
        client,
        names,
        rejections,
        ..
    } = inner;
    let mut status = IndexStatus {
        engine: client.dialect().name(),
        health: Health::Unavailable,
        problem: None,
        products: None,
        built_at: None,
        bytes: None,
    };
    let Some(serving) = names.serving(client, false).await? else {
        return Ok(status);
    };
    status.built_at = names.begun_at(&serving.name);
    let index = &serving.name;
    let get = |path: String| client.answer(Call::get("status", path));
    let (health, blocks, count, size) = tokio::join!(
        get(format!("/_cluster/health/{index}?timeout=1s")),
        get(format!(
            "/{index}/_settings/index.blocks.*?flat_settings=true"
        )),
        get(format!("/{index}/_count")),
        get(format!("/{index}/_stats/store")),
    );
    let colour = health?["status"].as_str().unwrap_or_default().to_owned();
    if colour == "red" {
        // The index is there and may come back, so it is not replaced.
        let problem = "a shard of the index is missing: see the cluster's health";
        return Err(EngineError::Unavailable(problem.to_owned()));
    }
    let size = size.ok();
    status.bytes =
        size.and_then(|size| size["_all"]["primaries"]["store"]["size_in_bytes"].as_u64());
    status.products = count?["count"].as_u64();
    status.problem = if is_blocked(&blocks?[index]["settings"]) {
        Some(
            "the index takes no changes, usually because the cluster's disk is almost full; they are written later"
                .to_owned(),
        )
    } else if let Some(problem) = rejections.problem() {
        Some(problem)
    } else if colour == "yellow" {
        Some("copies of the index are missing: see the cluster's health".to_owned())
    } else {
        None
    };
    status.health = match status.problem {
        None => Health::Healthy,
        Some(_) => Health::Degraded,
    };
    Ok(status)
}

fn is_blocked(settings: &Value) -> bool {
    let blocked = [
        "index.blocks.read_only_allow_delete",
        "index.blocks.read_only",
        "index.blocks.write",
    ];
    blocked
        .iter()
        .any(|block| settings[*block] == json!("true"))
}
