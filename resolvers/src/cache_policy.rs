//! What of a response's cache policy is only known once it is resolved: fields whose `cache_control` says that they are
//! public, and for how long, may have values that depend on who asks, or change sooner.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use async_graphql::{CacheControl, Context};
use chrono::TimeDelta;

/// The limits of a request's response; in the request's data.
#[derive(Clone, Debug, Default)]
pub(crate) struct CacheLimits(Arc<Limits>);

#[derive(Debug)]
struct Limits {
    is_private: AtomicBool,
    /// In seconds.
    max_age: AtomicI32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            is_private: AtomicBool::new(false),
            max_age: AtomicI32::new(i32::MAX),
        }
    }
}

impl CacheLimits {
    /// The policy within these limits.
    pub(crate) fn apply(&self, policy: &mut CacheControl) {
        let Self(limits) = self;
        policy.public &= !limits.is_private.load(Ordering::Relaxed);
        // -1 is `no-cache`, and 0 says nothing.
        match limits.max_age.load(Ordering::Relaxed) {
            0 => policy.max_age = -1,
            max_age => policy.max_age = policy.max_age.min(max_age),
        }
    }
}

/// Makes the response private: a value of it depends on the caller and not only on the request.
pub fn make_private(context: &Context<'_>) {
    if let Some(CacheLimits(limits)) = context.data_opt() {
        limits.is_private.store(true, Ordering::Relaxed);
    }
}

/// Lets the response be stored for this time at most, in whole seconds: a value of it changes then by itself.
pub fn limit_age(context: &Context<'_>, left: TimeDelta) {
    if let Some(CacheLimits(limits)) = context.data_opt() {
        let seconds = i32::try_from(left.num_seconds().max(0)).unwrap_or(i32::MAX);
        limits.max_age.fetch_min(seconds, Ordering::Relaxed);
    }
}
