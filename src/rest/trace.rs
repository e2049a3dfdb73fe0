//! The W3C Trace Context id by which clients can find a request's trace. It is also forwarded to subgraphs.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The request's trace id. If it has none, a new trace is started and written to its headers.
pub(super) fn trace_id(headers: &mut HeaderMap) -> String {
    let sent = headers.get(TRACEPARENT).and_then(|sent| sent.to_str().ok());
    if let Some(id) = sent.and_then(parse) {
        return id.to_owned();
    }
    // Neither id may be zero.
    let id = format!("{:032x}", rand::random::<u128>().max(1));
    let span = rand::random::<u64>().max(1);
    if let Ok(value) = HeaderValue::from_str(&format!("00-{id}-{span:016x}-00")) {
        headers.insert(TRACEPARENT, value);
    }
    id
}

/// The trace id of a `traceparent` header.
fn parse(header: &str) -> Option<&str> {
    let is_hex = |text: &str, digits: usize| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        text.len() == digits && text.bytes().all(is_digit)
    };
    let mut parts = header.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let flags = parts.next()?;
    let is_valid = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace, 32)
        && trace.bytes().any(|byte| byte != b'0')
        && is_hex(span, 16)
        && span.bytes().any(|byte| byte != b'0')
        && is_hex(flags, 2);
    is_valid.then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(sent: &'static str) -> (String, HeaderMap) {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static(sent));
        (trace_id(&mut headers), headers)
    }

    #[test]
    fn a_trace_goes_on_under_its_own_id() {
        let (id, headers) = of(SENT);
        assert_eq!(id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(headers[TRACEPARENT], SENT);
    }

    #[test]
    fn a_request_of_no_trace_begins_one() {
        for sent in [
            "",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            let (id, headers) = of(sent);
            let parent = headers[TRACEPARENT].to_str().unwrap();
            assert_eq!(parse(parent), Some(&*id), "{sent}");
            assert_ne!(id, of(sent).0);
        }
    }
}
