//! The operators' endpoint.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The operators' endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Admin {
    /// Address and port for operators only: `/metrics`, `/readyz` with details, `/healthz`. If it is set, and always in
    /// production, the public address has no `/metrics`, and its `/readyz` gives no details.
    #[serde(deserialize_with = "super::listen::deserialize_option")]
    pub(crate) listen: Option<SocketAddr>,
}
