//! Parses and compares web origins.

use axum::http::{HeaderMap, HeaderValue, header};
use url::{Origin, Url};

/// Parses an origin without a path, query or user.
pub(crate) fn parse(origin: &str) -> Option<Url> {
    let url = Url::parse(origin).ok()?;
    let has_only_origin = matches!(url.origin(), Origin::Tuple(..))
        && url.path() == "/"
        && !origin.ends_with('/')
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    has_only_origin.then_some(url)
}

/// The canonical form of an origin.
pub(crate) fn canonical(origin: &Url) -> String {
    origin.origin().ascii_serialization()
}

/// Whether the page comes from the host being called.
pub(crate) fn is_same_site(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, authority)| authority);
    matches!((host, authority), (Some(host), Some(authority)) if host.eq_ignore_ascii_case(authority))
}
