//! The `subgraph` section: who else may call a subgraph process.

use platform::config::{Invalid, Secret};
use router::auth::AuthConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who may call `vantage subgraph` in addition to our own router: what other routers need.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SubgraphProcess {
    /// Whether it verifies end users' bearer tokens itself using `auth`, for a router that forwards `authorization`.
    pub(crate) verify_tokens: bool,
    /// Whether it accepts requests without credentials, as from visitors. Requires `verify_tokens`.
    pub(crate) serve_anonymous: bool,
    /// A bearer token for tools, valid only for `_service { sdl }`; at least 32 bytes (`openssl rand -hex 32`).
    pub(crate) schema_token: Option<Secret>,
}

impl SubgraphProcess {
    pub(super) fn check(&self, auth: &AuthConfig) -> Result<(), Invalid> {
        if self.verify_tokens && auth.pass_through {
            return Err(Invalid::new(
                "subgraph.verify_tokens",
                "contradicts auth.pass_through, which leaves tokens unchecked",
            ));
        }
        if self.serve_anonymous && !self.verify_tokens {
            return Err(Invalid::new(
                "subgraph.serve_anonymous",
                "requires subgraph.verify_tokens: without it everybody would be a visitor",
            ));
        }
        Ok(())
    }
}
