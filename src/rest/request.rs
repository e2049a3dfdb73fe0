//! A request to a route, with what handlers need: reading the body, running the operation, writing the response.

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

/// Maximum length of an idempotency key.
const MAX_KEY: usize = 255;

/// A request whose sender is verified and whose body has arrived.
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

    /// Parses the body as JSON. Members that the type does not have are ignored.
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
            // `.` is the whole body, `?` an unknown place in it.
            let is_place = path.contains(|c: char| c != '.' && c != '?');
            let place = if is_place { &path } else { "the body" };
            RestError::bad_request(format!("{place}: {reason}"))
        })?;
        let rest = json.end();
        rest.map_err(|error| RestError::bad_request(format!("the body: {error}")))?;
        Ok(value)
    }

    /// The idempotency key of a mutation: the client's own, or one derived from the request's id, user and route, for clients
    /// that send no key but repeat the id.
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
                    let words = "visible ASCII characters: use a new UUID";
                    RestError::bad_request(format!(
                        "Idempotency-Key must have 1 to {MAX_KEY} {words}"
                    ))
                }),
            (Some(_), Some(_)) => Err(RestError::bad_request(
                "Idempotency-Key was sent twice: send it once",
            )),
        }
    }

    /// A request without an id has been given a new one.
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
            // A separator that none of them contains.
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

    /// Runs an operation and returns its data.
    ///
    /// # Errors
    /// The first of the graph's errors, because partial data could be mistaken for complete data.
    pub(super) async fn run<T: DeserializeOwned>(
        &self,
        operation: &Operation,
        variables: Value,
    ) -> Result<T, RestError> {
        let request = operation.request().with_variables(variables);
        let response = self.client.run(request).await?;
        if let Some(error) = response.errors.first() {
            if error.code() == ErrorCode::Internal {
                tracing::error!(error = error.message, "the operation of a route failed");
            }
            return Err(error.into());
        }
        let data = response.data.as_deref().unwrap_or(b"null");
        serde_json::from_slice(data).map_err(|error| {
            tracing::error!(%error, "unexpected response to the operation of a route");
            RestError::internal()
        })
    }

    /// The response with this body.
    pub(super) fn answer(
        &self,
        status: StatusCode,
        body: &impl Serialize,
    ) -> Result<Response, RestError> {
        let body = serde_json::to_vec(body).map_err(|error| {
            tracing::error!(%error, "the response cannot be serialized");
            RestError::internal()
        })?;
        let kind = match self.parts.method.is_safe() {
            true => OperationKind::Query,
            // It has taken effect, so its response is sent however much is unread.
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
