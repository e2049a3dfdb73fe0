//! Whether and when a failed attempt is retried.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::error::HttpError;

/// An attempt without a usable answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: HttpError,
    pub(super) repeat: Retry,
    /// The provider's fault: counted by the circuit breaker.
    pub(super) outage: bool,
    /// The wait requested by the provider.
    pub(super) retry_after: Option<Duration>,
}

/// Which calls may be retried after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// The attempt certainly had no effect.
    Always,
    /// The attempt may have had its effect.
    IfIdempotent,
    Never,
}

impl Failure {
    pub(super) fn new(error: HttpError, repeat: Retry, outage: bool) -> Self {
        Self {
            error,
            repeat,
            outage,
            retry_after: None,
        }
    }

    pub(super) fn allows(&self, idempotent: bool) -> bool {
        match self.repeat {
            Retry::Always => true,
            Retry::IfIdempotent => idempotent,
            Retry::Never => false,
        }
    }
}

/// A longer wait is not believed, and could not be added to a time.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// `Retry-After` in either form: seconds or a date. A day at most.
pub(crate) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            let wait = date.with_timezone(&Utc) - now;
            wait.to_std().unwrap_or(Duration::ZERO)
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let now = "2025-10-09T12:00:00Z".parse().unwrap();
        let check = |text: &'static str, seconds: Option<u64>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(retry_after(&headers, now), expected, "{text}");
        };
        check("0", Some(0));
        check(" 120 ", Some(120));
        check("Thu, 09 Oct 2025 12:00:30 GMT", Some(30));
        check("Thu, 09 Oct 2025 11:00:00 GMT", Some(0));
        check("18446744073709551615", Some(86_400));
        check("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400));
        check("soon", None);
        check("-1", None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
