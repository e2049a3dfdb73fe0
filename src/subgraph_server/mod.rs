//! A domain as an HTTP service: GraphQL over POST and graphql-transport-ws, for callers signed by the router and others
//! allowed by the configuration.

mod credentials;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::http::ALL_WEBSOCKET_PROTOCOLS;
use async_graphql::{Data, Executor, Request, Response, ServerError, Value};
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response as HttpResponse};
use axum::routing::get;
use axum::{Json, Router};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use platform::caller::{CALLER_HEADER, Caller, CallerKey};
use platform::clock::Clock;
use platform::supervisor::Supervisor;
use resolvers::subgraph::Subgraph;

use crate::config::Configuration;
use credentials::{Credentials, Refused};

#[derive(Clone)]
struct Service {
    subgraph: Subgraph,
    credentials: Credentials,
    max_body_bytes: usize,
    body_timeout: Duration,
}

/// The subgraph at `/graphql`.
///
/// # Errors
/// Verification keys that cannot be read.
pub(crate) fn routes(
    subgraph: Subgraph,
    key: CallerKey,
    configuration: &Configuration,
    clock: &Clock,
    supervisor: &Supervisor,
) -> anyhow::Result<Router> {
    let credentials = Credentials::new(
        subgraph.name(),
        key,
        configuration,
        clock.clone(),
        supervisor,
    )?;
    let config = &configuration.server;
    Ok(Router::new()
        .route("/graphql", get(subscribe).post(execute))
        .with_state(Service {
            subgraph,
            credentials,
            max_body_bytes: config.max_body_bytes,
            body_timeout: config.body_timeout.get(),
        }))
}

async fn execute(State(service): State<Service>, headers: HeaderMap, body: Body) -> HttpResponse {
    let credential = match service.credentials.check(&headers).await {
        Ok(credential) => credential,
        Err(refused) => return refused.into_response(),
    };
    // Nothing is read before authentication.
    let body = match service.read(&headers, body).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    let Ok(mut request) = serde_json::from_slice(&body)
        .inspect_err(|error| tracing::debug!(%error, "a request cannot be read"))
    else {
        return (
            StatusCode::BAD_REQUEST,
            "the body is not a GraphQL request\n",
        )
            .into_response();
    };
    let caller = match credential.caller(&body, &mut request) {
        Ok(caller) => caller,
        Err(refused) => return refused.into_response(),
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
    let credential = service.credentials.check(&headers).await;
    let (caller, lifetime) = match credential.and_then(|credential| credential.connection()) {
        Ok(connection) => connection,
        Err(refused) => return refused.into_response(),
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
                "send queries by POST; GET is for graphql-transport-ws\n",
            )
                .into_response();
        }
    };
    let executor = As { service, caller };
    upgrade
        .protocols(ALL_WEBSOCKET_PROTOCOLS)
        .on_upgrade(move |socket| async move {
            let serving = GraphQLWebSocket::new(socket, executor, protocol).serve();
            match lifetime {
                // The connection is closed when the token expires.
                Some(lifetime) => drop(tokio::time::timeout(lifetime, serving).await),
                None => serving.await,
            }
        })
}

impl Service {
    /// Reads a request's body within limits of size and time.
    async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Bytes, (StatusCode, &'static str)> {
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
            Ok(Ok(bytes)) => Ok(bytes),
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

impl From<Refused> for Response {
    fn from(refused: Refused) -> Self {
        let mut error = ServerError::new(refused.message(), None);
        let mut extensions = async_graphql::ErrorExtensionValues::default();
        extensions.set("code", refused.code().as_str());
        error.extensions = Some(extensions);
        Self::from_errors(vec![error])
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> HttpResponse {
        (self.status(), Json(Response::from(self))).into_response()
    }
}

/// A connection from the router. Its operations have many callers, each signed in the operation's extensions; one
/// without a signature has the connection's caller.
#[derive(Clone)]
struct As {
    service: Service,
    caller: Caller,
}

impl As {
    /// The caller of an operation, unless its signature is forged or expired.
    fn caller(&self, request: &mut Request) -> Result<Caller, Refused> {
        let signed = match request.extensions.get(CALLER_HEADER) {
            Some(Value::String(signed)) => self.service.credentials.signed(signed)?,
            Some(_) => return Err(Refused::Stranger),
            None => return Ok(self.caller.clone()),
        };
        let body = router::signed_operation(request).map_err(|_| Refused::Stranger)?;
        Ok(signed.with_body(&body)?)
    }
}

impl Executor for As {
    async fn execute(&self, mut request: Request) -> Response {
        match self.caller(&mut request) {
            Ok(caller) => self.service.subgraph.execute(request, caller).await,
            Err(refused) => refused.into(),
        }
    }

    fn execute_stream(
        &self,
        mut request: Request,
        _session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        let caller = match self.caller(&mut request) {
            Ok(caller) => caller,
            Err(refused) => return stream::once(async { refused.into() }).boxed(),
        };
        self.service.subgraph.execute_stream(move || {
            let mut again = Request::new(&request.query).variables(request.variables.clone());
            again.operation_name.clone_from(&request.operation_name);
            (again, caller.clone())
        })
    }
}
