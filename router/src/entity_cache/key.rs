//! What a cached value is found by: the schema, the document, its variables, and everything about the request that a
//! public response may depend on. That is not who the caller is, but what class of callers they belong to.

use axum::http::header::AUTHORIZATION;
use platform::caller::CALLER_HEADER;
use platform::telemetry::request_id::REQUEST_ID;
use sha2::{Digest, Sha256};

use crate::prepare::Variables;
use crate::prepare::plan::{FetchOperation, Inputs};
use crate::request::{RequestContext, TRACING};
use crate::supergraph::TypeNames;
use crate::value::{Symbols, Value, write_json};

/// SHA-256, since clients choose what goes in.
pub(super) type Key = [u8; 32];

/// A fetch whose values are looked up.
pub(crate) struct KeyedFetch<'f> {
    pub(crate) operation: &'f FetchOperation,
    pub(crate) variables: &'f Variables,
    pub(crate) inputs: &'f Inputs,
    pub(crate) symbols: &'f Symbols,
    pub(crate) types: &'f TypeNames,
    pub(crate) context: &'f RequestContext,
    /// Whether the subgraph learns who the caller is, other than from headers.
    pub(crate) sees_caller: bool,
}

impl KeyedFetch<'_> {
    /// The same for all fetches whose responses are public or not alike, and what its values' keys begin with. `schema`
    /// identifies the supergraph.
    pub(super) fn class(&self, schema: &Key) -> (Key, Sha256) {
        let mut hash = Sha256::new();
        hash.update(self.operation.digest.get_or_init(|| {
            let mut hash = Sha256::new();
            hash.update(schema);
            text(&mut hash, self.operation.subgraph.as_bytes());
            text(&mut hash, self.operation.text.as_bytes());
            hash.finalize().into()
        }));
        self.scope(&mut hash);
        (hash.clone().finalize().into(), hash)
    }

    /// The keys of its values: one for each representation of each variable, or a single one for root fields. Those of
    /// private values begin with their caller.
    pub(super) fn values(&self, mut hash: Sha256, caller: Option<&Key>) -> Vec<Vec<Key>> {
        if let Some(caller) = caller {
            text(&mut hash, b"caller");
            text(&mut hash, caller);
        }
        for name in &self.operation.variables {
            if let Some(value) = self.variables.get(name) {
                text(&mut hash, name.as_bytes());
                // Maps with string keys always serialize.
                let value = serde_json::to_vec(value).unwrap_or_default();
                text(&mut hash, &value);
            }
        }
        let mut json = Vec::new();
        for value in &self.inputs.context {
            self.json(value, &mut json);
            text(&mut hash, &json);
        }
        if self.operation.representations.is_empty() {
            return vec![vec![hash.finalize().into()]];
        }
        let mut values = Vec::with_capacity(self.inputs.representations.len());
        for (variable, list) in self.inputs.representations.iter().enumerate() {
            let mut of_variable = hash.clone();
            of_variable.update(variable.to_be_bytes());
            let keys = list.iter().map(|representation| -> Key {
                self.json(representation, &mut json);
                let mut hash = of_variable.clone();
                hash.update(&json);
                hash.finalize().into()
            });
            values.push(keys.collect());
        }
        values
    }

    /// Identifies the caller where nobody else may get their values; `None` for a caller who is not known. Equal callers
    /// are those who may share whole responses.
    pub(super) fn caller(&self) -> Option<Key> {
        let RequestContext {
            caller, headers, ..
        } = self.context;
        caller.subject.as_ref()?;
        let mut hash = Sha256::new();
        let identity = serde_json::to_vec(&caller.identity()).ok()?;
        text(&mut hash, &identity);
        for credentials in headers.get_all(AUTHORIZATION) {
            text(&mut hash, credentials.as_bytes());
        }
        Some(hash.finalize().into())
    }

    fn json(&self, value: &Value, out: &mut Vec<u8>) {
        out.clear();
        write_json(value, self.symbols, self.types, out);
    }

    /// Of the caller, a public response may depend on anything but the person: whether they are signed in, what they are
    /// allowed to do, what application they use, and their language, country and currency.
    fn scope(&self, hash: &mut Sha256) {
        let RequestContext {
            caller, headers, ..
        } = self.context;
        for (name, value) in headers {
            let is_private = name == AUTHORIZATION || name == CALLER_HEADER || name == REQUEST_ID;
            if !is_private && !TRACING.contains(&name.as_str()) {
                text(hash, name.as_str().as_bytes());
                text(hash, value.as_bytes());
            }
        }
        let has_credentials = headers.contains_key(AUTHORIZATION);
        let class = self.sees_caller.then(|| {
            (
                caller.is_authenticated(),
                &caller.scopes,
                &caller.policies,
                &caller.client,
                &caller.locale,
            )
        });
        let scope = serde_json::to_vec(&(has_credentials, class)).unwrap_or_default();
        text(hash, &scope);
    }
}

/// Hashes a text with its length, so that no two sequences of texts are alike.
pub(super) fn text(hash: &mut Sha256, text: &[u8]) {
    hash.update(text.len().to_be_bytes());
    hash.update(text);
}
