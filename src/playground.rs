//! The web pages over the commerce graph, for developers: the storefront and the tracking page.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Redirect};
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
    for &(name, text) in FILES {
        routes = routes.route(
            &format!("{PATH}{name}"),
            get(move || async move { file(name, text) }),
        );
    }
    let endpoint = endpoint_module(&server.path);
    routes.route(
        &format!("{PATH}endpoint.js"),
        get(|| async move { file("endpoint.js", endpoint) }),
    )
}

/// Tells the pages where the graph is: a JSON string is one of JavaScript too.
fn endpoint_module(path: &str) -> String {
    format!(
        "export const ENDPOINT = {};\n",
        serde_json::Value::from(path)
    )
}

fn file(name: &'static str, text: impl IntoResponse) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, content_type(name)),
        (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
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
