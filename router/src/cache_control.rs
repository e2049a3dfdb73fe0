//! Derives the response's `Cache-Control` from the subgraphs' responses: the strictest of them applies.

use std::time::Duration;

use axum::http::{HeaderMap, header};

/// The `Cache-Control` of a cacheable response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// In seconds, at least 1.
    pub max_age: u32,
    /// Whether shared caches may store it, not just the client's own.
    pub public: bool,
}

impl CachePolicy {
    /// The policy in a subgraph's response headers; `None` if the response may not be cached or has no policy.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        // By convention, GraphQL subgraph responses are public unless marked private.
        let mut policy = Self {
            max_age: 0,
            public: true,
        };
        for value in headers.get_all(header::CACHE_CONTROL) {
            for directive in value.to_str().ok()?.split(',') {
                let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
                match name.trim().to_ascii_lowercase().as_str() {
                    "no-store" | "no-cache" => return None,
                    "private" => policy.public = false,
                    "max-age" => policy.max_age = value.trim().trim_matches('"').parse().ok()?,
                    _ => {}
                }
            }
        }
        // How long it has been in caches on the way.
        let age = headers.get(header::AGE).and_then(|age| age.to_str().ok());
        let age: u32 = age.and_then(|age| age.trim().parse().ok()).unwrap_or(0);
        policy.max_age = policy.max_age.saturating_sub(age);
        (policy.max_age > 0).then_some(policy)
    }

    /// The policy of a response that combines both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            max_age: self.max_age.min(other.max_age),
            public: self.public && other.public,
        }
    }

    /// The header's value.
    pub(crate) fn to_value(self) -> String {
        let scope = if self.public { "public" } else { "private" };
        format!("max-age={}, {scope}", self.max_age)
    }
}

/// How long a subgraph allows to use its response after its time, while it is fetched anew (RFC 5861).
pub(crate) fn stale_while_revalidate(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(header::CACHE_CONTROL).iter();
    let directives = values.filter_map(|value| value.to_str().ok());
    let mut directives = directives.flat_map(|value| value.split(','));
    directives.find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        let is_it = name.trim().eq_ignore_ascii_case("stale-while-revalidate");
        let seconds = is_it.then(|| value.trim().trim_matches('"').parse().ok());
        let seconds: u32 = seconds.flatten()?;
        Some(Duration::from_secs(seconds.into()))
    })
}

/// The policy of a response while its parts arrive.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Composed {
    /// No part has arrived yet.
    #[default]
    Nothing,
    Policy(CachePolicy),
    /// Some part may not be cached.
    Refused,
}

impl Composed {
    pub(crate) fn add(&mut self, part: Option<CachePolicy>) {
        *self = match (*self, part) {
            (Self::Refused, _) | (_, None) => Self::Refused,
            (Self::Nothing, Some(part)) => Self::Policy(part),
            (Self::Policy(whole), Some(part)) => Self::Policy(whole.and(part)),
        };
    }

    pub(crate) fn policy(self) -> Option<CachePolicy> {
        match self {
            Self::Policy(policy) => Some(policy),
            Self::Nothing | Self::Refused => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(value: &'static str) -> Option<String> {
        let headers =
            HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static(value))]);
        CachePolicy::of(&headers).map(CachePolicy::to_value)
    }

    #[test]
    fn what_subgraphs_say_is_read() {
        let check = |value: &'static str, expect: Option<&str>| {
            assert_eq!(of(value).as_deref(), expect, "{value}");
        };
        check("max-age=60, public", Some("max-age=60, public"));
        check("Max-Age=60", Some("max-age=60, public"));
        check("private, max-age=60", Some("max-age=60, private"));
        check("public, private, max-age=60", Some("max-age=60, private"));
        check("max-age=60, no-store", None);
        check("no-cache", None);
        check("max-age=0", None);
        check("public", None);
        check("max-age=soon", None);
        check("", None);
    }

    #[test]
    fn the_time_in_other_caches_counts() {
        let of = |age: &'static str| {
            let headers = HeaderMap::from_iter([
                (
                    header::CACHE_CONTROL,
                    HeaderValue::from_static("max-age=60"),
                ),
                (header::AGE, HeaderValue::from_static(age)),
            ]);
            CachePolicy::of(&headers).map(|policy| policy.max_age)
        };
        assert_eq!(of("20"), Some(40));
        assert_eq!(of("60"), None);
        assert_eq!(of("soon"), Some(60));
    }

    #[test]
    fn a_subgraph_says_how_long_its_response_may_be_stale() {
        let of = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            let headers = HeaderMap::from_iter([(header::CACHE_CONTROL, value)]);
            stale_while_revalidate(&headers).map(|stale| stale.as_secs())
        };
        assert_eq!(of("max-age=60, stale-while-revalidate=30"), Some(30));
        assert_eq!(of("Stale-While-Revalidate = \"5\""), Some(5));
        assert_eq!(of("max-age=60"), None);
        assert_eq!(of("stale-while-revalidate=soon"), None);
        assert_eq!(of("stale-while-revalidate=18446744073709551615"), None);
    }

    #[test]
    fn the_strictest_part_decides() {
        let check = |parts: &[&'static str], expect: Option<&str>| {
            let mut composed = Composed::default();
            for part in parts {
                let headers =
                    HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static(part))]);
                composed.add(CachePolicy::of(&headers));
            }
            let value = composed.policy().map(CachePolicy::to_value);
            assert_eq!(value.as_deref(), expect, "{parts:?}");
        };
        check(&[], None);
        check(&["max-age=60"], Some("max-age=60, public"));
        check(&["max-age=60", "max-age=30"], Some("max-age=30, public"));
        check(
            &["max-age=60", "max-age=90, private"],
            Some("max-age=60, private"),
        );
        check(&["max-age=60", "no-store", "max-age=60"], None);
    }
}
