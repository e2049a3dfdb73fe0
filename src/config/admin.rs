//! Where operators look at a process.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where operators look at a process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Admin {
    /// Address and port for operators alone: `/metrics`, `/readyz` with its details, `/healthz`. With it, and in
    /// production also without it, the public address has no `/metrics`, and its `/readyz` says no more than
    /// whether.
    #[serde(deserialize_with = "super::listen::deserialize_option")]
    pub(crate) listen: Option<SocketAddr>,
}
