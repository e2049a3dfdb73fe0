//! Builds responses: status and headers of a GraphQL response or a refusal.

use axum::body::Body;
use axum::http::header::GetAll;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use platform::rate_limit::Decision;
use sha2::{Digest, Sha256};

use super::media::MediaType;
use crate::cache_control::CachePolicy;
use crate::charge::seconds;
use crate::clients::KEY_HEADER;
use crate::error::ErrorCode;
use crate::prepare::OperationKind;
use crate::request::TRACING;
use crate::response::{GraphQLResponse, StatusHint};
use crate::server::operation_log::NAME_HEADERS;
use crate::server::refusal::Refusal;
use crate::server::unsent::Unsent;

/// The tightest bucket's capacity, remainder, and seconds until it is full.
pub(in crate::server) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
pub(in crate::server) const RATE_REMAINING: HeaderName =
    HeaderName::from_static("ratelimit-remaining");
pub(in crate::server) const RATE_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The response to a rejected request.
pub(super) fn refusal(media: MediaType, refusal: Refusal) -> Response {
    let status = refusal.status;
    let header = refusal.header.clone();
    let body = GraphQLResponse::request_error(vec![refusal.into_error()]);
    let mut response = build(media, status, &body);
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, value);
    }
    response
}

/// A GraphQL response.
pub(super) fn graphql(media: MediaType, response: &GraphQLResponse) -> Response {
    let status = match (response.status_hint(), media) {
        (StatusHint::Executed, _) => StatusCode::OK,
        (StatusHint::RequestError(code), _) if !is_clients_document(code) => status_of(code),
        (StatusHint::RequestError(_), MediaType::Json) => StatusCode::OK,
        (StatusHint::RequestError(code), MediaType::GraphQLResponse) => status_of(code),
    };
    build(media, status, response)
}

/// Sets the rate limit headers, and `Retry-After` if the request was rejected.
pub(in crate::server) fn set_rate(headers: &mut HeaderMap, rate: Option<Decision>) {
    let Some(rate) = rate else {
        return;
    };
    let quota = rate.quota;
    headers.insert(RATE_LIMIT, quota.burst.into());
    headers.insert(RATE_REMAINING, rate.remaining.into());
    headers.insert(RATE_RESET, seconds(rate.reset).into());
    if let Some(wait) = rate.retry_after {
        headers.insert(header::RETRY_AFTER, seconds(wait).into());
    }
}

/// What determines a response's caching headers.
pub(super) struct Caching<'a> {
    pub(super) policy: Option<CachePolicy>,
    /// Headers that subgraphs see.
    pub(super) forwarded: &'a [HeaderName],
    /// The request's document id may reference another document for another client.
    pub(super) depends_on_client: bool,
    /// `If-None-Match` of a GET, whose response may be cached.
    pub(super) known: Option<GetAll<'a, HeaderValue>>,
}

/// A possibly long response with its caching headers, counted until its client has read it. A publicly cacheable one
/// gets an entity tag; a client that has it gets 304.
///
/// # Errors
/// A refusal if too many responses are unread.
pub(super) fn cached(
    media: MediaType,
    kind: OperationKind,
    response: &GraphQLResponse,
    unsent: &Unsent,
    caching: &Caching<'_>,
) -> Result<Response, Refusal> {
    if response.data.is_none() {
        return Ok(graphql(media, response));
    }
    let bytes = response.to_bytes();
    let is_public = caching.policy.is_some_and(|policy| policy.public);
    let known = caching.known.as_ref().filter(|_| is_public);
    let tag = known.map(|_| entity_tag(media, &bytes));
    let is_known = known.zip(tag.as_ref());
    let mut answer = if is_known.is_some_and(|(known, tag)| names(known, tag)) {
        let mut unchanged = Response::new(Body::empty());
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        headers(&mut unchanged, media);
        unchanged.headers_mut().remove(header::CONTENT_TYPE);
        unchanged
    } else {
        held(media, kind, bytes, unsent).ok_or_else(Refusal::unread)?
    };
    set_caching(&mut answer, caching);
    set_rate(answer.headers_mut(), response.rate);
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    Ok(answer)
}

/// A response that is accounted for until its client has read it; `None` if too much is unread.
pub(super) fn held(
    media: MediaType,
    kind: OperationKind,
    bytes: impl Into<Bytes>,
    unsent: &Unsent,
) -> Option<Response> {
    let bytes = bytes.into();
    let length = HeaderValue::from(bytes.len());
    let mut answer = Response::new(unsent.body(kind, bytes)?);
    headers(&mut answer, media);
    answer.headers_mut().insert(header::CONTENT_LENGTH, length);
    Some(answer)
}

/// Whether a client's `If-None-Match` has this tag.
fn names(known: &GetAll<'_, HeaderValue>, tag: &str) -> bool {
    let lists = known.iter().filter_map(|list| list.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known == tag)
}

/// A weak tag, since the response may be compressed.
fn entity_tag(media: MediaType, answer: &[u8]) -> String {
    let hash = Sha256::new()
        .chain_update(media.content_type().as_bytes())
        .chain_update(answer)
        .finalize();
    let digits: String = hash
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("W/\"{digits}\"")
}

/// Sets `cache-control` and `vary`.
pub(super) fn set_caching(answer: &mut Response, caching: &Caching<'_>) {
    let policy = caching.policy;
    let value = policy.map_or_else(|| "no-store".to_owned(), CachePolicy::to_value);
    let headers = answer.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    if policy.is_none() {
        return;
    }
    let credentials = [header::AUTHORIZATION, HeaderName::from_static(KEY_HEADER)];
    let names = NAME_HEADERS.map(HeaderName::from_static);
    let names = names.into_iter().filter(|_| caching.depends_on_client);
    // Tracing headers differ for every request; listing them in `Vary` would defeat caching.
    let forwarded = caching.forwarded.iter().cloned();
    let forwarded = forwarded.filter(|name| !TRACING.contains(&name.as_str()));
    for name in credentials.into_iter().chain(names).chain(forwarded) {
        headers.append(header::VARY, HeaderValue::from(name));
    }
}

/// The request was well-formed and admitted, but its document or variables are invalid. Older clients expect 200 then.
fn is_clients_document(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::GraphQLParseFailed
            | ErrorCode::GraphQLValidationFailed
            | ErrorCode::OperationResolutionFailure
            | ErrorCode::BadUserInput
            | ErrorCode::OperationTooComplex
            | ErrorCode::PersistedQueryNotFound
            | ErrorCode::PersistedQueryNotSupported
            | ErrorCode::PersistedQueryHashMismatch
            | ErrorCode::PersistedQueryIdRequired
            | ErrorCode::QueryNotInSafelist
    )
}

fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::FeatureDisabled | ErrorCode::QueryNotInSafelist => {
            StatusCode::FORBIDDEN
        }
        ErrorCode::PersistedQueryNotFound => StatusCode::NOT_FOUND,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::SubgraphUnavailable => StatusCode::BAD_GATEWAY,
        ErrorCode::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::GraphQLParseFailed
        | ErrorCode::GraphQLValidationFailed
        | ErrorCode::OperationResolutionFailure
        | ErrorCode::BadUserInput
        | ErrorCode::BatchingNotSupported
        | ErrorCode::NotFound
        | ErrorCode::Conflict
        | ErrorCode::SchemaChanged
        | ErrorCode::OperationTooComplex
        | ErrorCode::PersistedQueryNotSupported
        | ErrorCode::PersistedQueryHashMismatch
        | ErrorCode::PersistedQueryIdRequired => StatusCode::BAD_REQUEST,
    }
}

fn build(media: MediaType, status: StatusCode, body: &GraphQLResponse) -> Response {
    let mut response = Response::new(Body::from(body.to_bytes()));
    *response.status_mut() = status;
    headers(&mut response, media);
    // Caches store some error responses unless told not to.
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    set_rate(response.headers_mut(), body.rate);
    response
}

fn headers(response: &mut Response, media: MediaType) {
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media.content_type());
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("accept"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::GraphQLError;

    #[test]
    fn the_status_depends_on_the_media_type_only_for_the_clients_own_mistakes() {
        let check = |code: ErrorCode, json: u16, graphql_response: u16| {
            let refused = GraphQLResponse::request_error(vec![GraphQLError::new(code, "no")]);
            assert_eq!(graphql(MediaType::Json, &refused).status(), json);
            let response = graphql(MediaType::GraphQLResponse, &refused);
            assert_eq!(response.status(), graphql_response);
        };
        check(ErrorCode::GraphQLParseFailed, 200, 400);
        check(ErrorCode::GraphQLValidationFailed, 200, 400);
        check(ErrorCode::OperationResolutionFailure, 200, 400);
        check(ErrorCode::BadUserInput, 200, 400);
        check(ErrorCode::PersistedQueryNotFound, 200, 404);
        check(ErrorCode::PersistedQueryNotSupported, 200, 400);
        check(ErrorCode::PersistedQueryHashMismatch, 200, 400);
        check(ErrorCode::PersistedQueryIdRequired, 200, 400);
        check(ErrorCode::QueryNotInSafelist, 200, 403);
        check(ErrorCode::OperationTooComplex, 200, 400);
        check(ErrorCode::RateLimited, 429, 429);
        check(ErrorCode::Internal, 500, 500);
        let partial = GraphQLResponse {
            data: Some("null".into()),
            errors: vec![GraphQLError::new(ErrorCode::SubgraphUnavailable, "down")],
            ..GraphQLResponse::default()
        };
        assert_eq!(graphql(MediaType::GraphQLResponse, &partial).status(), 200);
    }
}
