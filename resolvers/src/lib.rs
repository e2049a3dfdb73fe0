//! What every resolver shares: scalars and money, batching, connections, the caller's identity and
//! ownership checks, errors, idempotency. No domain in it.

pub mod access;
pub mod batch;
pub mod client;
pub mod connection;
pub mod error;
pub mod id;
pub mod idempotency;
mod inputs;
pub mod live;
pub mod money;
pub mod scalars;
mod sdl;
pub mod subgraph;
#[cfg(feature = "testing")]
pub mod testing;
pub mod user_error;

pub use error::{ApiError, ApiResult};
