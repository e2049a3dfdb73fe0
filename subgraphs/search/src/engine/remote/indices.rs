//! The names of indexes and aliases. Each build makes an index; one alias names the one that serves searches, another
//! the one under construction.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Call, Client};
use super::generation::Meta;
use crate::engine::EngineError;

/// The version of `index/`, `rules::tokens` and `rules::analysis`: another version's index is not searched.
const LAYOUT: &str = "v1";

#[derive(Clone, Debug)]
pub(super) struct Names {
    /// What all names begin with.
    pub prefix: String,
    /// The alias that searches use.
    pub serving: String,
    /// The alias of the index under construction.
    pub building: String,
    /// The index with the lease of builders.
    pub leases: String,
    /// The stored script that multiplies scores by a preference.
    pub score_script: String,
    /// The stored script for similarities with a preference.
    pub similarity_script: String,
}

/// An index of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub name: String,
    pub aliases: Vec<String>,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        let serving = format!("{prefix}-{LAYOUT}");
        Self {
            building: format!("{serving}-building"),
            leases: format!("{prefix}-leases"),
            score_script: format!("{serving}-preference"),
            similarity_script: format!("{serving}-similarity"),
            serving,
            prefix: prefix.to_owned(),
        }
    }

    /// A name for the next index. It tells when its build began.
    pub(super) fn next(&self) -> String {
        format!("{}-{}", self.serving, Uuid::now_v7().simple())
    }

    /// When the build of this index began; `None` if it is not one of ours.
    pub(super) fn begun_at(&self, index: &str) -> Option<DateTime<Utc>> {
        let rest = index.strip_prefix(&self.prefix)?.strip_prefix("-v")?;
        let (layout, id) = rest.split_once('-')?;
        layout.parse::<u32>().ok()?;
        let (seconds, nanoseconds) = Uuid::try_parse(id).ok()?.get_timestamp()?.to_unix();
        DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
    }

    /// Whether an index has this version's layout.
    pub(super) fn is_current_layout(&self, index: &str) -> bool {
        index
            .strip_prefix(&self.serving)
            .is_some_and(|rest| rest.starts_with('-'))
    }

    /// The index that serves searches.
    pub(super) async fn serving(
        &self,
        client: &Client,
        interactive: bool,
    ) -> Result<Option<Found>, EngineError> {
        let call = Call::get("aliases", format!("/_alias/{}", self.serving));
        let call = if interactive {
            call.interactive()
        } else {
            call
        };
        let answer = client.send(call).await?;
        match answer.status {
            404 => Ok(None),
            _ => Ok(found(&answer.into_body()?).into_iter().next()),
        }
    }

    /// All indexes that were built under this prefix, by any version.
    pub(super) async fn all(&self, client: &Client) -> Result<Vec<Found>, EngineError> {
        let path = format!("/{}-v*/_alias?expand_wildcards=all", self.prefix);
        let answer = client.answer(Call::get("indexes", path)).await?;
        let ours = |index: &Found| self.begun_at(&index.name).is_some();
        Ok(found(&answer).into_iter().filter(ours).collect())
    }

    pub(super) async fn create(
        &self,
        client: &Client,
        index: &str,
        meta: &Meta,
    ) -> Result<(), EngineError> {
        let mut body = client.dialect().index();
        body["mappings"]["_meta"] = meta.mapping()["_meta"].take();
        body["aliases"] = json!({ &self.building: {} });
        let call = Call::put(
            "create_index",
            format!("/{index}?wait_for_active_shards=1"),
            body,
        );
        let answer = client.answer(call).await?;
        if answer["shards_acknowledged"] != json!(true) {
            return Err(EngineError::Busy(
                "the new index has no shard yet".to_owned(),
            ));
        }
        Ok(())
    }

    /// Removes an index, if it exists.
    pub(super) async fn remove(&self, client: &Client, index: &str) -> Result<(), EngineError> {
        let answer = client
            .send(Call::delete("delete_index", format!("/{index}")))
            .await?;
        if answer.is_ok() || answer.status == 404 {
            return Ok(());
        }
        Err(answer.error())
    }

    /// Lets the index serve searches instead of the one that did, in one step.
    pub(super) async fn swap(
        &self,
        client: &Client,
        index: &str,
    ) -> Result<Option<Found>, EngineError> {
        let before = self.serving(client, false).await?;
        let mut actions = vec![
            json!({ "add": { "index": index, "alias": self.serving } }),
            json!({ "remove": { "index": index, "alias": self.building } }),
        ];
        if let Some(before) = &before {
            actions.push(json!({ "remove": { "index": before.name, "alias": self.serving } }));
        }
        let call = Call::post(
            "swap",
            "/_aliases".to_owned(),
            json!({ "actions": actions }),
        );
        client.answer(call).await?;
        Ok(before)
    }
}

impl Found {
    pub(super) fn has(&self, alias: &str) -> bool {
        self.aliases.iter().any(|known| known == alias)
    }
}

/// The indexes in an answer about aliases.
fn found(answer: &Value) -> Vec<Found> {
    let indexes = answer.as_object().into_iter().flatten();
    let found = indexes.filter_map(|(name, index)| {
        let aliases = index.get("aliases")?.as_object()?;
        Some(Found {
            name: name.clone(),
            aliases: aliases.keys().cloned().collect(),
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_build_gave_are_ours() {
        let names = Names::new("shop-products");
        let next = names.next();
        assert!(names.begun_at(&next).is_some());
        assert!(names.is_current_layout(&next));
        let old = next.replace("-v1-", "-v0-");
        assert!(names.begun_at(&old).is_some());
        assert!(!names.is_current_layout(&old));
        for other in [
            "shop-products-v1-mine",
            "shop-products-x-y",
            &next[1..],
            "shop-products",
        ] {
            assert_eq!(names.begun_at(other), None, "{other}");
        }
    }

    #[test]
    fn a_missing_alias_does_not_hide_the_other() {
        let answer =
            json!({ "error": "alias [b] missing", "status": 404, "i": { "aliases": { "a": {} } } });
        let expected = Found {
            name: "i".to_owned(),
            aliases: vec!["a".to_owned()],
        };
        assert_eq!(found(&answer), [expected]);
    }
}
