//! The two encodings of a subscription in an HTTP response: server-sent events, in the distinct connections mode of
//! GraphQL over SSE, and Apollo's `multipart/mixed`.

use std::fmt::Write;

use axum::http::HeaderValue;
use bytes::Bytes;

use crate::error::GraphQLError;
use crate::response::GraphQLResponse;
use crate::subscribe::EventId;

/// How events are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `text/event-stream`. Events have ids, so that clients can resume.
    EventStream,
    /// `multipart/mixed`. A reader needs the next delimiter to complete a part, so each part is written with the
    /// delimiter that follows.
    Multipart,
}

impl Format {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::EventStream => "sse",
            Self::Multipart => "multipart",
        }
    }

    pub(super) const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::EventStream => "text/event-stream; charset=utf-8",
            Self::Multipart => "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0",
        })
    }

    /// The first bytes, which tell the client that it is connected.
    pub(super) const fn begin(self) -> Bytes {
        Bytes::from_static(match self {
            Self::EventStream => b":\n\n",
            Self::Multipart => b"\r\n--graphql",
        })
    }

    pub(super) fn heartbeat(self) -> Bytes {
        match self {
            Self::EventStream => Bytes::from_static(b":\n\n"),
            Self::Multipart => part(&[b"{}"]),
        }
    }

    /// A GraphQL response, as JSON.
    pub(super) fn payload(self, id: Option<EventId>, payload: &[u8]) -> Bytes {
        match self {
            Self::EventStream => {
                let mut head = String::new();
                if let Some(id) = id {
                    // Writing to a string does not fail.
                    let _ = writeln!(head, "id: {id}");
                }
                head.push_str("event: next\ndata: ");
                let mut out = Vec::with_capacity(head.len() + payload.len() + 2);
                out.extend_from_slice(head.as_bytes());
                // A line break would end the data; in JSON it can only be white space.
                out.extend(payload.iter().map(|byte| match byte {
                    b'\n' | b'\r' => b' ',
                    byte => *byte,
                }));
                out.extend_from_slice(b"\n\n");
                out.into()
            }
            Self::Multipart => part(&[b"{\"payload\":", payload, b"}"]),
        }
    }

    /// The regular end.
    pub(super) fn end(self) -> Bytes {
        Bytes::from_static(match self {
            Self::EventStream => b"event: complete\ndata:\n\n",
            Self::Multipart => b"--\r\n",
        })
    }

    /// The end of a stream that the client should not reopen as it was.
    pub(super) fn abort(self, error: &GraphQLError) -> Bytes {
        let response = GraphQLResponse::request_error(vec![error.clone()]).to_bytes();
        let mut out = match self {
            Self::EventStream => self.payload(None, &response),
            // `{"errors":[…]}` becomes `{"payload":null,"errors":[…]}`: a transport-level error.
            Self::Multipart => {
                part(&[b"{\"payload\":null,", response.get(1..).unwrap_or_default()])
            }
        }
        .to_vec();
        out.extend_from_slice(&self.end());
        out.into()
    }

    /// The end of a stream that the client should reopen: an event stream just breaks off, and its client reconnects by
    /// itself.
    pub(super) fn interrupt(self, error: &GraphQLError) -> Option<Bytes> {
        match self {
            Self::EventStream => None,
            Self::Multipart => Some(self.abort(error)),
        }
    }
}

fn part(body: &[&[u8]]) -> Bytes {
    let length: usize = body.iter().map(|piece| piece.len()).sum();
    let mut out = Vec::with_capacity(length + 64);
    out.extend_from_slice(b"\r\ncontent-type: application/json\r\n\r\n");
    for piece in body {
        out.extend_from_slice(piece);
    }
    out.extend_from_slice(b"\r\n--graphql");
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn text(bytes: &Bytes) -> String {
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    #[test]
    fn events_have_one_line_of_data_and_an_id() {
        let id = EventId {
            stream: 255,
            number: 3,
            sequence: Some(9),
        };
        let event = Format::EventStream.payload(Some(id), b"{\"data\":\r\n{}}");
        assert_eq!(
            text(&event),
            "id: 00000000000000ff-3-9\nevent: next\ndata: {\"data\":  {}}\n\n"
        );
    }

    #[test]
    fn parts_end_with_the_next_delimiter() {
        let payload = Format::Multipart.payload(None, b"{\"data\":null}");
        assert_eq!(
            text(&payload),
            "\r\ncontent-type: application/json\r\n\r\n{\"payload\":{\"data\":null}}\r\n--graphql"
        );
        let error = GraphQLError::new(ErrorCode::Unauthenticated, "late");
        let abort = text(&Format::Multipart.abort(&error));
        assert!(
            abort.contains("{\"payload\":null,\"errors\":[{\"message\":\"late\""),
            "{abort}"
        );
        assert!(abort.ends_with("\r\n--graphql--\r\n"), "{abort}");
    }
}
