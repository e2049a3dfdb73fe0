//! The other router as its own crate starts it; nothing here but its entry point.
// ntex writes middleware as nested types, deeper than the compiler's default.
#![recursion_limit = "512"]

use hive_router::{
    PluginRegistry, RouterGlobalAllocator, configure_global_allocator, error::RouterInitError,
    init_rustls_crypto_provider, ntex, router_entrypoint,
};

configure_global_allocator!();

#[hive_router::main]
async fn main() -> Result<(), RouterInitError> {
    init_rustls_crypto_provider();
    router_entrypoint(PluginRegistry::new()).await
}
