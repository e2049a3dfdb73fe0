//! The format of the clients file, which lists the registered applications.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use platform::webhooks::Subscription;
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
    /// The name it sends in `graphql-client-name` or `apollographql-client-name`.
    pub(super) name: String,
    #[serde(default)]
    pub(super) mode: ClientMode,
    /// Files of the operations it was built with; relative paths start at the clients file.
    #[serde(default)]
    pub(super) manifests: Vec<PathBuf>,
    /// API keys that authenticate it in `X-API-Key`.
    #[serde(default)]
    pub(super) keys: Vec<KeyConfig>,
    /// Values of a token's `client_id` or `azp` that also authenticate it.
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
    /// Origins of web pages that may call as this client.
    #[serde(default)]
    pub(super) origins: Vec<String>,
    /// Where it is notified of events.
    #[serde(default)]
    pub(super) webhooks: Vec<Subscription>,
}

/// Which documents a client may send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientMode {
    /// Any document, and it may register documents by their hash.
    #[default]
    Allow,
    /// Any document, but unregistered ones are logged and counted.
    LogUnknown,
    /// Registered documents only, and only when authenticated.
    Require,
}

impl ClientMode {
    /// As written in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::LogUnknown => "log-unknown",
            Self::Require => "require",
        }
    }
}

/// An API key, stored as a hash.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyConfig {
    pub(super) id: String,
    pub(super) sha256: Sha256Hash,
}
