//! Derives the response's `Cache-Control` from the subgraphs' responses: the strictest of them applies.

use std::time::Duration;

use axum::http::{HeaderMap, header};

/// The longest time that a directive can mean, in seconds; more means as much (RFC 9111, 1.2.2).
const FOREVER: u32 = 1 << 31;

/// The `Cache-Control` of a cacheable response. One of the two ages is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// For how many seconds the client may store it.
    pub max_age: u32,
    /// For how many seconds shared caches may store it if it is public: this router's and CDNs. It differs from `max_age`
    /// where a subgraph says `s-maxage`.
    pub shared_max_age: u32,
    /// Whether shared caches may store it, not just the client's own.
    pub public: bool,
}

impl CachePolicy {
    /// The same age for everybody.
    pub(crate) fn new(max_age: u32, public: bool) -> Self {
        Self {
            max_age,
            shared_max_age: max_age,
            public,
        }
    }

    /// The policy in a subgraph's response headers, by RFC 9111; `None` if the response may not be cached or has no policy.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        // By convention, GraphQL subgraph responses are public unless marked private.
        let mut public = true;
        // Of a repeated directive, the strictest counts.
        let (mut max_age, mut shared): (Option<u32>, Option<u32>) = (None, None);
        for (name, value) in directives(headers)? {
            let least = |known: Option<u32>| Some(seconds(value).min(known.unwrap_or(FOREVER)));
            match name.to_ascii_lowercase().as_str() {
                // With field names, too: which of them a value has come from is unknown.
                "no-store" | "no-cache" => return None,
                "private" => public = false,
                "max-age" => max_age = least(max_age),
                "s-maxage" => shared = least(shared),
                _ => {}
            }
        }
        for name in headers.get_all(header::VARY) {
            for name in name.to_str().ok()?.split(',').map(str::trim) {
                if name == "*" {
                    return None;
                }
                // What is stored is found by all other headers that subgraphs get.
                public &= !name.eq_ignore_ascii_case("authorization");
            }
        }
        // How long it has been in caches on the way.
        let age = headers.get(header::AGE).and_then(|age| age.to_str().ok());
        let age: u32 = age.and_then(|age| age.trim().parse().ok()).unwrap_or(0);
        let max_age = max_age.unwrap_or_default();
        let policy = Self {
            max_age: max_age.saturating_sub(age),
            shared_max_age: shared.unwrap_or(max_age).saturating_sub(age),
            public,
        };
        policy.allows_storing().then_some(policy)
    }

    /// Whether anybody may store the response.
    pub(crate) fn allows_storing(self) -> bool {
        self.max_age > 0 || (self.public && self.shared_max_age > 0)
    }

    /// The policy of a response that combines both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            max_age: self.max_age.min(other.max_age),
            shared_max_age: self.shared_max_age.min(other.shared_max_age),
            public: self.public && other.public,
        }
    }

    /// The header's value.
    pub(crate) fn to_value(self) -> String {
        let Self {
            max_age,
            shared_max_age,
            public,
        } = self;
        match public {
            false => format!("max-age={max_age}, private"),
            true if shared_max_age == max_age => format!("max-age={max_age}, public"),
            true => format!("max-age={max_age}, s-maxage={shared_max_age}, public"),
        }
    }
}

/// How long a subgraph allows to use its response after its time, while it is fetched anew (RFC 5861); `None` if it does
/// not say.
pub(crate) fn stale_while_revalidate(headers: &HeaderMap) -> Option<Duration> {
    let (mut allowed, mut is_shared) = (None, false);
    for (name, value) in directives(headers)? {
        match name.to_ascii_lowercase().as_str() {
            "must-revalidate" | "proxy-revalidate" => return Some(Duration::ZERO),
            // By itself, it forbids stale responses (RFC 9111, 5.2.2.10).
            "s-maxage" => is_shared = true,
            "stale-while-revalidate" => {
                let seconds: Option<u32> = value.parse().ok();
                allowed = seconds.map(|seconds| Duration::from_secs(seconds.into()));
            }
            _ => {}
        }
    }
    allowed.or(is_shared.then_some(Duration::ZERO))
}

/// The names and values of all directives; `None` if a header cannot be read.
fn directives(headers: &HeaderMap) -> Option<Vec<(&str, &str)>> {
    let mut all = Vec::new();
    for header in headers.get_all(header::CACHE_CONTROL) {
        let header = header.to_str().ok()?;
        if header.matches('"').count() % 2 == 1 {
            return None;
        }
        all.extend(members(header).map(|member| {
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            (name.trim(), value.trim().trim_matches('"'))
        }));
    }
    Some(all)
}

/// The members of a list; commas in quotes do not separate them.
fn members(list: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    list.split(move |character: char| {
        is_quoted ^= character == '"';
        character == ',' && !is_quoted
    })
}

/// Seconds as a directive gives them; none at all if they cannot be read.
fn seconds(value: &str) -> u32 {
    match value.parse::<u64>() {
        Ok(seconds) => u32::try_from(seconds).map_or(FOREVER, |seconds| seconds.min(FOREVER)),
        Err(_) if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => FOREVER,
        Err(_) => 0,
    }
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
        check("max-age=\"60\"", Some("max-age=60, public"));
        check("max-age=60, max-age=30", Some("max-age=30, public"));
        check(
            "max-age=60, community=\"a, no-store\"",
            Some("max-age=60, public"),
        );
        check(
            "private=\"set-cookie, x\", max-age=60",
            Some("max-age=60, private"),
        );
        check("no-cache=\"set-cookie\", max-age=60", None);
        check("max-age=60, x=\"open, no-store", None);
        let forever = Some("max-age=2147483648, public");
        check("max-age=4294967296", forever);
        check("max-age=99999999999999999999999", forever);
        check("max-age=-1", None);
    }

    #[test]
    fn shared_caches_have_an_age_of_their_own() {
        let check = |value: &'static str, expect: Option<&str>| {
            assert_eq!(of(value).as_deref(), expect, "{value}");
        };
        check(
            "max-age=10, s-maxage=60",
            Some("max-age=10, s-maxage=60, public"),
        );
        check("s-maxage=60", Some("max-age=0, s-maxage=60, public"));
        check(
            "max-age=10, s-maxage=0",
            Some("max-age=10, s-maxage=0, public"),
        );
        check("max-age=60, S-MaxAge=60", Some("max-age=60, public"));
        check(
            "private, max-age=10, s-maxage=60",
            Some("max-age=10, private"),
        );
        check("private, s-maxage=60", None);
        check("s-maxage=soon", None);
    }

    #[test]
    fn what_depends_on_the_credentials_is_private() {
        let of = |vary: &'static str| {
            let headers = HeaderMap::from_iter([
                (
                    header::CACHE_CONTROL,
                    HeaderValue::from_static("max-age=60"),
                ),
                (header::VARY, HeaderValue::from_static(vary)),
            ]);
            CachePolicy::of(&headers).map(CachePolicy::to_value)
        };
        assert_eq!(of("accept-language").as_deref(), Some("max-age=60, public"));
        let with_credentials = of("Accept, Authorization");
        assert_eq!(with_credentials.as_deref(), Some("max-age=60, private"));
        assert_eq!(of("*"), None);
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
        assert_eq!(
            of("max-age=60, must-revalidate, stale-while-revalidate=30"),
            Some(0)
        );
        assert_eq!(of("max-age=60, proxy-revalidate"), Some(0));
        assert_eq!(of("s-maxage=60"), Some(0));
        assert_eq!(of("s-maxage=60, stale-while-revalidate=30"), Some(30));
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
