//! Which content coding a client may get: decided before a request is executed, and never a reason to refuse it.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};

/// Leaves in `Accept-Encoding` the one coding that the answer will have, so that what compresses has nothing to judge.
pub(super) fn select_encoding(mut request: Request) -> Request {
    let headers = request.headers_mut();
    if prefers_gzip(headers) {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    } else {
        headers.remove(header::ACCEPT_ENCODING);
    }
    request
}

/// Whether a client likes gzip at least as much as no coding (RFC 9110, 12.5.3). One that accepts neither gets its
/// answer without a coding, as the RFC allows: a mutation has its effect either way.
fn prefers_gzip(headers: &HeaderMap) -> bool {
    let [mut gzip, mut identity, mut any] = [None; 3];
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        for entry in value.to_str().unwrap_or_default().split(',') {
            let mut parts = entry.split(';').map(str::trim);
            let coding = parts.next().unwrap_or_default();
            let Some(quality) = quality(parts) else {
                continue;
            };
            let known = match coding {
                "*" => &mut any,
                _ if coding.eq_ignore_ascii_case("gzip")
                    || coding.eq_ignore_ascii_case("x-gzip") =>
                {
                    &mut gzip
                }
                _ if coding.eq_ignore_ascii_case("identity") => &mut identity,
                _ => continue,
            };
            *known = Some(quality);
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    // What is not named is accepted, and liked least.
    gzip > 0 && gzip >= identity.or(any).unwrap_or(0)
}

/// In thousandths; `None` for what is no quality.
fn quality<'p>(parameters: impl Iterator<Item = &'p str>) -> Option<u32> {
    let mut quality = Some(1000);
    for (name, value) in parameters.filter_map(|parameter| parameter.split_once('=')) {
        if name.trim().eq_ignore_ascii_case("q") {
            quality = thousandths(value.trim());
        }
    }
    quality
}

/// `0`, `1`, or up to three decimals of them.
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

    #[test]
    fn gzip_is_given_to_those_who_like_it() {
        let check = |accepted: &[&'static str], gzip: bool| {
            let mut headers = HeaderMap::new();
            for accepted in accepted {
                let value = HeaderValue::from_static(accepted);
                headers.append(header::ACCEPT_ENCODING, value);
            }
            assert_eq!(prefers_gzip(&headers), gzip, "{accepted:?}");
        };
        check(&[], false);
        check(&[""], false);
        check(&["gzip"], true);
        check(&["GZIP"], true);
        check(&["x-gzip"], true);
        check(&["gzip, deflate, br, zstd"], true);
        check(&["br", "gzip"], true);
        check(&["*"], true);
        check(&["identity"], false);
        check(&["br"], false);
        check(&["gzip;q=1.0, identity;q=0.5"], true);
        check(&["gzip ; Q=0.5 , identity ; q=0.5"], true);
        check(&["gzip;q=0.1, identity"], false);
        check(&["gzip;q=0.001"], true);
        check(&["gzip;q=0"], false);
        check(&["gzip;q=0.000"], false);
        check(&["gzip;q=0."], false);
        check(&["gzip;q=1.001"], false);
        check(&["gzip;q=-1"], false);
        check(&["gzip;q=x"], false);
        check(&["*;q=0"], false);
        check(&["gzip;q=0, *;q=0"], false);
        check(&["identity;q=0"], false);
        check(&["identity;q=0, gzip;q=0"], false);
        check(&["gzip;q=0.5, *;q=0"], true);
        check(&["*;q=0.5, gzip;q=0"], false);
        check(&["identity;q=0.5, *;q=0"], false);
    }
}
