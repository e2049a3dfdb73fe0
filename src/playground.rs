//! The web pages over the commerce graph, for developers: the storefront and the tracking page.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use router::server::ServerConfig;

/// Where the pages are.
pub(crate) const PATH: &str = "/playground/";
const FOLDER: &str = "/playground";
/// The page that one comes to without naming any.
const FIRST: &str = "/playground/storefront.html";

/// Scripts and styles are files of this server, texts never become markup, and nothing comes from or goes to
/// anybody else.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

macro_rules! files {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../playground/", $name)))),*]
    };
}

/// The files by name. The explorer is not among them: it is at the GraphQL endpoint, with any supergraph.
const FILES: &[(&str, &str)] = &files![
    "currency.js"
    "dom.js"
    "icon.svg"
    "live.js"
    "operations.js"
    "orders.js"
    "parcel.js"
    "preferences.js"
    "product.js"
    "returns.js"
    "search.js"
    "shell.js"
    "storefront.css"
    "storefront.html"
    "storefront.js"
    "tracking.css"
    "tracking.html"
    "tracking.js"
    "transports.js"
    "vantage.css"
    "vantage.js"
];

/// The pages, and `/` leading to them. In production there is nothing here.
pub(crate) fn routes(server: &ServerConfig) -> axum::Router {
    let mut routes = axum::Router::new();
    // Whoever puts the endpoint at one of these paths wants it more than the pages.
    let taken = server.path == "/" || server.path.starts_with(FOLDER);
    if !server.development || taken {
        return routes;
    }
    for path in ["/", FOLDER, PATH] {
        routes = routes.route(path, get(|| async { Redirect::temporary(FIRST) }));
    }
    let mut files: Vec<(&str, Arc<str>)> = FILES
        .iter()
        .map(|&(name, text)| (name, text.into()))
        .collect();
    files.push(("endpoint.js", endpoint_module(&server.path).into()));
    for (name, text) in files {
        let tag = tag(&text);
        let answer = get(async move |headers: HeaderMap| file(name, &text, &tag, &headers));
        routes = routes.route(&format!("{PATH}{name}"), answer);
    }
    routes
}

/// Tells the pages where the graph is: a JSON string is one of JavaScript too.
fn endpoint_module(path: &str) -> String {
    format!(
        "export const ENDPOINT = {};\n",
        serde_json::Value::from(path)
    )
}

/// Names a file's text, so that who has it is not sent it again.
fn tag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

fn file(name: &'static str, text: &str, tag: &str, asked: &HeaderMap) -> Response {
    let known = asked.get_all(IF_NONE_MATCH).iter();
    let is_known = known
        .filter_map(|tags| tags.to_str().ok())
        .flat_map(|tags| tags.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag);
    let caching = [(CACHE_CONTROL, "no-cache"), (ETAG, tag)];
    if is_known {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    let headers = [
        (CONTENT_TYPE, content_type(name)),
        (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (caching, headers, text.to_owned()).into_response()
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_may_be_at_any_path_of_the_pages() {
        for path in [
            "/",
            "/playground",
            "/playground/",
            "/playground/dom.js",
            "/graphql",
        ] {
            let server = ServerConfig {
                path: path.to_owned(),
                development: true,
                ..ServerConfig::default()
            };
            let endpoint = axum::Router::new().route(path, get(|| async {}));
            // Two routes of one path panic.
            let served = endpoint.merge(routes(&server));
            assert!(served.has_routes());
        }
    }
}
