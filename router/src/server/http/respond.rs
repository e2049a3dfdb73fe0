//! Answers: the status and headers that a GraphQL response or a refusal goes out with.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::media::MediaType;
use crate::cache_control::CachePolicy;
use crate::error::ErrorCode;
use crate::prepare::OperationKind;
use crate::response::{GraphQLResponse, StatusHint};
use crate::server::refusal::Refusal;
use crate::server::unsent::Unsent;

/// The answer to a refused request.
pub(super) fn refusal(media: MediaType, refusal: Refusal) -> Response {
    let (status, header) = (refusal.status, refusal.header.clone());
    let body = GraphQLResponse::request_error(vec![refusal.into_error()]);
    let mut response = build(media, status, &body);
    if let Some((name, value)) = header {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// An answer of the router.
pub(super) fn graphql(media: MediaType, response: &GraphQLResponse) -> Response {
    let status = match (response.status_hint(), media) {
        (StatusHint::Executed, _) => StatusCode::OK,
        (StatusHint::RequestError(code), _) if !is_clients_document(code) => status_of(code),
        (StatusHint::RequestError(_), MediaType::Json) => StatusCode::OK,
        (StatusHint::RequestError(code), MediaType::GraphQLResponse) => status_of(code),
    };
    build(media, status, response)
}

/// The same for an answer that may be long, which is held until its client has read it.
///
/// # Errors
/// A refusal when too much is held already.
pub(super) fn counted(
    media: MediaType,
    kind: OperationKind,
    response: &GraphQLResponse,
    unsent: &Unsent,
) -> Result<Response, Refusal> {
    if response.data.is_none() {
        return Ok(graphql(media, response));
    }
    let bytes = response.to_bytes();
    let length = bytes.len();
    let body = unsent.body(kind, bytes).ok_or_else(Refusal::unread)?;
    let mut answer = Response::new(body);
    headers(&mut answer, media);
    answer
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(answer)
}

/// Says how long an answer may be kept, and by which headers of the client it may differ.
pub(super) fn set_cache_control(
    answer: &mut Response,
    policy: Option<CachePolicy>,
    forwarded: &[HeaderName],
) {
    let value = policy.map_or_else(|| "no-store".to_owned(), CachePolicy::to_value);
    let headers = answer.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    if policy.is_some() {
        headers.append(header::VARY, HeaderValue::from(header::AUTHORIZATION));
        for name in forwarded {
            headers.append(header::VARY, HeaderValue::from(name.clone()));
        }
    }
}

/// The request was well-formed and let in; its document or variables are at fault. Clients of old
/// expect 200 then.
fn is_clients_document(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::GraphQLParseFailed
            | ErrorCode::GraphQLValidationFailed
            | ErrorCode::OperationResolutionFailure
            | ErrorCode::BadUserInput
            | ErrorCode::OperationTooComplex
            | ErrorCode::PersistedQueryNotSupported
    )
}

fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::FeatureDisabled => StatusCode::FORBIDDEN,
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
        | ErrorCode::PersistedQueryNotSupported => StatusCode::BAD_REQUEST,
    }
}

fn build(media: MediaType, status: StatusCode, body: &GraphQLResponse) -> Response {
    let mut response = Response::new(Body::from(body.to_bytes()));
    *response.status_mut() = status;
    headers(&mut response, media);
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
        check(ErrorCode::PersistedQueryNotSupported, 200, 400);
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
