//! The cache of prepared operations, by document and operation name.

use std::sync::Arc;

use foldhash::fast::RandomState;
use moka::sync::Cache;

use super::PreparedOperation;
use crate::response::GraphQLResponse;

/// A document counts as one more entry for each of these bytes, or of these fields after spreading its fragments. Each byte
/// costs up to 75 bytes of memory and each field 800, so a limit on the number of documents would not bound memory.
const BYTES: usize = 1024;
const FIELDS: usize = 64;

/// A bounded cache, keyed by the text itself: two documents are the same only if all of their bytes are.
#[derive(Clone, Debug)]
pub(crate) struct OperationCache {
    operations: Cache<String, Arc<PreparedOperation>, RandomState>,
}

impl OperationCache {
    /// The capacity in documents of less than a kibibyte and 64 fields.
    pub(crate) fn new(capacity: u64) -> Self {
        let operations = Cache::builder()
            .max_capacity(capacity)
            .weigher(|_: &String, operation: &Arc<PreparedOperation>| weight(operation))
            .build_with_hasher(RandomState::default());
        Self { operations }
    }

    pub(crate) fn get(&self, text: &str, name: Option<&str>) -> Option<Arc<PreparedOperation>> {
        let known = match name {
            None => self.operations.get(text),
            Some(name) => self.operations.get(&key(text, name)?),
        };
        known.inspect(|operation| operation.used())
    }

    /// All operations with the names they are requested by, the most used first.
    pub(crate) fn by_use(&self) -> Vec<(Option<String>, Arc<PreparedOperation>)> {
        let named = |(key, operation): (Arc<String>, Arc<PreparedOperation>)| {
            let name = key.len() > operation.text().len();
            let name = name.then(|| key.split_once('\0')).flatten();
            (name.map(|(name, _)| name.to_owned()), operation)
        };
        let mut known: Vec<_> = self.operations.iter().map(named).collect();
        known.sort_by_key(|(_, operation)| std::cmp::Reverse(operation.uses()));
        known
    }

    /// The operation, prepared now if it is unknown. Concurrent requests for the same one wait and share the result.
    pub(crate) fn get_or_prepare(
        &self,
        text: &str,
        name: Option<&str>,
        prepare: impl FnOnce() -> Result<PreparedOperation, GraphQLResponse>,
    ) -> Result<Arc<PreparedOperation>, GraphQLResponse> {
        let key = match name {
            None => Some(text.to_owned()),
            Some(name) => key(text, name),
        };
        let Some(key) = key else {
            return prepare().map(Arc::new);
        };
        let prepared = self
            .operations
            .try_get_with(key, || prepare().map(Arc::new));
        prepared.map_err(|refused| Arc::try_unwrap(refused).unwrap_or_else(|all| (*all).clone()))
    }
}

fn weight(operation: &PreparedOperation) -> u32 {
    let more = operation.text().len() / BYTES + operation.fields() / FIELDS;
    u32::try_from(more).map_or(u32::MAX, |more| more.saturating_add(1))
}

/// No document begins with a name and NUL, so keys never collide: only comments and strings may contain NUL. `None` for
/// a name that no operation can have.
fn key(text: &str, name: &str) -> Option<String> {
    if !is_name(name) {
        return None;
    }
    let mut key = String::with_capacity(name.len() + 1 + text.len());
    key.push_str(name);
    key.push('\0');
    key.push_str(text);
    Some(key)
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::{OperationLimits, PrepareOptions};
    use crate::supergraph::{Supergraph, compose};

    fn options() -> PrepareOptions {
        PrepareOptions {
            limits: OperationLimits::default(),
            keep_plan: false,
            override_labels: Arc::default(),
            suggestions: false,
        }
    }

    fn supergraph() -> Arc<Supergraph> {
        let sdl = compose(&[("a", "type Query { n: Int q: Query! }", "http://a")]);
        let sdl = sdl.expect("a supergraph");
        Arc::new(Supergraph::new(sdl).expect("a supergraph"))
    }

    #[test]
    fn who_asks_for_the_same_at_the_same_time_gets_the_very_same() {
        let (cache, supergraph) = (OperationCache::new(8), supergraph());
        let all_are_here = std::sync::Barrier::new(4);
        let prepared = std::thread::scope(|threads| {
            let asking = [(); 4].map(|()| {
                threads.spawn(|| {
                    all_are_here.wait();
                    let prepare = || PreparedOperation::new("{ n }", None, &supergraph, &options());
                    cache.get_or_prepare("{ n }", None, prepare)
                })
            });
            asking.map(|thread| thread.join().expect("no panic").expect("prepared"))
        });
        assert!(prepared.iter().all(|one| Arc::ptr_eq(one, &prepared[0])));
        let unknown = || PreparedOperation::new("{ no }", None, &supergraph, &options());
        assert!(cache.get_or_prepare("{ no }", None, unknown).is_err());
        assert!(cache.get("{ no }", None).is_none());
    }

    #[test]
    fn a_document_that_contains_nul_is_no_other_ones_key() {
        let (cache, supergraph) = (OperationCache::new(8), supergraph());
        let text = "query A { n } #A\0query A { n }";
        let prepare = || PreparedOperation::new(text, None, &supergraph, &options());
        cache.get_or_prepare(text, None, prepare).expect("prepared");
        for (other, name) in [
            ("query A { n }", "query A { n } #A"),
            ("query A { n } #A", "query A { n }"),
            ("query A { n }", "A"),
        ] {
            assert!(cache.get(other, Some(name)).is_none(), "{name}");
        }
        let named = || PreparedOperation::new(text, Some("A"), &supergraph, &options());
        cache
            .get_or_prepare(text, Some("A"), named)
            .expect("prepared");
        cache.operations.run_pending_tasks();
        let mut names: Vec<_> = cache.by_use().into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, [None, Some("A".to_owned())]);
    }

    #[test]
    fn large_documents_take_the_room_of_many() {
        let (supergraph, options) = (supergraph(), options());
        let kept = |documents: Vec<String>| {
            let cache = OperationCache::new(8);
            for text in &documents {
                let prepare = || PreparedOperation::new(text, None, &supergraph, &options);
                cache.get_or_prepare(text, None, prepare).expect("prepared");
                cache.operations.run_pending_tasks();
            }
            let found = documents
                .iter()
                .filter(|text| cache.get(text, None).is_some());
            found.count()
        };
        let documents = |bytes: usize| {
            let end = " ".repeat(bytes);
            (0..8).map(|n| format!("{{ n }} #{n}{end}")).collect()
        };
        assert_eq!(kept(documents(10)), 8);
        assert_eq!(kept(documents(3 * 1024)), 2);
        assert_eq!(kept(documents(8 * 1024)), 0);
        // A few bytes that expand to 2 to the power of 8 fields.
        let doubling: String = (0..7)
            .map(|n| {
                format!(
                    "fragment F{n} on Query {{ q {{ ...F{0} }} x: q {{ ...F{0} }} }} ",
                    n + 1
                )
            })
            .collect();
        let doubling =
            |n: usize| format!("{{ ...F0 }} {doubling} fragment F7 on Query {{ n }} #{n}");
        assert_eq!(kept((0..8).map(doubling).collect()), 1);
    }
}
