//! Layered configuration: how values are found, merged and explained. Each program defines its own values.

mod duration;
mod error;
mod layers;
mod node;
mod read;
mod secret;
mod suggest;

pub use duration::{Duration, DurationError};
pub use error::{ConfigError, Invalid};
pub use layers::Layers;
pub use node::Origin;
pub use secret::{ConnectionUrl, ConnectionUrlError, Secret};

#[cfg(test)]
mod tests;
