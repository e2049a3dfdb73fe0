//! Whom a subgraph process answers besides its router.

use platform::config::{Invalid, Secret};
use router::auth::AuthConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whom `vantage subgraph` answers besides those whom the router's signature vouches for: what other routers need.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SubgraphProcess {
    /// Whether it verifies end users' bearer tokens by `auth` itself, for a router that forwards `authorization`.
    pub(crate) verify_tokens: bool,
    /// Whether it answers requests without credentials, as those of visitors who have not signed in. Needs `verify_tokens`.
    pub(crate) serve_anonymous: bool,
    /// A bearer token for tools, good for `_service { sdl }` and nothing else, at least 32 bytes (`openssl rand -hex 32`).
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
                "needs subgraph.verify_tokens: without it everybody would be a visitor",
            ));
        }
        Ok(())
    }
}
