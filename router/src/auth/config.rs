//! Which tokens are accepted: the `auth` section of the configuration.

use std::path::PathBuf;

use platform::config::{ConnectionUrl, Duration, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The shortest development secret: as long as the hash it keys (RFC 7518, 3.2).
pub(super) const MIN_SECRET_BYTES: usize = 32;

/// Where the keys come from and what a token must say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// The `iss` a token must have. Unset: any.
    pub issuer: Option<String>,
    /// One of these must be in a token's `aud`. Empty: any.
    pub audiences: Vec<String>,
    /// The claim that lists the policies a caller fulfils, which `@policy` asks for: a list of names, or one spaced string.
    pub policies_claim: String,
    /// How far clocks may differ when `exp` and `nbf` are checked.
    pub leeway: Duration,
    /// Longer tokens are refused unread, in bytes.
    pub max_token_bytes: usize,
    /// Keys fetched from the identity provider.
    pub jwks: Option<JwksConfig>,
    /// Public keys (RSA for RS256, P-256 for ES256) that are known beforehand.
    pub public_keys: Vec<PublicKeyConfig>,
    /// Leaves tokens to the subgraphs: they are not checked here, and callers stay anonymous. The
    /// server must be told to forward the `authorization` header.
    pub pass_through: bool,
    /// Signs and verifies development tokens (HS256). Refused unless the server is in development mode.
    pub development_secret: Option<Secret>,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            issuer: None,
            audiences: Vec::new(),
            policies_claim: "policies".to_owned(),
            leeway: Duration::from_secs(5),
            max_token_bytes: 8 * 1024,
            jwks: None,
            public_keys: Vec::new(),
            pass_through: false,
            development_secret: None,
        }
    }
}

/// A JSON Web Key Set behind a URL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwksConfig {
    pub url: ConnectionUrl,
    /// How often the set is fetched again.
    #[serde(default = "JwksConfig::default_refresh")]
    pub refresh: Duration,
    /// The least time between two fetches that tokens with unknown keys can cause.
    #[serde(default = "JwksConfig::default_min_interval")]
    pub min_interval: Duration,
    /// How long one fetch may take.
    #[serde(default = "JwksConfig::default_timeout")]
    pub timeout: Duration,
}

impl JwksConfig {
    /// The set at this URL, with the default intervals.
    pub fn at(url: impl Into<ConnectionUrl>) -> Self {
        Self {
            url: url.into(),
            refresh: Self::default_refresh(),
            min_interval: Self::default_min_interval(),
            timeout: Self::default_timeout(),
        }
    }

    fn default_refresh() -> Duration {
        Duration::from_secs(10 * 60)
    }

    fn default_min_interval() -> Duration {
        Duration::from_secs(30)
    }

    fn default_timeout() -> Duration {
        Duration::from_secs(5)
    }
}

/// A public key in PEM form, written out or in a file: one of the two.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PublicKeyConfig {
    /// The `kid` of tokens signed with it. Unset: tried for every token.
    pub kid: Option<String>,
    pub pem: Option<String>,
    pub file: Option<PathBuf>,
}

/// Why tokens cannot be verified with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum AuthConfigError {
    #[error(
        "auth.development_secret is set, but the server is not in development mode: remove it, or use auth.jwks or auth.public_keys"
    )]
    DevelopmentSecret,
    #[error(
        "auth.development_secret must have at least {MIN_SECRET_BYTES} bytes: make one with `openssl rand -hex 32`"
    )]
    ShortSecret,
    #[error("auth.pass_through leaves tokens unchecked: remove it, or the keys")]
    PassThroughWithKeys,
    #[error("auth.jwks.url `{url}` is not an http or https URL")]
    JwksUrl { url: ConnectionUrl },
    #[error("auth.jwks: no HTTP client for it")]
    Client(#[source] reqwest::Error),
    #[error("auth.public_keys[{index}] needs either `pem` or `file`")]
    KeySource { index: usize },
    #[error("auth.public_keys[{index}]: {path} cannot be read")]
    KeyFile {
        index: usize,
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("auth.public_keys[{index}] is not a PEM public key of RSA or of curve P-256")]
    KeyFormat { index: usize },
}
