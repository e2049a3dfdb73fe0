//! Layered configuration: how values are found, merged and explained. What the values are, each program says.

mod duration;
mod secret;

pub use duration::{Duration, DurationError};
pub use secret::{ConnectionUrl, ConnectionUrlError, Secret};
