//! GraphQL over HTTP, as specified by the working group.

mod batch;
mod csrf;
mod deferred;
mod media;
pub(super) mod respond;
mod stream;
mod stream_format;

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Request, State, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header, request};
use axum::response::{IntoResponse, Response};
use platform::panics;
use platform::telemetry::access_log::OperationDetails;
use platform::telemetry::request_id::{REQUEST_ID, header_value};

use self::media::{Accepted, MediaType};
use self::respond::Caching;
use self::stream_format::Format;
use super::body;
use super::client::{Client, authorization};
use super::documents::{self, OperationError, Prepared};
use super::execution::{execute, execute_incremental};
use super::overload::Permit;
use super::params;
use super::refusal::Refusal;
use super::sender::Sender;
use super::state::{IdePage, ServerState};
use super::ws;
use crate::cache_control::CachePolicy;
use crate::clients::{IdentityError, KEY_HEADER};
use crate::incremental::IncrementalResponse;
use crate::prepare::OperationKind;
use crate::request::{GraphQLRequest, PlanRequest, PreparedRequest};
use crate::subscribe::EventId;

/// Requests the query plan: `true` with the response, `dry-run` instead of it.
const QUERY_PLAN: &str = "x-vantage-query-plan";
/// Asks for `extensions.entityCache`.
const CACHE_REPORT: &str = "x-vantage-cache-report";

/// The document id in a request's path.
#[derive(Clone, Debug)]
struct PathDocument(String);

/// Handles requests to a document's path.
pub(super) async fn handle_document(
    State(state): State<ServerState>,
    Path(id): Path<String>,
    mut request: Request,
) -> Response {
    request.extensions_mut().insert(PathDocument(id));
    handle(State(state), request).await
}

/// Handles requests to the endpoint.
pub(super) async fn handle(State(state): State<ServerState>, request: Request) -> Response {
    let start = Instant::now();
    let (parts, body) = request.into_parts();
    let client = Client::new(&parts, state.config.trusted_proxies, &state.forward_headers);
    let id = header_value(&client.request_id);
    let method = parts.method.clone();
    let (log, known_pairs) = (client.log.clone(), state.known_pairs.clone());
    let mut response = answer(state, client, parts, body).await;
    response.headers_mut().insert(REQUEST_ID, id);
    record(&method, response.status(), start);
    // Log GraphQL requests only, not pages or upgrades. Batches log their operations themselves.
    if is_graphql(&response) && response.extensions().get::<OperationDetails>().is_none() {
        let details = log.finish(&known_pairs);
        response.extensions_mut().insert(details);
    }
    response
}

async fn answer(state: ServerState, client: Client, parts: request::Parts, body: Body) -> Response {
    let accepted = media::negotiate(&parts.headers);
    // A client that accepts none of our media types still gets a readable error.
    let refused_as = accepted.as_ref().map_or(MediaType::Json, Accepted::refusal);
    let log = client.log.clone();
    let answer = match (&parts.method, ide_page(&state)) {
        (&Method::GET, _) if is_upgrade(&parts.headers) => upgrade(state, client, parts).await,
        (&Method::GET, Some(ide)) if wants_page(&parts) => Ok(page(ide)),
        (&Method::GET, _) => catch_panic(get(state, client, parts, accepted)).await,
        (&Method::POST, _) => catch_panic(post(state, client, parts, body, accepted)).await,
        _ => Err(Refusal::method("GET, POST", "use GET or POST")),
    };
    answer.unwrap_or_else(|refusal| {
        log.refused(refusal.code());
        respond::refusal(refused_as, refusal)
    })
}

fn wants_page(parts: &request::Parts) -> bool {
    parts.extensions.get::<PathDocument>().is_none() && media::wants_page(parts)
}

fn is_graphql(response: &Response) -> bool {
    let html = |value: &HeaderValue| value.as_bytes().starts_with(b"text/html");
    response.status() != StatusCode::SWITCHING_PROTOCOLS
        && !response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(html)
}

/// Confines a panic to the request that caused it.
async fn catch_panic(
    answer: impl Future<Output = Result<Response, Refusal>>,
) -> Result<Response, Refusal> {
    panics::catch(answer).await.unwrap_or_else(|_| {
        tracing::error!("a request panicked");
        Err(Refusal::internal())
    })
}

async fn get(
    state: ServerState,
    client: Client,
    parts: request::Parts,
    accepted: Result<Accepted, Refusal>,
) -> Result<Response, Refusal> {
    let accepted = accepted?;
    // A browser's `EventSource` cannot set headers.
    let event_source = accepted.stream == Some(Format::EventStream);
    if !(event_source && state.origins.allow_event_source(&parts.headers)) {
        csrf::check(&parts.headers, &state.csrf_headers)?;
    }
    let sender = Sender::identify(&state, client, &parts.headers).await?;
    let permit = sender.admit(&state).await?;
    let mut request = params::from_query(parts.uri.query().unwrap_or_default())?;
    document_in_path(&parts, &mut request)?;
    run(state, sender, request, permit, &parts, accepted).await
}

async fn post(
    state: ServerState,
    client: Client,
    parts: request::Parts,
    body: Body,
    accepted: Result<Accepted, Refusal>,
) -> Result<Response, Refusal> {
    let accepted = accepted?;
    media::require_json(&parts.headers)?;
    let sender = Sender::identify(&state, client, &parts.headers).await?;
    let (limit, patience) = (state.config.max_body_bytes, state.config.body_timeout.get());
    let body = body::read(&parts.headers, body, limit, patience).await?;
    if batch::is_batch(&body) {
        return batch::answer(&state, &sender, &body, &parts, accepted).await;
    }
    // The body is there: nobody holds a place while it arrives.
    let permit = sender.admit(&state).await?;
    let mut request = params::from_body(&body)?;
    document_in_path(&parts, &mut request)?;
    run(state, sender, request, permit, &parts, accepted).await
}

/// Takes a document id from the path below the endpoint.
fn document_in_path(parts: &request::Parts, request: &mut GraphQLRequest) -> Result<(), Refusal> {
    match parts.extensions.get::<PathDocument>() {
        Some(PathDocument(id)) => params::at_path(id.clone(), request),
        None => Ok(()),
    }
}

async fn run(
    state: ServerState,
    sender: Sender,
    mut request: GraphQLRequest,
    permit: Permit,
    parts: &request::Parts,
    accepted: Accepted,
) -> Result<Response, Refusal> {
    let Sender {
        client,
        identity,
        application,
    } = sender;
    let router = state.router.load_full();
    let mut context = client.context(&state, &identity.caller, application);
    context.query_plan = plan_request(&parts.headers);
    // It names subgraphs, like a plan.
    let wants_cache = parts.headers.get(CACHE_REPORT);
    context.shows_cache =
        wants_cache.is_some_and(|value| value == "true") && router.exposes_query_plans();
    let is_dry_run = context.query_plan == PlanRequest::DryRun && router.exposes_query_plans();
    let prepared = documents::prepare(&state, &router, &mut request, &context, &client.log);
    let Prepared {
        operation,
        depends_on_client,
    } = match prepared.await {
        Ok(prepared) => prepared,
        Err(error) => return refuse(&client, accepted, error),
    };
    client.log.prepared(&operation);
    let kind = operation.kind();
    let unsent = state.unsent.of_request(&parts.extensions);
    if kind != OperationKind::Subscription && !unsent.has_room() {
        return Err(Refusal::unread());
    }
    let request = PreparedRequest {
        operation,
        variables: request.variables,
        context,
    };
    let response = match kind {
        OperationKind::Mutation if parts.method == Method::GET => {
            return Err(Refusal::method("POST", "mutations need POST"));
        }
        OperationKind::Query | OperationKind::Mutation => {
            match accepted.deferred.filter(|_| request.operation.defers()) {
                None => execute(&router, request, permit).await?,
                Some(format) => {
                    let response = execute_incremental(&router, request, permit).await?;
                    let IncrementalResponse { initial, later } = response;
                    if let Some(later) = later {
                        client.log.answered(&initial.errors);
                        return Ok(deferred::answer(format, kind, &initial, later, &unsent));
                    }
                    initial
                }
            }
        }
        OperationKind::Subscription if is_dry_run => execute(&router, request, permit).await?,
        OperationKind::Subscription => {
            let Some(format) = accepted.stream else {
                return Err(Refusal::not_acceptable(
                    "subscriptions are answered with text/event-stream or multipart/mixed, or over WebSocket",
                ));
            };
            let after = last_event(&parts.headers);
            let (operation, starting) = (Arc::clone(&request.operation), Instant::now());
            let opened = stream::open(
                &state,
                &router,
                request,
                (&client, &identity),
                format,
                after,
            );
            let opened = opened.await;
            if opened.is_ok() {
                permit.finish(&operation, starting.elapsed());
            }
            return opened.or_else(|error| refuse(&client, accepted, error));
        }
    };
    client.log.answered(&response.errors);
    match (accepted.single, accepted.stream) {
        (Some(media), _) => {
            let is_get = parts.method == Method::GET;
            // Never public for authenticated callers, since subgraphs may omit to mark private fields.
            let policy = response.cache.map(|policy| CachePolicy {
                public: policy.public && !is_known(&parts.headers),
                ..policy
            });
            let caching = Caching {
                policy,
                forwarded: &state.forward_headers,
                depends_on_client,
                known: is_get.then(|| parts.headers.get_all(header::IF_NONE_MATCH)),
            };
            respond::cached(media, kind, &response, &unsent, &caching)
        }
        // A request error needs a status code, which a stream cannot carry.
        (None, Some(Format::EventStream)) if response.data.is_some() => {
            stream::answer(kind, &response, &unsent).ok_or_else(Refusal::unread)
        }
        (None, _) => Ok(respond::graphql(accepted.refusal(), &response)),
    }
}

/// Whether the request carries credentials.
fn is_known(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION) || headers.contains_key(KEY_HEADER)
}

/// The response to a rejected operation.
fn refuse(client: &Client, accepted: Accepted, error: OperationError) -> Result<Response, Refusal> {
    match error {
        OperationError::Request(refusal) => Err(refusal),
        OperationError::Operation(response) => {
            client.log.answered(&response.errors);
            Ok(respond::graphql(accepted.refusal_of(&response), &response))
        }
    }
}

/// The last event that a reconnecting client has seen. An unknown id is ignored, and the client starts over.
fn last_event(headers: &HeaderMap) -> Option<EventId> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

fn plan_request(headers: &HeaderMap) -> PlanRequest {
    match headers.get(QUERY_PLAN).map(HeaderValue::as_bytes) {
        Some(b"true") => PlanRequest::Shown,
        Some(b"dry-run") => PlanRequest::DryRun,
        _ => PlanRequest::No,
    }
}

async fn upgrade(
    state: ServerState,
    client: Client,
    mut parts: request::Parts,
) -> Result<Response, Refusal> {
    state.admit_upgrade(&parts).await?;
    let identity = state.auth.identify(authorization(&parts.headers)?).await?;
    match client.identify(&state, &identity.caller) {
        // Authentication may follow in `connection_init`.
        Ok(_) | Err(IdentityError::Unproved(_)) => {}
        Err(error) => return Err(error.into()),
    }
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => {
            let unsent = state.unsent.of_request(&parts.extensions);
            ws::upgrade(state, client, identity, unsent, upgrade)
        }
        Err(rejection) => Ok(rejection.into_response()),
    }
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn ide_page(state: &ServerState) -> Option<IdePage> {
    let page = state.ide_page.as_ref();
    page.filter(|_| state.config.development).cloned()
}

fn page(ide: IdePage) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, ide.content_policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, ide.html).into_response()
}

fn record(method: &Method, status: StatusCode, start: Instant) {
    // Clients may invent methods, which must not create new series.
    let method = match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        _ => "other",
    };
    let status = status.as_str().to_owned();
    metrics::counter!("router_http_requests_total", "method" => method, "status" => status)
        .increment(1);
    metrics::histogram!("router_http_request_duration_seconds", "method" => method)
        .record(start.elapsed().as_secs_f64());
}
