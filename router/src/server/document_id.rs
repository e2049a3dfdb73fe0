//! The ways a request can reference a document by id.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::clients::{SHA256_PREFIX, Sha256Hash};
use crate::request::GraphQLRequest;

/// Longer ids cannot exist.
const MAX_ID_BYTES: usize = 256;

/// A document's id in any of its notations: `documentId` of the persisted documents specification, the path below the
/// endpoint, Relay's `doc_id` and `id`, and Apollo's `extensions.persistedQuery`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DocumentId {
    /// As the client wrote it.
    pub(super) text: String,
    /// Set if it is the document's hash.
    pub(super) hash: Option<Sha256Hash>,
}

impl DocumentId {
    fn new(text: String) -> Result<Self, Refusal> {
        if text.is_empty() || text.len() > MAX_ID_BYTES {
            return Err(Refusal::bad_request(
                "the id of the document is empty or too long",
            ));
        }
        let hash = text.strip_prefix(SHA256_PREFIX).unwrap_or(&text);
        Ok(Self {
            hash: hash.parse().ok(),
            text,
        })
    }

    /// The request's document id, if any.
    ///
    /// # Errors
    /// An invalid id, or several that differ.
    pub(super) fn of(request: &GraphQLRequest) -> Result<Option<Self>, Refusal> {
        let id = request.document_id.clone().map(Self::new).transpose()?;
        let hash = persisted_query(&request.extensions)?
            .map(Self::new)
            .transpose()?;
        match (id, hash) {
            (Some(id), Some(hash)) if !id.is_same(&hash) => Err(Refusal::bad_request(
                "`documentId` and `extensions.persistedQuery` reference different documents",
            )),
            (id, hash) => Ok(id.or(hash)),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self.hash, other.hash) {
            (Some(one), Some(other)) => one == other,
            _ => self.text == other.text,
        }
    }
}

/// `sha256Hash` of Apollo's extension. Clients with a manifest put the manifest's own id there.
fn persisted_query(extensions: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let extension = match extensions.get("persistedQuery") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(extension)) => extension,
        Some(_) => {
            let words = "`extensions.persistedQuery` is not an object";
            return Err(Refusal::bad_request(words));
        }
    };
    if extension.get("version").and_then(Value::as_u64) != Some(1) {
        let words = "`extensions.persistedQuery.version` is not 1";
        return Err(Refusal::bad_request(words));
    }
    match extension.get("sha256Hash") {
        Some(Value::String(hash)) => Ok(Some(hash.clone())),
        _ => {
            let words = "`extensions.persistedQuery` has no `sha256Hash`";
            Err(Refusal::bad_request(words))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(id: Option<&str>, extensions: Value) -> Result<Option<DocumentId>, String> {
        let extensions = extensions.as_object().cloned().unwrap_or_default();
        let request = GraphQLRequest {
            document_id: id.map(str::to_owned),
            extensions,
            ..GraphQLRequest::default()
        };
        DocumentId::of(&request).map_err(|refusal| refusal.message)
    }

    fn apollo(hash: &str) -> Value {
        json!({"persistedQuery": {"version": 1, "sha256Hash": hash}})
    }

    #[test]
    fn an_id_is_read_from_either_place_and_a_hash_in_either_form() {
        let hash = Sha256Hash::of(b"{ a }");
        let check = |id: Option<&str>, extensions: Value, expected: Option<Option<Sha256Hash>>| {
            let found = of(id, extensions).expect("read").map(|id| id.hash);
            assert_eq!(found, expected, "{id:?}");
        };
        let hex = hash.to_string();
        let prefixed = format!("sha256:{hash}");
        check(None, json!({}), None);
        check(None, json!({"persistedQuery": null}), None);
        check(Some("Page"), json!({}), Some(None));
        check(Some(&hex), json!({}), Some(Some(hash)));
        check(Some(&prefixed), json!({}), Some(Some(hash)));
        check(None, apollo(&hex), Some(Some(hash)));
        check(None, apollo("Page"), Some(None));
        check(Some(&prefixed), apollo(&hex), Some(Some(hash)));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        let check = |id: Option<&str>, extensions: Value, words: &str| {
            let refused = of(id, extensions).expect_err("refused");
            assert!(refused.contains(words), "{refused}");
        };
        check(Some(""), json!({}), "empty");
        check(Some(&"x".repeat(300)), json!({}), "too long");
        check(Some("Page"), apollo("Other"), "different documents");
        check(None, json!({"persistedQuery": 1}), "not an object");
        check(None, json!({"persistedQuery": {}}), "not 1");
        check(
            None,
            json!({"persistedQuery": {"version": 2, "sha256Hash": "x"}}),
            "not 1",
        );
        check(
            None,
            json!({"persistedQuery": {"version": 1}}),
            "no `sha256Hash`",
        );
    }
}
