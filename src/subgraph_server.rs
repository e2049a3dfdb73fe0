//! One domain as its own HTTP service: GraphQL over POST and graphql-transport-ws, for callers that
//! the router vouches for and nobody else.

use async_graphql::http::ALL_WEBSOCKET_PROTOCOLS;
use async_graphql::{Data, Executor, Request, Response, ServerError, Value};
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use axum::body::{Body, to_bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response as HttpResponse};
use axum::routing::get;
use axum::{Json, Router};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use platform::caller::{CALLER_HEADER, Caller, CallerKey};
use resolvers::error::ErrorCode;
use resolvers::subgraph::Subgraph;
use router::server::ServerConfig;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone)]
struct Service {
    subgraph: Subgraph,
    key: CallerKey,
    max_body_bytes: usize,
    body_timeout: Duration,
}

/// The subgraph at `/graphql`.
pub(crate) fn routes(subgraph: Subgraph, key: CallerKey, config: &ServerConfig) -> Router {
    Router::new()
        .route("/graphql", get(subscribe).post(execute))
        .with_state(Service {
            subgraph,
            key,
            max_body_bytes: config.max_body_bytes,
            body_timeout: config.body_timeout.get(),
        })
}

async fn execute(State(service): State<Service>, headers: HeaderMap, body: Body) -> HttpResponse {
    let Some(caller) = service.caller(&headers) else {
        return refusal();
    };
    // Nothing is read for strangers.
    let request = match service.read(&headers, body).await {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(),
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
    let executor = As { service, caller };
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

    /// The request in a body, within the limits of size and time.
    async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Request, (StatusCode, &'static str)> {
        let refuse = |status, words| Err((status, words));
        if !is_json(headers) {
            return refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content type must be application/json\n",
            );
        }
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > self.max_body_bytes) {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long\n");
        }
        let read = to_bytes(body, self.max_body_bytes);
        match tokio::time::timeout(self.body_timeout, read).await {
            Ok(Ok(bytes)) => serde_json::from_slice(&bytes).or_else(|error| {
                tracing::debug!(%error, "a request cannot be read");
                refuse(StatusCode::BAD_REQUEST, "the body is no GraphQL request\n")
            }),
            Ok(Err(_)) => refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is too long, or ended too early\n",
            ),
            Err(_) => refuse(
                StatusCode::REQUEST_TIMEOUT,
                "the body took too long to arrive\n",
            ),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

fn refusal() -> HttpResponse {
    (StatusCode::UNAUTHORIZED, Json(not_the_router())).into_response()
}

fn not_the_router() -> Response {
    let mut error = ServerError::new(
        "This subgraph answers its router only: the signed caller is missing or not valid",
        None,
    );
    let mut extensions = async_graphql::ErrorExtensionValues::default();
    extensions.set("code", ErrorCode::Unauthenticated.as_str());
    error.extensions = Some(extensions);
    Response::from_errors(vec![error])
}

/// A connection of the router's. Its operations are for many callers, each signed in the operation's
/// extensions; one without is for the caller of the connection.
#[derive(Clone)]
struct As {
    service: Service,
    caller: Caller,
}

impl As {
    /// Whom an operation is for; `None` if that is forged or too old.
    fn caller(&self, request: &mut Request) -> Option<Caller> {
        match request.extensions.remove(CALLER_HEADER) {
            Some(Value::String(signed)) => self.service.key.verify(&signed).ok(),
            Some(_) => None,
            None => Some(self.caller.clone()),
        }
    }
}

impl Executor for As {
    async fn execute(&self, mut request: Request) -> Response {
        match self.caller(&mut request) {
            Some(caller) => self.service.subgraph.execute(request, caller).await,
            None => not_the_router(),
        }
    }

    fn execute_stream(
        &self,
        mut request: Request,
        _session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        let Some(caller) = self.caller(&mut request) else {
            return stream::once(async { not_the_router() }).boxed();
        };
        self.service.subgraph.execute_stream(move || {
            let mut again = Request::new(&request.query).variables(request.variables.clone());
            again.operation_name.clone_from(&request.operation_name);
            (again, caller.clone())
        })
    }
}
