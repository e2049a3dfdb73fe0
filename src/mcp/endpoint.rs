//! HTTP around the protocol: who asks, how much they may send, and what every response carries.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request};
use axum::response::Response;
use metrics::{counter, histogram};
use parking_lot::Mutex;
use platform::telemetry::access_log::OperationDetails;
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use router::OperationKind;
use router::clients::KEY_HEADER;
use router::server::{ClientRequest, ServerState};
use router::tools::ClientTools;
use serde::de::IgnoredAny;

use super::Settings;
use super::rejection::Rejection;
use super::server::ToolServer;

/// What requests to the endpoint share.
#[derive(Clone)]
pub(super) struct Endpoint {
    state: ServerState,
    settings: Arc<Settings>,
    service: StreamableHttpService<ToolServer, NeverSessionManager>,
}

/// A request whose client is known. The protocol's handlers find it in the request's extensions.
pub(super) struct ToolRequest {
    pub(super) client: ClientRequest,
    pub(super) tools: Arc<ClientTools>,
    /// Whether it is a key that shows whose request it is. Its sender may not be able to sign in.
    pub(super) has_key: bool,
    pub(super) outcome: Mutex<Outcome>,
}

/// What a handler leaves for the response.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The kind of the operation, if one ran.
    pub(super) ran: Option<OperationKind>,
    /// Replaces the response's status and headers.
    pub(super) rejection: Option<Rejection>,
}

impl Endpoint {
    pub(super) fn new(state: &ServerState, settings: Settings) -> Self {
        // Hosts are not checked, as a public process has any; pages are, by their origin.
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .disable_allowed_hosts()
            .with_max_request_body_bytes(settings.max_body_bytes);
        let settings = Arc::new(settings);
        let server = ToolServer(settings.clone());
        let sessions = Arc::new(NeverSessionManager::default());
        Self {
            state: state.clone(),
            service: StreamableHttpService::new(move || Ok(server.clone()), sessions, config),
            settings,
        }
    }

    /// Finds out whose request it is.
    async fn receive(
        &self,
        parts: &request::Parts,
    ) -> Result<ToolRequest, (Rejection, OperationDetails)> {
        let not_known = |rejection: Rejection| {
            let code = Some(rejection.code().as_str().to_owned());
            let details = OperationDetails {
                code,
                ..OperationDetails::default()
            };
            (rejection, details)
        };
        let public = Some(&self.settings.public);
        let admitted = self.state.admit_page(&parts.headers, public);
        admitted.map_err(|refusal| not_known(refusal.into()))?;
        let client = match &self.settings.client {
            Some(default) => ClientRequest::identify_or(&self.state, parts, default).await,
            None => ClientRequest::identify(&self.state, parts).await,
        };
        let client = client.map_err(|(refusal, details)| (refusal.into(), details))?;
        let tools = self.state.tools();
        let name = client.client();
        let Some(tools) = name.and_then(|name| tools.of_client(name)) else {
            let rejection = match name {
                None if !parts.headers.contains_key(header::AUTHORIZATION) => {
                    Rejection::no_client()
                }
                name => Rejection::no_tools(name),
            };
            client.refused(rejection.code());
            return Err((rejection, client.details()));
        };
        Ok(ToolRequest {
            tools: tools.clone(),
            client,
            has_key: parts.headers.contains_key(KEY_HEADER),
            outcome: Mutex::default(),
        })
    }

    /// Lets the protocol answer the request.
    async fn answer(
        &self,
        request: &Arc<ToolRequest>,
        mut parts: request::Parts,
        body: Body,
    ) -> Result<Response, Rejection> {
        let client = &request.client;
        let limit = self.settings.max_body_bytes;
        let sent = client.read(&parts.headers, body, limit).await?;
        parts.extensions.insert(Arc::clone(request));
        let whole = Request::from_parts(parts, Body::from(sent.clone()));
        let (head, body) = self.service.handle(whole).await.into_parts();
        // Responses are whole: handlers send nothing before them.
        let body = axum::body::to_bytes(Body::new(body), usize::MAX).await;
        let body = body.map_err(|_| Rejection::internal())?;
        if !head.status.is_success() && !is_json(&head.headers) {
            return Err(not_read(head.status, &sent, &body));
        }
        let outcome = std::mem::take(&mut *request.outcome.lock());
        // What a mutation has done is told, however much is unread.
        let kind = outcome.ran.unwrap_or(OperationKind::Query);
        let mut response = Response::from_parts(head, client.body(kind, body)?);
        client.set_rate(response.headers_mut());
        if let Some(rejection) = outcome.rejection {
            client.refused(rejection.code());
            rejection.apply(&mut response, &self.settings.metadata);
        }
        let details = match outcome.ran {
            Some(_) => client.finish(),
            None => client.details(),
        };
        response.extensions_mut().insert(details);
        Ok(response)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind == "application/json")
}

/// Why the library did not read a request. It answers with a text, and does not tell a wrong body from a wrong media type.
fn not_read(status: StatusCode, sent: &[u8], text: &[u8]) -> Rejection {
    if status.is_server_error() {
        tracing::error!(error = %String::from_utf8_lossy(text), "the protocol's library failed");
        return Rejection::internal();
    }
    let is_json = serde_json::from_slice::<IgnoredAny>(sent);
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE
        && let Err(error) = is_json
    {
        return Rejection::not_json(&error);
    }
    let is_message = serde_json::from_slice::<ClientJsonRpcMessage>(sent).is_ok();
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE && !is_message {
        return Rejection::no_message();
    }
    Rejection::protocol(status, &String::from_utf8_lossy(text))
}

/// Handles requests to the endpoint.
pub(super) async fn handle(State(endpoint): State<Endpoint>, request: Request) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let rejected = |rejection: Rejection, details: OperationDetails| {
        let mut response = rejection.into_response(&endpoint.settings.metadata);
        response.extensions_mut().insert(details);
        response
    };
    let mut response = match endpoint.receive(&parts).await {
        Ok(request) => {
            let request = Arc::new(request);
            let answered = endpoint.answer(&request, parts, body).await;
            answered.unwrap_or_else(|rejection| {
                request.client.refused(rejection.code());
                rejected(rejection, request.client.details())
            })
        }
        Err((rejection, details)) => rejected(rejection, details),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let status = response.status().as_str().to_owned();
    counter!("vantage_mcp_requests_total", "status" => status).increment(1);
    histogram!("vantage_mcp_request_duration_seconds").record(started.elapsed().as_secs_f64());
    response
}
