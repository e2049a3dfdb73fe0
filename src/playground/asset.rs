//! The pages' scripts, styles and images. Their names contain a hash of their contents, so browsers can cache them
//! forever.

use std::io::Read;

use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use router::server::prefers_gzip;

use super::{CONTENT_POLICY, is_known, not_modified};

/// Names and gzip-compressed contents.
const ASSETS: &[(&str, &[u8])] = include!("../../playground/dist/assets.in");

const HEADERS: [(HeaderName, &str); 4] = [
    (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (VARY, "accept-encoding"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

pub(super) async fn answer(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some((name, compressed)) = ASSETS.iter().find(|(known, _)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = format!("\"{name}\"");
    if is_known(&headers, &tag) {
        return not_modified(&tag);
    }
    let own = [(CONTENT_TYPE, content_type(name)), (ETAG, &*tag)];
    if prefers_gzip(&headers) {
        return (own, HEADERS, [(CONTENT_ENCODING, "gzip")], *compressed).into_response();
    }
    let mut contents = Vec::new();
    match GzDecoder::new(*compressed).read_to_end(&mut contents) {
        Ok(_) => (own, HEADERS, contents).into_response(),
        Err(error) => {
            tracing::error!(name, %error, "playground asset not decompressed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("ttf") => "font/ttf",
        _ => "text/plain; charset=utf-8",
    }
}
