//! Values that must not be logged: secrets, and URLs that may contain a password.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::Url;

/// Shown instead of a secret.
const HIDDEN: &str = "…";

/// The type name under which a `Secret` is deserialized, so that the reader can recognize secrets.
pub(super) const NAME: &str = "Secret";

/// Minimum length in bytes. Anything shorter is rejected everywhere.
pub(super) const SHORTEST: usize = 8;

/// Minimum length in bytes in production.
pub(super) const SHORTEST_IN_PRODUCTION: usize = 16;

/// A password, key or token, wiped from memory when dropped. A configured secret is never empty and never so short that
/// it could be guessed. `Debug` and `Serialize` hide it; only [`Secret::expose`] reveals it.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(secret: impl Into<String>) -> Self {
        Self(SecretString::from(secret.into()))
    }

    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({HIDDEN})")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// Checks that a text works as a secret of at least this many bytes. The error does not show the text.
pub(super) fn check(text: &str, shortest: usize) -> Result<(), String> {
    let bytes = text.trim().len();
    let problem = match bytes {
        0 => "is empty",
        bytes if bytes < shortest => &format!("is shorter than {shortest} bytes"),
        _ => return Ok(()),
    };
    Err(format!(
        "{problem}: copy the whole secret, make one with `openssl rand -hex 32`, or remove the key"
    ))
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret in quotes")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Secret, D::Error> {
                let text = text(deserializer, "a secret in quotes")?;
                check(&text, SHORTEST).map_err(de::Error::custom)?;
                Ok(Secret::new(text))
            }
        }
        deserializer.deserialize_newtype_struct(NAME, Visitor)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "password"})
    }
}

/// The address of something this process calls: a database, a cache, a subgraph, a provider. Used for every URL in the
/// configuration, since a URL may contain credentials; those are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionUrl(Url);

impl From<Url> for ConnectionUrl {
    fn from(url: Url) -> Self {
        Self(url)
    }
}

impl ConnectionUrl {
    /// The whole URL, credentials included, for an HTTP client.
    pub fn expose_url(&self) -> &Url {
        &self.0
    }

    /// The whole URL, password included, for a driver.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// The scheme: `postgres`, `redis`, …
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }
}

impl std::str::FromStr for ConnectionUrl {
    type Err = ConnectionUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Url::parse(text).map(Self).map_err(ConnectionUrlError)
    }
}

/// Why a text is not a URL. Does not quote the text, which may contain a password.
#[derive(Debug, thiserror::Error)]
#[error("not a URL ({0}): write it like scheme://user:password@host:port/name")]
pub struct ConnectionUrlError(url::ParseError);

impl fmt::Display for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        // The setters fail only for URLs that cannot have these parts. A user name without a password may be a token,
        // and parameters and fragments may be anything.
        if shown.password().is_some() {
            let _ = shown.set_password(Some(HIDDEN));
        } else if !shown.username().is_empty() {
            let _ = shown.set_username(HIDDEN);
        }
        if shown.query().is_some() {
            shown.set_query(Some(HIDDEN));
        }
        if shown.fragment().is_some() {
            shown.set_fragment(Some(HIDDEN));
        }
        // The ellipsis was percent-encoded.
        f.write_str(&shown.as_str().replace("%E2%80%A6", HIDDEN))
    }
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionUrl({self})")
    }
}

impl Serialize for ConnectionUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ConnectionUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a URL")?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for ConnectionUrl {
    fn schema_name() -> Cow<'static, str> {
        "ConnectionUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "uri"})
    }
}

/// Reads text. The error for any other type does not quote the value: it may be a secret without its quotes.
fn text<'de, D: Deserializer<'de>>(
    deserializer: D,
    expected: &'static str,
) -> Result<String, D::Error> {
    struct Visitor(&'static str);
    impl Visitor {
        fn refuse<E: de::Error>(&self) -> E {
            E::custom(format_args!("expected {} (not shown)", self.0))
        }
    }
    impl de::Visitor<'_> for Visitor {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_bool<E: de::Error>(self, _: bool) -> Result<String, E> {
            Err(self.refuse())
        }

        fn visit_u64<E: de::Error>(self, _: u64) -> Result<String, E> {
            Err(self.refuse())
        }

        fn visit_i64<E: de::Error>(self, _: i64) -> Result<String, E> {
            Err(self.refuse())
        }

        fn visit_f64<E: de::Error>(self, _: f64) -> Result<String, E> {
            Err(self.refuse())
        }
    }
    // Not `deserialize_str`: the visitor should produce the error message, not the format.
    deserializer.deserialize_any(Visitor(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"…\"");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_secret_that_is_empty_or_short_is_refused_without_showing_it() {
        for (text, problem) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("hunter2", "is shorter than 8 bytes"),
            ("  hunter2  ", "is shorter than 8 bytes"),
        ] {
            let json = serde_json::to_string(text).unwrap();
            let error = serde_json::from_str::<Secret>(&json)
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(problem), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(serde_json::from_str::<Secret>("\"hunter23\"").is_ok());
    }

    #[test]
    fn a_secret_without_quotes_is_refused_without_showing_it() {
        let error = serde_json::from_str::<Secret>("4711")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("expected a secret in quotes (not shown)"),
            "{error}"
        );
    }

    #[test]
    fn a_connection_is_shown_without_what_could_be_a_password() {
        let check = |url: &str, shown: &str| {
            let parsed: ConnectionUrl = url.parse().unwrap();
            assert_eq!(parsed.to_string(), shown);
            assert_eq!(format!("{parsed:?}"), format!("ConnectionUrl({shown})"));
            assert_eq!(parsed.expose(), url);
        };
        check(
            "postgres://vantage:hunter2@db:5432/vantage",
            "postgres://vantage:…@db:5432/vantage",
        );
        check("redis://localhost:6379", "redis://localhost:6379");
        check(
            "https://token@example.com/keys?key=hunter2#hunter2",
            "https://…@example.com/keys?…#…",
        );
        check(
            "postgres:///vantage?host=/run/postgresql&password=hunter2",
            "postgres:///vantage?…",
        );
    }

    #[test]
    fn a_connection_that_is_no_url_is_refused_without_showing_it() {
        let error = "vantage:hunter2@".parse::<ConnectionUrl>();
        assert!(error.is_ok(), "an unusual scheme is still a URL");
        let error = "hunter2".parse::<ConnectionUrl>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "not a URL (relative URL without a base): write it like scheme://user:password@host:port/name"
        );
    }
}
