//! The format of the clients file, which lists the registered applications.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use platform::webhooks::Subscription;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

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
    /// Whether its operations are tools for agents; `None`: no.
    #[serde(default, deserialize_with = "tools")]
    pub(super) tools: Option<ToolsConfig>,
}

/// Which operations are tools. Its queries are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ToolsConfig {
    /// The names of the mutations that are, too.
    pub(super) mutations: BTreeSet<String>,
}

/// `true`, `false` or an object.
fn tools<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ToolsConfig>, D::Error> {
    struct Tools;

    impl<'de> Visitor<'de> for Tools {
        type Value = Option<ToolsConfig>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("true, false, or an object with `mutations`")
        }

        fn visit_bool<E>(self, offered: bool) -> Result<Self::Value, E> {
            Ok(offered.then(ToolsConfig::default))
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            ToolsConfig::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }

    deserializer.deserialize_any(Tools)
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
