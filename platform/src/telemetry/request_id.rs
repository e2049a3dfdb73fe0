//! The request id, which ties together the log lines of one request across processes.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries the id in requests and responses.
pub const REQUEST_ID_NAME: &str = "x-request-id";
pub const REQUEST_ID: HeaderName = HeaderName::from_static(REQUEST_ID_NAME);

const MAX_LENGTH: usize = 128;

/// The client's own id if it is safe to log, else a new UUIDv7.
pub fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(|id| is_harmless(id))
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

/// The id as a header value. Ids are visible ASCII, so this cannot fail; an empty value would reveal a bug.
pub fn header_value(id: &str) -> HeaderValue {
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn is_harmless(id: &str) -> bool {
    (1..=MAX_LENGTH).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_ids_are_taken_over() {
        let check = |sent: &str, kept: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(sent).expect("a header"));
            assert_eq!(request_id(&headers) == sent, kept, "{sent}");
        };
        check("req-1", true);
        check("0198c0de-7b1e-7000-8000-000000000000", true);
        check("Root=1-67891233-abcdef012345678912345678", true);
        check("", false);
        check("two words", false);
        check("{\"json\":1}", false);
        check(&"a".repeat(MAX_LENGTH), true);
        check(&"a".repeat(MAX_LENGTH + 1), false);
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
