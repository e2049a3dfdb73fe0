//! Responses in parts (`@defer`): as `multipart/mixed` with the boundary that all clients know, or as server-sent events.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};

use super::respond::set_rate;
use super::stream_format::Format;
use crate::incremental::{DeferredPart, initial_bytes};
use crate::prepare::OperationKind;
use crate::response::GraphQLResponse;
use crate::server::unsent::Unsent;

/// The initial response, followed by the others.
pub(super) fn answer(
    format: Format,
    kind: OperationKind,
    initial: &GraphQLResponse,
    later: BoxStream<'static, DeferredPart>,
    unsent: &Unsent,
) -> Response {
    let mut first = begin(format).to_vec();
    first.extend_from_slice(&part(format, &initial_bytes(initial), true));
    let first = stream::once(std::future::ready(Bytes::from(first)));
    let later = later.map(move |later| part(format, &later.to_bytes(), later.has_next));
    let mut response = Response::new(unsent.parts(kind, first.chain(later)));
    let headers = response.headers_mut();
    let content_type = match format {
        Format::EventStream => format.content_type(),
        Format::Multipart => {
            HeaderValue::from_static("multipart/mixed;boundary=\"-\";deferSpec=20220824")
        }
    };
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Some proxies would buffer the parts.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    set_rate(headers, initial.rate);
    response
}

fn begin(format: Format) -> &'static [u8] {
    match format {
        Format::EventStream => b"",
        Format::Multipart => b"\r\n---",
    }
}

/// A part as JSON. A reader of `multipart/mixed` needs the next delimiter to complete it.
fn part(format: Format, json: &[u8], has_next: bool) -> Bytes {
    let mut out = match format {
        Format::EventStream => format.payload(None, json).to_vec(),
        Format::Multipart => {
            let mut out = b"\r\ncontent-type: application/json\r\n\r\n".to_vec();
            out.extend_from_slice(json);
            out.extend_from_slice(b"\r\n---");
            out
        }
    };
    if !has_next {
        out.extend_from_slice(&format.end());
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_ends_the_response() {
        let check = |format, has_next, expected: &str| {
            let bytes = part(format, b"{\"hasNext\":false}", has_next);
            assert_eq!(std::str::from_utf8(&bytes), Ok(expected));
        };
        let head = "\r\ncontent-type: application/json\r\n\r\n{\"hasNext\":false}\r\n---";
        check(Format::Multipart, true, head);
        check(Format::Multipart, false, &format!("{head}--\r\n"));
        let event = "event: next\ndata: {\"hasNext\":false}\n\n";
        check(Format::EventStream, true, event);
        let end = "event: complete\ndata:\n\n";
        check(Format::EventStream, false, &format!("{event}{end}"));
    }
}
