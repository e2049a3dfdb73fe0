//! Logs what third parties repeat in every response only once.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// The kinds that this process has already logged. Clones share them.
#[derive(Clone, Debug)]
pub struct LogOnce<K>(Arc<Mutex<HashSet<K>>>);

/// Third parties may invent codes, so the number of logged kinds is bounded.
const MOST_LOGGED: usize = 500;

impl<K> Default for LogOnce<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash> LogOnce<K> {
    /// Whether this kind has not been logged yet and should be now.
    pub fn is_new(&self, kind: K) -> bool {
        let mut logged = self.0.lock();
        logged.len() < MOST_LOGGED && logged.insert(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_logged_once_and_not_without_end() {
        let logged = LogOnce::default();
        assert!(logged.is_new(0));
        assert!(!logged.clone().is_new(0));
        let rest = (1..1_000).filter(|&kind| logged.is_new(kind)).count();
        assert_eq!(rest, MOST_LOGGED - 1);
    }
}
