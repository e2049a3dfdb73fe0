//! A request to a route, and what its handler does with it: read the body, run the operation, write the answer.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request};
use axum::response::Response;
use bytes::Bytes;
use platform::telemetry::request_id::REQUEST_ID;
use router::server::ClientRequest;
use router::{ErrorCode, OperationKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::RestError;
use super::error_code::RestErrorCode;
use super::operations::Operation;
use super::{IDEMPOTENCY_KEY, JSON};

/// The longest key that mutations take.
const MAX_KEY: usize = 255;

/// A request whose sender is known and whose body has arrived.
#[derive(Debug)]
pub(super) struct RestRequest {
    pub(super) client: ClientRequest,
    parts: request::Parts,
    body: Bytes,
}

impl RestRequest {
    pub(super) fn new(client: ClientRequest, parts: request::Parts, body: Bytes) -> Self {
        Self {
            client,
            parts,
            body,
        }
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// A claim of the sender's token.
    pub(super) async fn claim(&self, name: &str) -> Result<Option<Value>, RestError> {
        Ok(self.client.claim(self.headers(), name).await?)
    }

    /// The body as JSON. Members that the type does not have are ignored.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, RestError> {
        if !is_json(self.headers()) {
            return Err(RestError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                RestErrorCode::UnsupportedMediaType,
                "The body must be JSON: send it with content-type application/json",
            ));
        }
        let mut json = serde_json::Deserializer::from_slice(&self.body);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let (path, reason) = (error.path().to_string(), error.inner());
            // Neither names a place: the whole, and what breaks off.
            let is_place = path.contains(|c: char| c != '.' && c != '?');
            let place = if is_place { &path } else { "the body" };
            RestError::bad_request(format!("{place}: {reason}"))
        })?;
        let rest = json.end();
        rest.map_err(|error| RestError::bad_request(format!("the body: {error}")))?;
        Ok(value)
    }

    /// The key of a mutation: the one that the client sends, or one that follows from the request's id, user, and route,
    /// for clients that send none and repeat the id.
    pub(super) fn idempotency_key(&self) -> Result<String, RestError> {
        let mut sent = self.headers().get_all(IDEMPOTENCY_KEY).iter();
        match (sent.next(), sent.next()) {
            (None, _) => Ok(self.derived_key()),
            (Some(key), None) => key
                .to_str()
                .ok()
                .filter(|key| (1..=MAX_KEY).contains(&key.len()))
                .map(str::to_owned)
                .ok_or_else(|| {
                    let words = "visible ASCII characters: use a fresh UUID";
                    RestError::bad_request(format!("Idempotency-Key has 1 to {MAX_KEY} {words}"))
                }),
            (Some(_), Some(_)) => Err(RestError::bad_request("Idempotency-Key is sent twice")),
        }
    }

    /// A request that came without an id has been given a fresh one.
    fn derived_key(&self) -> String {
        let id = self.headers().get(REQUEST_ID).map(HeaderValue::as_bytes);
        let user = self.client.subject().unwrap_or_default();
        let parts = [
            user.as_bytes(),
            self.parts.method.as_str().as_bytes(),
            self.parts.uri.path().as_bytes(),
            id.unwrap_or_default(),
        ];
        let mut hash = Sha256::new();
        for part in parts {
            // Zero is in none of them.
            hash.update(part);
            hash.update([0]);
        }
        let digits: String = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("request-{digits}")
    }

    /// The data of an operation.
    ///
    /// # Errors
    /// The first of the graph's errors: an answer without what failed would say something else.
    pub(super) async fn run<T: DeserializeOwned>(
        &self,
        operation: &Operation,
        variables: Value,
    ) -> Result<T, RestError> {
        let request = operation.request().with_variables(variables);
        let response = self.client.run(request).await?;
        if let Some(error) = response.errors.first() {
            if error.code() == ErrorCode::Internal {
                tracing::error!(error = error.message, "an operation of a route failed");
            }
            return Err(error.into());
        }
        let data = response.data.as_deref().unwrap_or(b"null");
        serde_json::from_slice(data).map_err(|error| {
            tracing::error!(%error, "the answer to an operation of a route is not as expected");
            RestError::internal()
        })
    }

    /// The answer with this body.
    pub(super) fn answer(
        &self,
        status: StatusCode,
        body: &impl Serialize,
    ) -> Result<Response, RestError> {
        let body = serde_json::to_vec(body).map_err(|error| {
            tracing::error!(%error, "an answer cannot be written");
            RestError::internal()
        })?;
        let kind = match self.parts.method.is_safe() {
            true => OperationKind::Query,
            // It has happened, however much is unread.
            false => OperationKind::Mutation,
        };
        let mut response = Response::new(self.client.body(kind, body.into())?);
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
        Ok(response)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let sent = headers.get(header::CONTENT_TYPE);
    let sent = sent.and_then(|sent| sent.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}
