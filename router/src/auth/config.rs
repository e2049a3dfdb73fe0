//! The `auth` section of the configuration: which tokens are accepted.

use std::path::PathBuf;

use platform::config::{ConnectionUrl, Duration, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Shortest development secret: as long as the hash it keys (RFC 7518, 3.2).
pub(super) const MIN_SECRET_BYTES: usize = 32;

/// Where the keys come from, and what a token must contain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// The required `iss` of a token. Unset: any.
    pub issuer: Option<String>,
    /// A token's `aud` must include one of these. Empty: any.
    pub audiences: Vec<String>,
    /// The claim that lists the policies a caller satisfies, for `@policy`: a list of names, or one space-separated
    /// string.
    pub policies_claim: String,
    /// Allowed clock skew when `exp` and `nbf` are checked.
    pub leeway: Duration,
    /// In bytes. Longer tokens are rejected without parsing them.
    pub max_token_bytes: usize,
    /// Keys fetched from the identity provider.
    pub jwks: Option<JwksConfig>,
    /// Static public keys: RSA for RS256, P-256 for ES256.
    pub public_keys: Vec<PublicKeyConfig>,
    /// Leaves token verification to the subgraphs: nothing is checked here and callers stay anonymous. The server must
    /// be configured to forward the `authorization` header.
    pub pass_through: bool,
    /// Signs and verifies development tokens (HS256). Rejected unless the server is in development mode.
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
    /// How often the set is refreshed.
    #[serde(default = "JwksConfig::default_refresh")]
    pub refresh: Duration,
    /// Minimum interval between fetches caused by tokens with unknown keys.
    #[serde(default = "JwksConfig::default_min_interval")]
    pub min_interval: Duration,
    /// Time limit for one fetch.
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

/// A public key in PEM form: either inline or in a file.
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
    #[error("auth.jwks: the HTTP client could not be created")]
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
