//! Clients' registered operations, looked up by id, hash or document.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::hash::Sha256Hash;
use super::manifest::{ManifestOperation, SHA256_PREFIX};
use crate::Router;
use crate::error::GraphQLError;
use crate::prepare::{OperationKind, OutlineError, outline};
use crate::request::GraphQLRequest;

/// An operation a client was built with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredOperation {
    /// Its id in the manifest.
    pub id: String,
    /// Its name, or its id if it is anonymous.
    pub name: String,
    pub(super) is_named: bool,
    pub kind: OperationKind,
    pub document: Arc<str>,
    pub hash: Sha256Hash,
    /// The manifest it was read from.
    pub manifest: PathBuf,
}

/// Problems with a manifest's operation that do not depend on the schema.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    #[error("not a GraphQL document with one operation: {0}")]
    Document(String),
    #[error("its name in the document is `{0}`")]
    Name(String),
    #[error("its document is a {0}")]
    Kind(&'static str),
    #[error("its id `{0}` belongs to another document")]
    SameId(String),
}

impl From<OutlineError> for OperationError {
    fn from(error: OutlineError) -> Self {
        Self::Document(error.to_string())
    }
}

impl RegisteredOperation {
    /// # Errors
    /// If the document is not one operation, or contradicts the manifest.
    pub fn new(entry: ManifestOperation, manifest: &Path) -> Result<Self, OperationError> {
        let found = outline(&entry.body)?;
        if let Some(kind) = &entry.kind
            && kind != found.kind.name()
        {
            return Err(OperationError::Kind(found.kind.name()));
        }
        if let (Some(name), Some(own)) = (&entry.name, &found.name)
            && name != own
        {
            return Err(OperationError::Name(own.clone()));
        }
        let name = found.name.or(entry.name);
        Ok(Self {
            is_named: name.is_some(),
            name: name.unwrap_or_else(|| entry.id.clone()),
            id: entry.id,
            kind: found.kind,
            hash: Sha256Hash::of(entry.body.as_bytes()),
            document: entry.body.into(),
            manifest: manifest.to_owned(),
        })
    }

    /// Prepares it against a schema.
    ///
    /// # Errors
    /// Why it is not valid there.
    pub async fn check(&self, router: &Router) -> Result<(), Vec<GraphQLError>> {
        let prepared = router.prepare(&self.request()).await;
        prepared.map(drop).map_err(|refused| refused.errors)
    }

    /// A request for it without variables.
    pub fn request(&self) -> GraphQLRequest {
        GraphQLRequest::new(&*self.document)
    }
}

/// Operations by id and by hash.
#[derive(Clone, Debug, Default)]
pub struct RegisteredOperations {
    /// In manifest order.
    all: Vec<Arc<RegisteredOperation>>,
    /// `None` where an id is used for several documents.
    by_id: HashMap<String, Option<Arc<RegisteredOperation>>>,
    by_hash: HashMap<Sha256Hash, Arc<RegisteredOperation>>,
}

impl RegisteredOperations {
    /// # Errors
    /// If another document already has the id.
    pub(super) fn add(&mut self, operation: RegisteredOperation) -> Result<(), OperationError> {
        match self.by_id.get(&operation.id) {
            Some(Some(known)) if known.hash == operation.hash => return Ok(()),
            Some(_) => return Err(OperationError::SameId(operation.id)),
            None => {}
        }
        self.insert(&Arc::new(operation));
        Ok(())
    }

    /// Adds another client's operations. An id used for different documents then identifies none.
    pub(super) fn merge(&mut self, other: &Self) {
        for operation in &other.all {
            self.insert(operation);
        }
    }

    fn insert(&mut self, operation: &Arc<RegisteredOperation>) {
        match self.by_id.entry(operation.id.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(Some(operation.clone()));
            }
            Entry::Occupied(mut entry) => {
                if entry.get().as_ref().map(|known| known.hash) != Some(operation.hash) {
                    entry.insert(None);
                }
            }
        }
        if let Entry::Vacant(entry) = self.by_hash.entry(operation.hash) {
            entry.insert(operation.clone());
        }
        self.all.push(operation.clone());
    }

    /// Looks up a manifest's own id, a hash with `sha256:`, or a bare hash.
    pub fn by_id(&self, id: &str) -> Option<&Arc<RegisteredOperation>> {
        if let Some(known) = self.by_id.get(id) {
            return known.as_ref();
        }
        let hash = id.strip_prefix(SHA256_PREFIX).unwrap_or(id);
        self.by_hash.get(&hash.parse().ok()?)
    }

    /// The operation with exactly this document.
    pub fn by_document(&self, document: &str) -> Option<&Arc<RegisteredOperation>> {
        if self.all.is_empty() {
            return None;
        }
        self.by_hash.get(&Sha256Hash::of(document.as_bytes()))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<RegisteredOperation>> {
        self.all.iter()
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, body: &str) -> ManifestOperation {
        ManifestOperation {
            id: id.to_owned(),
            name: None,
            kind: None,
            body: body.to_owned(),
        }
    }

    fn operation(id: &str, body: &str) -> RegisteredOperation {
        RegisteredOperation::new(entry(id, body), Path::new("m.json")).expect(body)
    }

    fn operations(entries: &[(&str, &str)]) -> RegisteredOperations {
        let mut operations = RegisteredOperations::default();
        for (id, body) in entries {
            operations.add(operation(id, body)).expect(id);
        }
        operations
    }

    #[test]
    fn an_operation_is_found_by_all_that_a_request_may_have_of_it() {
        let operations = operations(&[("one", "query A { a }"), ("two", "{ b }")]);
        let hash = Sha256Hash::of(b"query A { a }").to_string();
        for id in ["one", &hash, &format!("sha256:{hash}")] {
            let found = operations.by_id(id).map(|found| found.name.as_str());
            assert_eq!(found, Some("A"), "{id}");
        }
        assert_eq!(operations.by_id("sha256:one"), None);
        assert_eq!(operations.by_id("three"), None);
        let exact = operations.by_document("{ b }").map(|found| &*found.name);
        assert_eq!(exact, Some("two"));
        assert_eq!(operations.by_document("{  b }"), None);
    }

    #[test]
    fn an_id_names_one_document_of_a_client_and_none_where_clients_differ() {
        let mut one = operations(&[("x", "{ a }"), ("y", "{ b }")]);
        one.add(operation("x", "{ a }")).expect("the same again");
        let error = one.add(operation("x", "{ c }")).expect_err("another");
        assert_eq!(error, OperationError::SameId("x".to_owned()));
        let mut shared = RegisteredOperations::default();
        for client in [&one, &operations(&[("x", "{ d }"), ("y", "{ b }")])] {
            shared.merge(client);
        }
        assert_eq!(shared.by_id("x"), None);
        assert!(shared.by_id("y").is_some() && shared.by_document("{ d }").is_some());
    }

    #[test]
    fn a_manifest_that_says_something_else_than_its_documents_is_refused() {
        let check = |name: &str, kind: &str, body: &str, why: &str| {
            let entry = ManifestOperation {
                name: Some(name.to_owned()),
                kind: Some(kind.to_owned()),
                ..entry("x", body)
            };
            let error = RegisteredOperation::new(entry, Path::new("m.json")).expect_err(body);
            assert!(error.to_string().contains(why), "{error}");
        };
        check("A", "query", "query B { b }", "name in the document is `B`");
        check("A", "query", "mutation A { b }", "is a mutation");
        check("A", "query", "query A { b", "not a GraphQL document");
        check("A", "query", "query A { b } query B { b }", "2 operations");
    }
}
