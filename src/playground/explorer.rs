//! The explorer: GraphiQL at the GraphQL endpoint, over any supergraph, and the data of its panels.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use router::clients::Clients;
use router::server::{IdePage, ServerConfig, ServerState};
use serde_json::{Value, json};

use super::{asset, folder, page};

const EXPLORER: &str = include_str!("../../playground/dist/explorer.html");

/// Scripts, workers and fonts come from this server only, and nothing is loaded from or sent to other origins. The
/// editor uses inline styles, and GraphiQL renders descriptions as markup, in which scripts do not run.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; \
     style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// The page for this server's endpoint; `with_shop` says whether the shop's pages exist.
pub(crate) fn explorer(server: &ServerConfig, with_shop: bool) -> IdePage {
    let shop = if with_shop { "yes" } else { "no" };
    IdePage {
        html: page(EXPLORER, server).replace("{{shop}}", shop).into(),
        content_policy: CONTENT_POLICY,
    }
}

/// The explorer's routes besides its page, in development only: assets of all pages, and the clients' registered
/// operations. The latter are shown only if introspection is allowed.
pub(crate) fn explorer_routes(state: &ServerState, introspection: bool) -> axum::Router {
    let routes = axum::Router::new();
    if !state.config.development {
        return routes;
    }
    let folder = folder(&state.config);
    let state = state.clone();
    let operations = get(async move || match introspection {
        true => registered(&state.clients()),
        false => not_allowed(),
    });
    routes
        .route(&format!("{folder}assets/{{name}}"), get(asset::answer))
        .route(&format!("{folder}operations.json"), operations)
}

fn registered(clients: &Clients) -> Response {
    let clients: Vec<Value> = clients
        .iter()
        .map(|client| {
            let operations: Vec<Value> = client
                .operations
                .iter()
                .map(|operation| {
                    json!({
                        "id": operation.id,
                        "name": operation.name,
                        "kind": operation.kind.name(),
                        "document": &*operation.document,
                    })
                })
                .collect();
            json!({ "name": client.name, "mode": client.mode.name(), "operations": operations })
        })
        .collect();
    let body = Json(json!({ "clients": clients }));
    ([(CACHE_CONTROL, "no-store")], body).into_response()
}

fn not_allowed() -> Response {
    let trouble = "Registered operations are only shown if router.introspection is enabled.";
    let body = Json(json!({ "trouble": trouble }));
    (StatusCode::FORBIDDEN, body).into_response()
}
