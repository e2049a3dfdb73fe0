//! The `mcp` section.

use std::num::NonZeroUsize;

use platform::config::{Duration, Invalid};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// Arguments are short.
const MAX_BODY_BYTES: NonZeroUsize = NonZeroUsize::new(64 * 1024).expect("not zero");

/// More tools than a model can choose from.
const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(50).expect("not zero");

/// The Model Context Protocol, by which agents use clients' registered operations as tools (`tools` in the clients file).
/// Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Mcp {
    /// Whether the endpoint exists.
    pub(crate) enabled: bool,
    pub(crate) path: String,
    /// The client of requests that are no other registered client's: everybody has its tools, signed in or not. Unset: such
    /// requests are rejected with 401.
    pub(crate) client: Option<String>,
    /// Issuers of tokens for agents, published as OAuth protected resource metadata. Empty: `auth.issuer`.
    pub(crate) authorization_servers: Vec<String>,
    /// Tools in one response to `tools/list`.
    pub(crate) page_size: NonZeroUsize,
    /// How long agents may use a list of tools before they ask again.
    pub(crate) list_ttl: Duration,
    /// Longer request bodies are rejected with 413.
    pub(crate) max_body_bytes: NonZeroUsize,
}

impl Default for Mcp {
    fn default() -> Self {
        Self {
            enabled: true,
            path: "/mcp".to_owned(),
            client: None,
            authorization_servers: Vec::new(),
            page_size: PAGE_SIZE,
            list_ttl: Duration::from_secs(60),
            max_body_bytes: MAX_BODY_BYTES,
        }
    }
}

impl Mcp {
    /// Checks the path against the GraphQL endpoint's, and the issuers.
    pub(super) fn check(&self, graphql: &str) -> Result<(), Invalid> {
        let problem = if !self.path.starts_with('/')
            || self.path == "/"
            || self.path.ends_with('/')
            || self.path.contains(['{', '}', '*'])
        {
            "is not a path such as /mcp"
        } else if self.path == graphql {
            "is the path of GraphQL, too: choose another"
        } else if super::is_reserved_path(&self.path) {
            "is used for something else: choose another"
        } else {
            return self.check_issuers();
        };
        Err(Invalid::new("mcp.path", problem))
    }

    /// They stay strings, since issuers are compared character by character.
    fn check_issuers(&self) -> Result<(), Invalid> {
        let is_issuer = |text: &String| {
            let url = Url::parse(text);
            url.is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        };
        match self
            .authorization_servers
            .iter()
            .find(|text| !is_issuer(text))
        {
            Some(text) => Err(Invalid::new(
                "mcp.authorization_servers",
                format!("{text:?} is not a URL such as https://id.example.com"),
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_served_is_named() {
        let check = |json: &str, words: &str| {
            let config: Mcp = serde_json::from_str(json).unwrap();
            let error = config.check("/graphql").unwrap_err();
            let error = format!("{error:?}");
            assert!(error.contains(words), "{error}");
        };
        check(r#"{"path":"mcp"}"#, "mcp.path");
        check(r#"{"path":"/"}"#, "mcp.path");
        check(r#"{"path":"/a/"}"#, "mcp.path");
        check(r#"{"path":"/{a}"}"#, "mcp.path");
        check(r#"{"path":"/graphql"}"#, "choose another");
        check(
            r#"{"authorization_servers":["id.example.com"]}"#,
            "not a URL",
        );
        let fine = r#"{"path":"/a/b","authorization_servers":["https://id.example.com"]}"#;
        let config: Mcp = serde_json::from_str(fine).unwrap();
        config.check("/graphql").unwrap();
    }
}
