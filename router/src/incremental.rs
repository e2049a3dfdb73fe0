//! A response in parts: the initial one, and what `@defer` delivers later. The format is that of the draft of August
//! 2022, which clients name `deferSpec=20220824`.

use std::fmt;

use bytes::Bytes;
use futures::stream::BoxStream;

use crate::error::{GraphQLError, PathSegment};
use crate::response::{GraphQLResponse, member};

/// A response whose deferred fragments may follow.
pub struct IncrementalResponse {
    pub initial: GraphQLResponse,
    /// `None`: the initial response is all there is. Dropping the stream cancels what a query still fetches.
    pub later: Option<BoxStream<'static, DeferredPart>>,
}

/// Deferred fragments that are ready together.
#[derive(Clone, Debug)]
pub struct DeferredPart {
    pub payloads: Vec<DeferredPayload>,
    /// Whether others follow.
    pub has_next: bool,
}

/// The fields of a deferred fragment for one object.
#[derive(Clone, Debug)]
pub struct DeferredPayload {
    /// The JSON text of its data, `null` after propagation up to the fragment.
    pub data: Bytes,
    /// The path of the object.
    pub path: Vec<PathSegment>,
    pub label: Option<String>,
    pub errors: Vec<GraphQLError>,
}

impl IncrementalResponse {
    /// A response without deferred fragments.
    pub(crate) fn whole(initial: GraphQLResponse) -> Self {
        Self {
            initial,
            later: None,
        }
    }
}

impl fmt::Debug for IncrementalResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncrementalResponse")
            .field("initial", &self.initial)
            .field("later", &self.later.is_some())
            .finish()
    }
}

/// The initial response as JSON, if others follow.
pub(crate) fn initial_bytes(initial: &GraphQLResponse) -> Bytes {
    let mut out = initial.to_bytes().to_vec();
    out.pop();
    member(&mut out, "hasNext", &true);
    out.push(b'}');
    out.into()
}

impl DeferredPart {
    /// The part as JSON. `data` is copied, not serialized again.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = b"{\"incremental\":[".to_vec();
        for (index, payload) in self.payloads.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            payload.write_json(&mut out);
        }
        out.push(b']');
        member(&mut out, "hasNext", &self.has_next);
        out.push(b'}');
        out.into()
    }
}

impl DeferredPayload {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"data\":");
        out.extend_from_slice(&self.data);
        member(out, "path", &self.path);
        if let Some(label) = &self.label {
            member(out, "label", label);
        }
        if !self.errors.is_empty() {
            member(out, "errors", &self.errors);
        }
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn parts_are_written_as_clients_read_them() {
        let initial = GraphQLResponse {
            data: Some(Bytes::from_static(b"{\"a\":{}}")),
            ..GraphQLResponse::default()
        };
        assert_eq!(
            &initial_bytes(&initial)[..],
            br#"{"data":{"a":{}},"hasNext":true}"#
        );
        let path = vec![PathSegment::Key("a".to_owned()), PathSegment::Index(1)];
        let payload = |data: &'static [u8], label: Option<&str>, errors| DeferredPayload {
            data: Bytes::from_static(data),
            path: path.clone(),
            label: label.map(str::to_owned),
            errors,
        };
        let part = DeferredPart {
            payloads: vec![
                payload(b"{\"b\":1}", Some("late"), Vec::new()),
                payload(
                    b"null",
                    None,
                    vec![GraphQLError::new(ErrorCode::Internal, "no")],
                ),
            ],
            has_next: false,
        };
        let expected = concat!(
            r#"{"incremental":[{"data":{"b":1},"path":["a",1],"label":"late"},"#,
            r#"{"data":null,"path":["a",1],"errors":[{"message":"no","extensions":{"code":"INTERNAL"}}]}],"#,
            r#""hasNext":false}"#
        );
        assert_eq!(&part.to_bytes()[..], expected.as_bytes());
    }
}
