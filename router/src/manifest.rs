//! Manifests: the operations that a client was built with, as the clients' own tools write them.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::request::GraphQLRequest;

/// Why a manifest cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("it is no JSON object")]
    Json(#[from] serde_json::Error),
    #[error("it is neither an Apollo persisted query manifest of version 1 nor a Relay one")]
    Format,
    #[error("operation {0} is no text")]
    Operation(String),
}

/// As `generate-persisted-query-manifest` of Apollo's clients writes it.
#[derive(Deserialize)]
struct Apollo {
    version: u32,
    operations: Vec<ApolloOperation>,
}

#[derive(Deserialize)]
struct ApolloOperation {
    name: Option<String>,
    body: String,
}

const APOLLO: &str = "apollo-persisted-query-manifest";

/// Reads the operations of a manifest, of Apollo's format or of Relay's (an object of documents by their hashes).
///
/// # Errors
/// When it is neither.
pub fn read_manifest(text: &str) -> Result<Vec<GraphQLRequest>, ManifestError> {
    let manifest: Map<String, Value> = serde_json::from_str(text)?;
    match manifest.get("format") {
        Some(Value::String(format)) if format == APOLLO => {
            let manifest: Apollo = serde_json::from_value(Value::Object(manifest))
                .map_err(|_| ManifestError::Format)?;
            if manifest.version != 1 {
                return Err(ManifestError::Format);
            }
            let request = |operation: ApolloOperation| GraphQLRequest {
                operation_name: operation.name,
                ..GraphQLRequest::new(operation.body)
            };
            Ok(manifest.operations.into_iter().map(request).collect())
        }
        Some(_) => Err(ManifestError::Format),
        None => manifest
            .into_iter()
            .map(|(id, text)| match text {
                Value::String(text) => Ok(GraphQLRequest::new(text)),
                _ => Err(ManifestError::Operation(id)),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(Option<String>, String)>, String> {
        let read = read_manifest(text).map_err(|error| error.to_string())?;
        let parts = |request: GraphQLRequest| {
            let text = request.query.unwrap_or_default();
            (request.operation_name, text)
        };
        Ok(read.into_iter().map(parts).collect())
    }

    #[test]
    fn reads_what_the_clients_tools_write() {
        let apollo = r#"{
            "format": "apollo-persisted-query-manifest", "version": 1,
            "operations": [{"id": "f0", "name": "Me", "type": "query", "body": "query Me { me { id } }"}]
        }"#;
        let me = "query Me { me { id } }".to_owned();
        assert_eq!(read(apollo), Ok(vec![(Some("Me".to_owned()), me)]));
        let relay = r#"{"d1": "query A { a }", "d2": "query B { b }"}"#;
        let documents = ["query A { a }", "query B { b }"];
        let documents = documents.map(|text| (None, text.to_owned()));
        assert_eq!(read(relay), Ok(documents.into()));
    }

    #[test]
    fn says_what_is_wrong_with_others() {
        for (text, why) in [
            ("[]", "it is no JSON object"),
            (r#"{"format": "other"}"#, "neither an Apollo"),
            (
                r#"{"format": "apollo-persisted-query-manifest", "version": 2, "operations": []}"#,
                "of version 1",
            ),
            (r#"{"a": 1}"#, "operation a is no text"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(why), "{error}");
        }
    }
}
