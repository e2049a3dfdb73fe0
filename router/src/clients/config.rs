//! The clients' file: which applications there are, as its operator writes it.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::hash::Sha256Hash;
use crate::server::RateConfig;

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientsDocument {
    #[serde(default)]
    pub(super) clients: Vec<ClientConfig>,
}

/// One application.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientConfig {
    /// What it calls itself, in `graphql-client-name` or `apollographql-client-name`.
    pub(super) name: String,
    #[serde(default)]
    pub(super) mode: ClientMode,
    /// Files of the operations that it was built with; relative ones are beside the clients' file.
    #[serde(default)]
    pub(super) manifests: Vec<PathBuf>,
    /// Keys that prove, in `X-API-Key`, that a request is its own.
    #[serde(default)]
    pub(super) keys: Vec<KeyConfig>,
    /// Values of a token's `client_id` or `azp` that prove it, too.
    #[serde(default)]
    pub(super) token_clients: BTreeSet<String>,
    #[serde(default)]
    pub(super) rate: Option<RateConfig>,
    #[serde(default)]
    pub(super) cost_limit: Option<NonZeroUsize>,
    #[serde(default)]
    pub(super) introspection: Option<bool>,
    #[serde(default)]
    pub(super) scopes: Option<BTreeSet<String>>,
    /// Web pages that may call as this client.
    #[serde(default)]
    pub(super) origins: Vec<String>,
}

/// Which documents a client may send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientMode {
    /// Any, and it may register them by their hash.
    #[default]
    Allow,
    /// Any, but those that it has not registered are logged and counted.
    LogUnknown,
    /// Those that it has registered, and only when it has proved who it is.
    Require,
}

impl ClientMode {
    /// As the file has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::LogUnknown => "log-unknown",
            Self::Require => "require",
        }
    }
}

/// A key, of which only the hash is kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyConfig {
    pub(super) id: String,
    pub(super) sha256: Sha256Hash,
}
