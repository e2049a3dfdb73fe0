//! One domain as its own HTTP service: GraphQL over POST and graphql-transport-ws, for callers that
//! the router vouches for and nobody else.

use async_graphql::http::ALL_WEBSOCKET_PROTOCOLS;
use async_graphql::{Data, Executor, Request, Response, ServerError};
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response as HttpResponse};
use axum::routing::get;
use axum::{Json, Router};
use futures::stream::BoxStream;
use platform::caller::{CALLER_HEADER, Caller, CallerKey};
use resolvers::error::ErrorCode;
use resolvers::subgraph::Subgraph;
use std::sync::Arc;

#[derive(Clone)]
struct Service {
    subgraph: Subgraph,
    key: CallerKey,
}

/// The subgraph at `/graphql`.
pub(crate) fn routes(subgraph: Subgraph, key: CallerKey) -> Router {
    Router::new()
        .route("/graphql", get(subscribe).post(execute))
        .with_state(Service { subgraph, key })
}

async fn execute(
    State(service): State<Service>,
    headers: HeaderMap,
    Json(request): Json<Request>,
) -> HttpResponse {
    let Some(caller) = service.caller(&headers) else {
        return refusal();
    };
    let response = service.subgraph.execute(request, caller).await;
    let kept = response.cache_control.value();
    let mut answer = Json(response).into_response();
    if let Some(kept) = kept.and_then(|kept| HeaderValue::from_str(&kept).ok()) {
        answer.headers_mut().insert(header::CACHE_CONTROL, kept);
    }
    answer
}

async fn subscribe(
    State(service): State<Service>,
    headers: HeaderMap,
    request: axum::extract::Request,
) -> HttpResponse {
    let Some(caller) = service.caller(&headers) else {
        return refusal();
    };
    let (mut parts, _) = request.into_parts();
    let (protocol, upgrade) = match (
        GraphQLProtocol::from_request_parts(&mut parts, &()).await,
        WebSocketUpgrade::from_request_parts(&mut parts, &()).await,
    ) {
        (Ok(protocol), Ok(upgrade)) => (protocol, upgrade),
        _ => {
            return (
                StatusCode::METHOD_NOT_ALLOWED,
                [(header::ALLOW, "POST")],
                "queries are POSTed here; GET is for graphql-transport-ws\n",
            )
                .into_response();
        }
    };
    let executor = As {
        subgraph: service.subgraph,
        caller,
    };
    upgrade
        .protocols(ALL_WEBSOCKET_PROTOCOLS)
        .on_upgrade(move |socket| GraphQLWebSocket::new(socket, executor, protocol).serve())
}

impl Service {
    /// Whom the router vouches for.
    fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        let signed = headers.get(CALLER_HEADER)?.to_str().ok()?;
        self.key.verify(signed).ok()
    }
}

fn refusal() -> HttpResponse {
    let mut error = ServerError::new(
        "This subgraph answers its router only: the signed caller is missing or not valid",
        None,
    );
    let mut extensions = async_graphql::ErrorExtensionValues::default();
    extensions.set("code", ErrorCode::Unauthenticated.as_str());
    error.extensions = Some(extensions);
    let response = Response::from_errors(vec![error]);
    (StatusCode::UNAUTHORIZED, Json(response)).into_response()
}

/// A subgraph asked by one caller.
#[derive(Clone)]
struct As {
    subgraph: Subgraph,
    caller: Caller,
}

impl Executor for As {
    async fn execute(&self, request: Request) -> Response {
        self.subgraph.execute(request, self.caller.clone()).await
    }

    fn execute_stream(
        &self,
        request: Request,
        _session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        let caller = self.caller.clone();
        self.subgraph.execute_stream(move || {
            let mut again = Request::new(&request.query).variables(request.variables.clone());
            again.operation_name.clone_from(&request.operation_name);
            (again, caller.clone())
        })
    }
}
