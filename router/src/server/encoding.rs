//! Chooses the content coding before a request is executed; never a reason to reject it.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};

/// The supported codings, preferred in this order: at their fastest settings, zstd and Brotli compress better than gzip
/// in less time.
const CODINGS: [Coding; 3] = [
    Coding {
        name: "zstd",
        also: None,
    },
    Coding {
        name: "br",
        also: None,
    },
    Coding {
        name: "gzip",
        also: Some("x-gzip"),
    },
];

struct Coding {
    name: &'static str,
    /// An older alias.
    also: Option<&'static str>,
}

impl Coding {
    fn is_called(&self, name: &str) -> bool {
        let names = std::iter::once(self.name).chain(self.also);
        names.into_iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

/// Reduces `Accept-Encoding` to the chosen coding, so that the compression layer has no choice.
pub(super) fn select_encoding(mut request: Request) -> Request {
    let headers = request.headers_mut();
    match preferred(headers, &CODINGS) {
        Some(coding) => {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding));
        }
        None => {
            headers.remove(header::ACCEPT_ENCODING);
        }
    }
    request
}

/// Whether a client accepts gzip at least as readily as no coding, for resources available in both forms.
pub fn prefers_gzip(headers: &HeaderMap) -> bool {
    let [.., gzip] = &CODINGS;
    preferred(headers, std::slice::from_ref(gzip)).is_some()
}

/// The client's preferred coding, if preferred at least as much as none (RFC 9110, 12.5.3). A client that accepts none
/// of them gets an uncompressed response, as the RFC allows: a mutation takes effect either way.
fn preferred(headers: &HeaderMap, codings: &[Coding]) -> Option<&'static str> {
    let mut named = [None; CODINGS.len()];
    let [mut identity, mut any] = [None; 2];
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        for entry in value.to_str().unwrap_or_default().split(',') {
            let mut parts = entry.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let Some(quality) = quality(parts) else {
                continue;
            };
            let known = if name == "*" {
                &mut any
            } else if name.eq_ignore_ascii_case("identity") {
                &mut identity
            } else if let Some(at) = codings.iter().position(|coding| coding.is_called(name)) {
                &mut named[at]
            } else {
                continue;
            };
            *known = Some(quality);
        }
    }
    // Codings that are not listed are acceptable, with the lowest preference.
    let mut best = (None, identity.or(any).unwrap_or(0).max(1));
    for (coding, named) in codings.iter().zip(named) {
        let liked = named.or(any).unwrap_or(0);
        let is_better = liked > best.1 || best.0.is_none() && liked == best.1;
        if is_better {
            best = (Some(coding.name), liked);
        }
    }
    best.0
}

/// A quality in thousandths; `None` if invalid.
fn quality<'p>(parameters: impl Iterator<Item = &'p str>) -> Option<u32> {
    let mut quality = Some(1000);
    for (name, value) in parameters.filter_map(|parameter| parameter.split_once('=')) {
        if name.trim().eq_ignore_ascii_case("q") {
            quality = thousandths(value.trim());
        }
    }
    quality
}

/// `0`, `1`, or one of these with up to three decimals.
fn thousandths(value: &str) -> Option<u32> {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    let digits = decimals.bytes().all(|byte| byte.is_ascii_digit());
    if !matches!(whole, "0" | "1") || decimals.len() > 3 || !digits {
        return None;
    }
    let quality: u32 = format!("{whole}{decimals:0<3}").parse().ok()?;
    (quality <= 1000).then_some(quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accepted: &[&'static str], coding: Option<&str>) {
        let mut headers = HeaderMap::new();
        for accepted in accepted {
            let value = HeaderValue::from_static(accepted);
            headers.append(header::ACCEPT_ENCODING, value);
        }
        assert_eq!(preferred(&headers, &CODINGS), coding, "{accepted:?}");
    }

    #[test]
    fn a_client_gets_a_coding_that_it_likes() {
        check(&[], None);
        check(&[""], None);
        check(&["identity"], None);
        check(&["deflate"], None);
        for (accepted, coding) in [
            ("gzip", "gzip"),
            ("GZIP", "gzip"),
            ("x-gzip", "gzip"),
            ("br", "br"),
            ("BR, deflate", "br"),
            ("zstd", "zstd"),
        ] {
            check(&[accepted], Some(coding));
        }
        check(&["gzip;q=1.0, identity;q=0.5"], Some("gzip"));
        check(&["gzip ; Q=0.5 , identity ; q=0.5"], Some("gzip"));
        check(&["gzip;q=0.1, identity"], None);
        check(&["gzip;q=0.001"], Some("gzip"));
        for refused in ["0", "0.000", "0.", "1.001", "-1", "x"] {
            let accepted = format!("gzip;q={refused}").leak();
            check(&[accepted], None);
        }
        check(&["*;q=0"], None);
        check(&["gzip;q=0, *;q=0"], None);
        check(&["identity;q=0"], None);
        check(&["identity;q=0, gzip;q=0"], None);
        check(&["gzip;q=0.5, *;q=0"], Some("gzip"));
        check(&["identity;q=0.5, *;q=0"], None);
    }

    #[test]
    fn the_servers_order_decides_between_what_is_liked_alike() {
        check(&["*"], Some("zstd"));
        check(&["gzip, deflate, br, zstd"], Some("zstd"));
        check(&["gzip", "br"], Some("br"));
        check(&["gzip, br;q=1.0, zstd;q=0"], Some("br"));
        check(&["br;q=0.5, gzip;q=0.5, *;q=0"], Some("br"));
    }

    #[test]
    fn what_is_liked_more_goes_before_the_servers_order() {
        check(&["gzip;q=1.0, br;q=0.9, zstd;q=0.8"], Some("gzip"));
        check(&["gzip;q=0.5, br;q=0.501, zstd;q=0.4"], Some("br"));
        check(&["*;q=0.5, gzip"], Some("gzip"));
    }

    #[test]
    fn gzip_may_be_the_only_coding_that_there_is() {
        let prefers = |accepted| {
            let accepted = HeaderValue::from_static(accepted);
            prefers_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, accepted)]))
        };
        assert!(prefers("gzip, deflate, br, zstd"));
        assert!(prefers("br, gzip;q=0.5"));
        assert!(!prefers("br, zstd"));
        assert!(!prefers("gzip;q=0.5, identity"));
        assert!(!prefers_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_refused_coding_is_not_taken_by_the_wildcard() {
        check(&["zstd;q=0, *"], Some("br"));
        check(&["zstd;q=0, br;q=0, *;q=0.5"], Some("gzip"));
        check(&["gzip;q=0, br;q=0, zstd;q=0, *;q=0.5"], None);
    }
}
