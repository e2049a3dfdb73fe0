//! What OpenSearch and Elasticsearch call differently.

use serde_json::{Value, json};

/// Which of the two a cluster speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    OpenSearch,
    Elasticsearch,
}

impl Dialect {
    /// The name in the configuration and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenSearch => "opensearch",
            Self::Elasticsearch => "elasticsearch",
        }
    }

    /// The settings and mappings of an index.
    pub(super) fn index(self) -> Value {
        let mut index = parse(include_str!("index/index.json"));
        let vector = parse(match self {
            Self::OpenSearch => include_str!("index/vector.opensearch.json"),
            Self::Elasticsearch => include_str!("index/vector.elasticsearch.json"),
        });
        index["mappings"]["properties"]["vector"] = vector;
        index
    }

    /// The script that multiplies a score by the similarity with a customer's preference.
    pub(super) fn preference_script(self) -> &'static str {
        match self {
            Self::OpenSearch => include_str!("index/preference.opensearch.painless"),
            Self::Elasticsearch => include_str!("index/preference.elasticsearch.painless"),
        }
    }

    /// The script that says how similar a result is to a customer's preference, if it can: Elasticsearch compares vectors
    /// for scores alone.
    pub(super) fn similarity_script(self) -> Option<&'static str> {
        match self {
            Self::OpenSearch => Some(include_str!("index/similarity.opensearch.painless")),
            Self::Elasticsearch => None,
        }
    }

    /// Where a point in time of an alias is opened.
    pub(super) fn open_snapshot(self, alias: &str, kept: &str) -> String {
        match self {
            Self::OpenSearch => format!("/{alias}/_search/point_in_time?keep_alive={kept}"),
            Self::Elasticsearch => format!("/{alias}/_pit?keep_alive={kept}"),
        }
    }

    /// The id in the answer to opening it.
    pub(super) fn snapshot_id(self, answer: &Value) -> Option<&str> {
        let key = match self {
            Self::OpenSearch => "pit_id",
            Self::Elasticsearch => "id",
        };
        answer.get(key)?.as_str()
    }
}

fn parse(file: &str) -> Value {
    serde_json::from_str(file).unwrap_or(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_a_complete_mapping_and_a_script() {
        for dialect in [Dialect::OpenSearch, Dialect::Elasticsearch] {
            let index = dialect.index();
            assert_eq!(index["mappings"]["dynamic"], "strict");
            let fields = index["mappings"]["properties"].as_object().unwrap();
            assert!(fields.len() > 10);
            assert!(fields.values().all(|field| field["type"].is_string()));
            assert!(dialect.preference_script().contains("params.boost"));
            let similarity = dialect.similarity_script();
            assert!(similarity.is_none_or(|script| script.contains("params.preference")));
        }
    }
}
