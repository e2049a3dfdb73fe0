//! Whether a response is public, where that is only known once it is resolved: fields whose `cache_control` says that
//! they are public may have values that depend on who asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_graphql::Context;

/// The scope of a request's response; in the request's data.
#[derive(Clone, Debug, Default)]
pub(crate) struct CacheScope(Arc<AtomicBool>);

impl CacheScope {
    pub(crate) fn is_private(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Makes the response private: a value of it depends on the caller and not only on the request.
pub fn make_private(context: &Context<'_>) {
    if let Some(CacheScope(is_private)) = context.data_opt() {
        is_private.store(true, Ordering::Relaxed);
    }
}
