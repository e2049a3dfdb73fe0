//! Prepared operations by document and operation name.

use std::sync::Arc;

use moka::sync::Cache;

use super::PreparedOperation;

/// A bounded cache, keyed by the text itself: two documents are the same only if every byte is.
#[derive(Clone, Debug)]
pub(crate) struct OperationCache {
    operations: Cache<String, Arc<PreparedOperation>>,
}

impl OperationCache {
    pub(crate) fn new(capacity: u64) -> Self {
        Self {
            operations: Cache::new(capacity),
        }
    }

    pub(crate) fn get(&self, text: &str, name: Option<&str>) -> Option<Arc<PreparedOperation>> {
        let known = match name {
            None => self.operations.get(text),
            Some(name) => self.operations.get(&key(text, name)),
        };
        known.inspect(|operation| operation.used())
    }

    /// All of them, with the names they are asked for by; the most used ones first.
    pub(crate) fn by_use(&self) -> Vec<(Option<String>, Arc<PreparedOperation>)> {
        let named = |(key, operation): (Arc<String>, _)| {
            let name = key.split_once('\0').map(|(_, name)| name.to_owned());
            (name, operation)
        };
        let mut known: Vec<_> = self.operations.iter().map(named).collect();
        known.sort_by_key(|(_, operation)| std::cmp::Reverse(operation.uses()));
        known
    }

    pub(crate) fn insert(&self, text: &str, name: Option<&str>, operation: Arc<PreparedOperation>) {
        let key = name.map_or_else(|| text.to_owned(), |name| key(text, name));
        self.operations.insert(key, operation);
    }
}

/// No document contains NUL, so that no document is another one's key.
fn key(text: &str, name: &str) -> String {
    let mut key = String::with_capacity(text.len() + 1 + name.len());
    key.push_str(text);
    key.push('\0');
    key.push_str(name);
    key
}
