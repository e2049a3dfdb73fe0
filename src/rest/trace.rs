//! The W3C Trace Context id by which clients can find a request's trace. It is also forwarded to subgraphs.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use platform::telemetry::traces;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The request's trace id. If it has none, a new trace is started and written to its headers.
pub(super) fn trace_id(headers: &mut HeaderMap) -> String {
    if let Some(id) = traces::parent_trace_id(headers) {
        return id;
    }
    // Neither id may be zero.
    let id = format!("{:032x}", rand::random::<u128>().max(1));
    let span = rand::random::<u64>().max(1);
    if let Ok(value) = HeaderValue::from_str(&format!("00-{id}-{span:016x}-00")) {
        headers.insert(TRACEPARENT, value);
    }
    id
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
            let parent = traces::parent_trace_id(&headers);
            assert_eq!(parent.as_ref(), Some(&id), "{sent}");
            assert_ne!(id, of(sent).0);
        }
    }
}
