//! A response: serialized JSON data, and errors.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use platform::rate_limit::Decision;
use serde::ser::{Error as _, SerializeStruct};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::cache_control::CachePolicy;
use crate::error::{ErrorCode, GraphQLError};

/// A GraphQL response.
#[derive(Clone, Debug, Default)]
pub struct GraphQLResponse {
    /// The JSON text of `data` (`null` after propagation up to the root). `None` if the request was rejected before
    /// execution: the response then has no `data` member.
    pub data: Option<Bytes>,
    pub errors: Vec<GraphQLError>,
    pub extensions: Map<String, Value>,
    /// The cache policy; `None`: not cacheable.
    pub cache: Option<CachePolicy>,
    /// The state of the request's tightest rate-limit bucket.
    pub rate: Option<Decision>,
    /// Its JSON, written once for all who share it. Empty unless it is shared: it can still change.
    pub(crate) json: Option<Arc<OnceLock<Bytes>>>,
}

/// Which class of GraphQL over HTTP status codes applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusHint {
    /// Execution began: 200, regardless of errors.
    Executed,
    /// Rejected before execution; the code of the first error says why.
    RequestError(ErrorCode),
}

impl GraphQLResponse {
    /// The same response for all who share it; no longer changed but for `rate`, which is not part of its JSON.
    pub(crate) fn shareable(self) -> Self {
        Self {
            json: Some(Arc::default()),
            ..self
        }
    }

    /// A request error: rejected before execution.
    pub fn request_error(errors: Vec<GraphQLError>) -> Self {
        Self {
            errors,
            ..Self::default()
        }
    }

    pub fn status_hint(&self) -> StatusHint {
        match (&self.data, self.errors.first()) {
            (None, Some(error)) => StatusHint::RequestError(error.code()),
            (None, None) => StatusHint::RequestError(ErrorCode::Internal),
            (Some(_), _) => StatusHint::Executed,
        }
    }

    /// The whole response as JSON. `data` is copied, not serialized again.
    pub fn to_bytes(&self) -> Bytes {
        match &self.json {
            Some(json) => json.get_or_init(|| self.write()).clone(),
            None => self.write(),
        }
    }

    fn write(&self) -> Bytes {
        let data = self.data.as_deref().unwrap_or_default();
        let mut out = Vec::with_capacity(data.len() + 32 + 256 * self.errors.len());
        self.write_json(&mut out);
        out.into()
    }

    /// Appends the response as JSON, for protocols that wrap it in a message of their own.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        if let Some(data) = &self.data {
            out.extend_from_slice(b"\"data\":");
            out.extend_from_slice(data);
        }
        if !self.errors.is_empty() {
            member(out, "errors", &self.errors);
        }
        if !self.extensions.is_empty() {
            member(out, "extensions", &self.extensions);
        }
        out.push(b'}');
    }

    /// `data` as a tree, for tools and tests; the wire format is [`Self::to_bytes`].
    pub fn data_value(&self) -> Value {
        self.data
            .as_deref()
            .and_then(|data| serde_json::from_slice(data).ok())
            .unwrap_or(Value::Null)
    }
}

/// Appends a member to the object that `out` ends with.
pub(crate) fn member(out: &mut Vec<u8>, name: &str, value: &impl Serialize) {
    let start = out.len();
    if start > 1 && out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    // Errors and extensions are maps with string keys; writing them to memory cannot fail.
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
    }
}

impl Serialize for GraphQLResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut response = serializer.serialize_struct("GraphQLResponse", 3)?;
        if let Some(data) = &self.data {
            let raw: &RawValue = serde_json::from_slice(data).map_err(S::Error::custom)?;
            response.serialize_field("data", raw)?;
        }
        if !self.errors.is_empty() {
            response.serialize_field("errors", &self.errors)?;
        }
        if !self.extensions.is_empty() {
            response.serialize_field("extensions", &self.extensions)?;
        }
        response.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::PathSegment;

    #[test]
    fn both_ways_to_json_agree() {
        let mut response = GraphQLResponse {
            data: Some(Bytes::from_static(b"{\"a\":1.10}")),
            errors: vec![
                GraphQLError::new(ErrorCode::NotFound, "gone")
                    .at(vec![PathSegment::Key("a".into()), PathSegment::Index(3)])
                    .located(1, 2),
            ],
            ..GraphQLResponse::default()
        };
        let expected = r#"{"data":{"a":1.10},"errors":[{"message":"gone","locations":[{"line":1,"column":2}],"path":["a",3],"extensions":{"code":"NOT_FOUND"}}]}"#;
        assert_eq!(response.to_bytes(), expected);
        assert_eq!(serde_json::to_string(&response).expect("json"), expected);
        response.data = None;
        assert_eq!(
            response.status_hint(),
            StatusHint::RequestError(ErrorCode::NotFound)
        );
        assert!(response.to_bytes().starts_with(b"{\"errors\""));
    }
}
