//! Manifests: the operations a client was built with, in the formats of common client tools.
//!
//! | Format | Written by | Form |
//! |---|---|---|
//! | Apollo's, version 1 | `generate-persisted-query-manifest`, Apollo Kotlin, Apollo iOS | `{"format":
//! "apollo-persisted-query-manifest", "version": 1, "operations": [{"id", "name", "type", "body"}]}` |
//! | Relay's | `relay-compiler` with `persistConfig.file` | documents by id |
//! | GraphQL Code Generator's | the client preset's `persistedDocuments`: `persisted-documents.json` | documents by id,
//! some of them `sha256:…` |

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::hash::Sha256Hash;
use super::operation::RegisteredOperation;

/// The prefix of hash ids in the persisted documents specification.
pub(crate) const SHA256_PREFIX: &str = "sha256:";

/// Why a manifest cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("not a JSON object ({0})")]
    Json(serde_json::Error),
    #[error(
        "neither an Apollo persisted query manifest of version 1 nor an object of documents by id, as written by Relay and \
         GraphQL Code Generator"
    )]
    Format,
    #[error("not an Apollo persisted query manifest: {0}")]
    Apollo(serde_json::Error),
    #[error("operation `{0}` is not a string")]
    Operation(String),
    #[error("its operation `{0}` is a different document")]
    SameId(String),
    #[error("operation `{0}` has an id that is not the hash of its document")]
    Hash(String),
}

/// An operation of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestOperation {
    /// The id its client uses.
    pub id: String,
    /// Its name, if the manifest gives one.
    pub name: Option<String>,
    /// Its kind, if the manifest gives one: `query`, `mutation` or `subscription`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The document.
    pub body: String,
}

/// The format of Apollo's tools.
#[derive(Deserialize)]
struct Apollo {
    version: u32,
    operations: Vec<ManifestOperation>,
}

pub(super) const APOLLO: &str = "apollo-persisted-query-manifest";

/// Reads a manifest's operations in order.
///
/// # Errors
/// If the text has none of the formats.
pub fn read_manifest(text: &str) -> Result<Vec<ManifestOperation>, ManifestError> {
    let manifest: Map<String, Value> = serde_json::from_str(text).map_err(ManifestError::Json)?;
    match manifest.get("format") {
        Some(Value::String(format)) if format == APOLLO => apollo(manifest),
        Some(_) => Err(ManifestError::Format),
        None => manifest.into_iter().map(document).collect(),
    }
}

fn apollo(manifest: Map<String, Value>) -> Result<Vec<ManifestOperation>, ManifestError> {
    let manifest: Apollo =
        serde_json::from_value(Value::Object(manifest)).map_err(ManifestError::Apollo)?;
    if manifest.version != 1 {
        return Err(ManifestError::Format);
    }
    Ok(manifest.operations)
}

/// Adds operations to a manifest, keeping its format; an empty text becomes Apollo's. Also returns how many were new.
///
/// # Errors
/// If the text is not a manifest, or an id is already used by another document.
pub fn extend_manifest(
    text: Option<&str>,
    operations: &[RegisteredOperation],
) -> Result<(String, usize), ManifestError> {
    let known = text.map(read_manifest).transpose()?.unwrap_or_default();
    let mut manifest: Map<String, Value> = match text {
        Some(text) => serde_json::from_str(text).map_err(ManifestError::Json)?,
        None => Map::from_iter([
            ("format".to_owned(), APOLLO.into()),
            ("version".to_owned(), 1.into()),
            ("operations".to_owned(), Value::Array(Vec::new())),
        ]),
    };
    let is_apollo = manifest.contains_key("format");
    let mut new = 0;
    for operation in operations {
        match known.iter().find(|known| known.id == operation.id) {
            Some(known) if *known.body == *operation.document => continue,
            Some(known) => return Err(ManifestError::SameId(known.id.clone())),
            None => new += 1,
        }
        let body = &*operation.document;
        if !is_apollo {
            manifest.insert(operation.id.clone(), body.into());
        } else if let Some(Value::Array(entries)) = manifest.get_mut("operations") {
            let (id, kind) = (&operation.id, operation.kind.name());
            let name = &operation.name;
            entries.push(json!({"id": id, "name": name, "type": kind, "body": body}));
        }
    }
    let text = serde_json::to_string_pretty(&manifest).map_err(ManifestError::Json)?;
    Ok((text + "\n", new))
}

/// An entry in the format of Relay and GraphQL Code Generator.
fn document((id, body): (String, Value)) -> Result<ManifestOperation, ManifestError> {
    let Value::String(body) = body else {
        return Err(ManifestError::Operation(id));
    };
    if let Some(hash) = id.strip_prefix(SHA256_PREFIX)
        && hash.parse() != Ok(Sha256Hash::of(body.as_bytes()))
    {
        return Err(ManifestError::Hash(id));
    }
    Ok(ManifestOperation {
        id,
        name: None,
        kind: None,
        body,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn operation(id: &str, name: Option<&str>, body: &str) -> ManifestOperation {
        ManifestOperation {
            id: id.to_owned(),
            name: name.map(str::to_owned),
            kind: name.map(|_| "query".to_owned()),
            body: body.to_owned(),
        }
    }

    #[test]
    fn reads_what_the_clients_tools_write() {
        let apollo = r#"{
            "format": "apollo-persisted-query-manifest", "version": 1,
            "operations": [{"id": "f0", "name": "Me", "type": "query", "body": "query Me { me { id } }"}]
        }"#;
        let read = read_manifest(apollo).expect("Apollo's");
        assert_eq!(
            read,
            [operation("f0", Some("Me"), "query Me { me { id } }")]
        );
        let relay = r#"{"d1": "query A { a }", "d2": "query B { b }"}"#;
        let read = read_manifest(relay).expect("Relay's");
        let expected = [
            operation("d1", None, "query A { a }"),
            operation("d2", None, "query B { b }"),
        ];
        assert_eq!(read, expected);
        let id = format!("sha256:{}", Sha256Hash::of(b"query A { a }"));
        let codegen = format!(r#"{{"{id}": "query A {{ a }}"}}"#);
        let read = read_manifest(&codegen).expect("GraphQL Code Generator's");
        assert_eq!(read, [operation(&id, None, "query A { a }")]);
    }

    #[test]
    fn operations_are_added_in_the_format_that_a_manifest_has() {
        let operation = |id: &str, body: &str| {
            let entry = ManifestOperation {
                kind: None,
                ..operation(id, None, body)
            };
            RegisteredOperation::new(entry, Path::new("new.json")).expect(body)
        };
        let (a, b) = (
            operation("a", "query A { a }"),
            operation("b", "query B { b }"),
        );
        let (text, new) = extend_manifest(None, std::slice::from_ref(&a)).expect("Apollo's");
        assert_eq!(new, 1);
        let (text, new) = extend_manifest(Some(&text), &[a.clone(), b.clone()]).expect("Apollo's");
        assert_eq!(new, 1);
        let names = read_manifest(&text).expect("Apollo's").into_iter();
        let names: Vec<_> = names.map(|entry| (entry.name, entry.kind)).collect();
        let named = |name: &str| (Some(name.to_owned()), Some("query".to_owned()));
        assert_eq!(names, [named("A"), named("B")]);

        let relay = r#"{"a": "query A { a }"}"#;
        let (text, _) = extend_manifest(Some(relay), &[b]).expect("Relay's");
        let read: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read.keys().collect::<Vec<_>>(), ["a", "b"]);
        let other = operation("a", "query Other { a }");
        let error = extend_manifest(Some(relay), &[other]).expect_err("refused");
        assert!(error.to_string().contains("`a` is a different document"));
    }

    #[test]
    fn says_what_is_wrong_with_others() {
        let hash = Sha256Hash::of(b"{ b }");
        for (text, why) in [
            ("[]", "not a JSON object"),
            (r#"{"format": "other"}"#, "neither an Apollo"),
            (
                r#"{"format": "apollo-persisted-query-manifest", "version": 2, "operations": []}"#,
                "of version 1",
            ),
            (
                r#"{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"body": "{ a }"}]}"#,
                "missing field `id`",
            ),
            (r#"{"a": 1}"#, "operation `a` is not a string"),
            (
                &format!(r#"{{"sha256:{hash}": "{{ a }}"}}"#),
                "is not the hash of its document",
            ),
        ] {
            let error = read_manifest(text).expect_err(text).to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
