//! Callers who have changed something lately. The event of their change may not have arrived, so they read past the
//! cache for a while, and see what they have done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::header::AUTHORIZATION;
use foldhash::fast::RandomState;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use super::key::Key;
use crate::request::RequestContext;

/// Events mostly arrive within milliseconds.
const AFTER_MUTATION: Duration = Duration::from_secs(2);

const MAX_CALLERS: u64 = 65_536;

#[derive(Debug)]
pub(super) struct Writers {
    callers: Cache<Key, (), RandomState>,
    created: Instant,
    /// When somebody has changed something last, in milliseconds after `created`: mostly nobody has.
    last: AtomicU64,
}

impl Writers {
    pub(super) fn new() -> Self {
        Self {
            callers: Cache::builder()
                .max_capacity(MAX_CALLERS)
                .time_to_live(AFTER_MUTATION)
                .build_with_hasher(RandomState::default()),
            created: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    /// The caller has changed something.
    pub(super) fn add(&self, context: &RequestContext) {
        if let Some(key) = key(context) {
            self.callers.insert(key, ());
            self.last.fetch_max(1 + self.now(), Ordering::Release);
        }
    }

    /// Whether the caller has changed something lately.
    pub(super) fn contain(&self, context: &RequestContext) -> bool {
        let last = self.last.load(Ordering::Acquire);
        let recent = u64::try_from(AFTER_MUTATION.as_millis()).unwrap_or(u64::MAX);
        last > 0
            && self.now() <= last.saturating_add(recent)
            && key(context).is_some_and(|key| self.callers.contains_key(&key))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.created.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Who it is, on whatever device; `None` for a visitor.
fn key(context: &RequestContext) -> Option<Key> {
    let credentials = context.headers.get(AUTHORIZATION);
    let credentials = credentials.map(|credentials| credentials.as_bytes());
    let subject = context.caller.subject.as_deref().map(str::as_bytes);
    Some(Sha256::digest(subject.or(credentials)?).into())
}
