//! Shared by all resolvers: scalars and money, batching, connections, the caller's identity and ownership checks,
//! errors, idempotency, and what is stored of customers. Contains no domain.

pub mod access;
pub mod batch;
mod budget;
pub mod cache_policy;
pub mod client;
pub mod connection;
pub mod cost;
pub mod decimal_input;
pub mod entities;
pub mod erasure;
pub mod error;
pub mod export;
pub mod id;
pub mod idempotency;
pub mod live;
pub mod metrics;
pub mod money;
pub mod money_format;
pub mod money_input;
mod normalize;
mod nul_characters;
pub mod scalars;
mod sdl;
pub mod subgraph;
pub mod subscription;
pub mod support;
#[cfg(feature = "testing")]
pub mod testing;
pub mod user_error;
mod user_error_code;

pub use error::{ApiError, ApiResult};
