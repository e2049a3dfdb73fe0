//! Restricts the control API to programs on this machine, excluding web pages.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Rejects requests a foreign page could send: by its origin, or through a host name that resolves here.
pub(crate) async fn reject_browsers(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let Some(host) = only(headers, header::HOST).or(authority) else {
        return (
            StatusCode::BAD_REQUEST,
            "exactly one Host header is required\n",
        )
            .into_response();
    };
    if !is_address_or_localhost(host) {
        let words = "call the control API by its IP address, or as localhost\n";
        return (StatusCode::FORBIDDEN, words).into_response();
    }
    if headers.contains_key(header::ORIGIN) {
        let words = "web pages may not call the control API\n";
        return (StatusCode::FORBIDDEN, words).into_response();
    }
    next.run(request).await
}

/// Whether a body is declared as JSON, which pages may not send cross-site without a preflight.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    only(headers, header::CONTENT_TYPE)
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// A site can make its own name resolve to any address, but not these.
fn is_address_or_localhost(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    let name = name.to_ascii_lowercase();
    let v6 = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<Ipv4Addr>().is_ok()
        || v6.is_some_and(|name| name.parse::<Ipv6Addr>().is_ok())
        || host.parse::<SocketAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_anybody_can_own_are_not_believed() {
        let ours = [
            "localhost",
            "LOCALHOST:4100",
            "shop.localhost:1",
            "127.0.0.1:4100",
            "10.0.0.7",
            "[::1]:4100",
            "[::1]",
        ];
        for host in ours {
            assert!(is_address_or_localhost(host), "{host}");
        }
        let theirs = [
            "",
            "evil.test",
            "evil.test:4100",
            "localhost.evil.test",
            "127.0.0.1.evil.test:4100",
            "notlocalhost",
            "sandbox:x",
        ];
        for host in theirs {
            assert!(!is_address_or_localhost(host), "{host}");
        }
    }
}
