//! Web pages for developers: the storefront and the tracking page over the commerce graph, and the explorer.

mod asset;
mod explorer;
mod sign_in;

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use router::server::ServerConfig;

pub(crate) use explorer::{explorer, explorer_routes};
pub(crate) use sign_in::{SignIn, TOKEN_HOURS};

/// The folder of the pages: the first of these that does not contain the endpoint.
const FOLDERS: [&str; 2] = ["/playground/", "/vantage-playground/"];

/// The pages by name. In them, `{{pages}}` stands for their folder, `{{endpoint}}` for the path of the endpoint, and
/// `{{payments}}` for the address of the simulated payment provider, if there is one.
const PAGES: [(&str, &str); 2] = [
    (
        "storefront.html",
        include_str!("../playground/dist/storefront.html"),
    ),
    (
        "tracking.html",
        include_str!("../playground/dist/tracking.html"),
    ),
];

/// The page at `/` and at the folder.
const FIRST: &str = "storefront.html";

/// Scripts and styles come from this server only, text never becomes markup, and nothing is loaded from or sent to
/// other origins.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// The folder of the pages, with a slash at both ends.
pub(crate) fn folder(server: &ServerConfig) -> &'static str {
    let [usual, other] = FOLDERS;
    let endpoint = format!("{}/", server.path);
    if endpoint.starts_with(usual) {
        other
    } else {
        usual
    }
}

/// The shop's pages, and redirects from `/` and from the links in messages. None in production.
pub(crate) fn routes(
    server: &ServerConfig,
    sign_in: SignIn,
    payments: Option<&str>,
) -> axum::Router {
    let mut routes = axum::Router::new();
    if !server.development {
        return routes;
    }
    let folder = folder(server);
    let first = format!("{folder}{FIRST}");
    for path in ["/", folder.trim_end_matches('/'), folder] {
        // The endpoint may be at `/`.
        if path != server.path {
            let first = Redirect::temporary(&first);
            routes = routes.route(path, get(async || first));
        }
    }
    // Where links in messages lead.
    for kind in ["orders", "returns"] {
        let page = format!("{first}#/{kind}");
        let open = async move |Path(id): Path<String>| {
            let is_id = id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if is_id {
                Redirect::temporary(&format!("{page}/{id}")).into_response()
            } else {
                StatusCode::NOT_FOUND.into_response()
            }
        };
        routes = routes.route(&format!("/{kind}/{{id}}"), get(open));
    }
    for (name, template) in PAGES {
        let text = page(template, server).replace("{{payments}}", payments.unwrap_or_default());
        let tag = tag(&text);
        let page = get(async move |headers: HeaderMap| {
            if is_known(&headers, &tag) {
                return not_modified(&tag);
            }
            let own = [(CONTENT_TYPE, "text/html; charset=utf-8"), (ETAG, &*tag)];
            (own, PAGE_HEADERS, text).into_response()
        });
        routes = routes.route(&format!("{folder}{name}"), page);
    }
    routes.route(
        &format!("{folder}customers.json"),
        get(async move || sign_in.answer()),
    )
}

const PAGE_HEADERS: [(HeaderName, &str); 4] = [
    (CACHE_CONTROL, "no-cache"),
    (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
];

/// A page with this server's paths filled in.
fn page(template: &str, server: &ServerConfig) -> String {
    let endpoint = server
        .path
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;");
    template
        .replace("{{pages}}", folder(server))
        .replace("{{endpoint}}", &endpoint)
}

/// An entity tag, so that unchanged content is not sent again.
fn tag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|tags| tags.to_str().ok())
        .flat_map(|tags| tags.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag)
}

pub(crate) fn not_modified(tag: &str) -> Response {
    (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response()
}

#[cfg(test)]
mod tests {
    use router::auth::AuthConfig;

    use super::*;

    fn server(path: &str) -> ServerConfig {
        ServerConfig {
            path: path.to_owned(),
            development: true,
            ..ServerConfig::default()
        }
    }

    #[test]
    fn an_endpoint_may_be_at_any_path_of_the_pages() {
        for path in [
            "/",
            "/playground",
            "/playground/",
            "/playground/storefront.html",
            "/playground/assets",
            "/playground/assets/x",
            "/graphql",
        ] {
            let server = server(path);
            let endpoint = axum::Router::new().route(path, get(|| async {})).route(
                &format!("{}/{{id}}", path.trim_end_matches('/')),
                get(|| async {}),
            );
            // Duplicate routes panic.
            let nobody = SignIn::new(&AuthConfig::default(), Vec::new()).expect("no key");
            let served = endpoint.merge(routes(&server, nobody, None));
            assert!(served.has_routes());
        }
    }

    #[test]
    fn a_path_is_no_markup_in_a_page() {
        let html = page(
            "<meta content=\"{{endpoint}}\">{{pages}}",
            &server("/a\"><&"),
        );
        assert_eq!(html, "<meta content=\"/a&quot;>&lt;&amp;\">/playground/");
        let html = page("{{pages}}", &server("/playground/graphql"));
        assert_eq!(html, "/vantage-playground/");
    }
}
