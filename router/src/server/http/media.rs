//! Content negotiation: the media types of responses, event streams and request bodies.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request};

use super::stream_format::Format;
use crate::error::ErrorCode;
use crate::response::{GraphQLResponse, StatusHint};
use crate::server::refusal::Refusal;

/// The media type of a response, which determines the meaning of status codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: a request error has a 4xx status.
    GraphQLResponse,
    /// `application/json`, for older clients: a well-formed request is answered with 200.
    Json,
}

impl MediaType {
    /// The last one wins a tie: `*/*` and a missing `Accept` get `application/json`.
    const ALL: [Self; 2] = [Self::GraphQLResponse, Self::Json];

    const fn subtype(self) -> &'static str {
        match self {
            Self::GraphQLResponse => "graphql-response+json",
            Self::Json => "json",
        }
    }

    pub(super) const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphQLResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }
}

/// One entry of an `Accept` header, or a `Content-Type`, in lower case.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: f32,
    /// UTF-8, or no charset given.
    utf8: bool,
    /// The version of Apollo's multipart protocol for subscriptions.
    specification: Option<&'a str>,
    /// The version of the multipart protocol for deferred fragments.
    deferred: Option<&'a str>,
}

/// Media types a client accepts; at least one is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The best type for a single response.
    pub(super) single: Option<MediaType>,
    /// The best format for an event stream.
    pub(super) stream: Option<Format>,
    /// The best format for a response with deferred fragments. `None` if a single response is preferred.
    pub(super) deferred: Option<Format>,
    /// Whether `application/json` is acceptable.
    json: bool,
}

impl Accepted {
    /// The type of a rejection. If a stream was expected, the status code has to carry it.
    pub(super) fn refusal(&self) -> MediaType {
        self.single.unwrap_or(MediaType::GraphQLResponse)
    }

    /// Like [`Self::refusal`], for this response. Some clients that are asked to send the document only read responses
    /// with status 200, which requires `application/json`.
    pub(super) fn refusal_of(&self, response: &GraphQLResponse) -> MediaType {
        let asks_for_document = matches!(
            response.status_hint(),
            StatusHint::RequestError(
                ErrorCode::PersistedQueryNotFound | ErrorCode::PersistedQueryNotSupported
            )
        );
        if asks_for_document && self.json {
            return MediaType::Json;
        }
        self.refusal()
    }

    /// The type of an array of responses. By its specification, `application/graphql-response+json` is a single response, so
    /// it is only used for clients that accept nothing else.
    pub(super) fn batch(&self) -> Option<MediaType> {
        let single = self.single?;
        Some(if self.json { MediaType::Json } else { single })
    }
}

/// Parses what the client accepts.
pub(super) fn negotiate(headers: &HeaderMap) -> Result<Accepted, Refusal> {
    let accept = text(headers);
    if accept.trim().is_empty() {
        return Ok(Accepted {
            single: Some(MediaType::Json),
            stream: None,
            deferred: None,
            json: true,
        });
    }
    let ranges: Vec<Range<'_>> = ranges(&accept).collect();
    let single = single(&ranges);
    let accepted = Accepted {
        single,
        stream: stream(&ranges),
        deferred: deferred(&ranges, single),
        json: preference(&ranges, "application", MediaType::Json.subtype())
            .is_some_and(|json| json.quality > 0.0),
    };
    if accepted.single.is_none() && accepted.stream.is_none() {
        return Err(Refusal::not_acceptable(
            "answers are application/graphql-response+json or application/json, in UTF-8",
        ));
    }
    Ok(accepted)
}

/// The best type that the client accepts.
fn single(ranges: &[Range<'_>]) -> Option<MediaType> {
    MediaType::ALL
        .into_iter()
        .filter_map(|media| Some((media, preference(ranges, "application", media.subtype())?)))
        .filter(|(_, preference)| preference.quality > 0.0)
        .max_by(|(_, a), (_, b)| {
            a.quality
                .total_cmp(&b.quality)
                .then(a.named.cmp(&b.named))
                .then(b.position.cmp(&a.position))
        })
        .map(|(media, _)| media)
}

/// A stream must be requested explicitly: a client that accepts anything expects a finite response.
fn stream(ranges: &[Range<'_>]) -> Option<Format> {
    let is_known = |range: &Range<'_>| match range.kind {
        "multipart" => range.specification.is_none_or(|version| version == "1.0"),
        _ => true,
    };
    best_format(ranges, is_known).map(|(format, _)| format)
}

/// Like [`stream`], in the protocol for deferred fragments, whose draft is that of August 2022 unless the client names
/// another.
fn deferred(ranges: &[Range<'_>], single: Option<MediaType>) -> Option<Format> {
    let is_known = |range: &Range<'_>| {
        range.specification.is_none() && range.deferred.is_none_or(|version| version == "20220824")
    };
    let single = single.and_then(|media| preference(ranges, "application", media.subtype()));
    let least = single.map_or(0.0, |single| single.quality);
    let best = best_format(ranges, is_known).filter(|(_, quality)| *quality >= least);
    best.map(|(format, _)| format)
}

/// The format that the client likes best, of equals the first, and how much; in a protocol that is known.
fn best_format(
    ranges: &[Range<'_>],
    is_known: impl Fn(&Range<'_>) -> bool,
) -> Option<(Format, f32)> {
    ranges
        .iter()
        .filter(|range| range.utf8 && range.quality > 0.0 && is_known(range))
        .filter_map(|range| match (range.kind, range.subtype) {
            ("text", "event-stream") => Some((Format::EventStream, range.quality)),
            ("multipart", "mixed") => Some((Format::Multipart, range.quality)),
            _ => None,
        })
        .rev()
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
}

/// Whether a browser is navigating to the page, rather than a client sending a request.
pub(super) fn wants_page(parts: &request::Parts) -> bool {
    let accept = text(&parts.headers);
    let named = ranges(&accept)
        .any(|range| range.kind == "text" && range.subtype == "html" && range.quality > 0.0);
    let query = parts.uri.query().unwrap_or_default();
    let mut parameters = url::form_urlencoded::parse(query.as_bytes());
    named && !parameters.any(|(key, _)| matches!(&*key, "query" | "documentId" | "extensions"))
}

/// Rejects bodies that are not uncompressed JSON in UTF-8.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let refuse = |message| {
        Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorCode::BadUserInput,
            message,
        )
    };
    let encoded = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(refuse("send the body without content-encoding"));
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_ascii_lowercase)
        .unwrap_or_default();
    match range(&content_type) {
        Some(Range {
            kind: "application",
            subtype: "json",
            utf8: true,
            ..
        }) => Ok(()),
        _ => Err(refuse("send the request as application/json, in UTF-8")),
    }
}

/// A client's preference for a type.
struct Preference {
    quality: f32,
    /// The exact type was listed, rather than a wildcard.
    named: bool,
    position: usize,
}

/// The most specific matching range decides (RFC 9110, 12.5.1).
fn preference(ranges: &[Range<'_>], kind: &str, subtype: &str) -> Option<Preference> {
    let (position, specificity, range) = ranges
        .iter()
        .enumerate()
        .filter(|(_, range)| range.utf8)
        .filter_map(|(position, range)| {
            let specificity = match (range.kind, range.subtype) {
                ("*", "*") => 0,
                (wanted, "*") if wanted == kind => 1,
                (wanted, exact) if wanted == kind && exact == subtype => 2,
                _ => return None,
            };
            Some((position, specificity, range))
        })
        .max_by_key(|(position, specificity, _)| (*specificity, usize::MAX - position))?;
    Some(Preference {
        quality: range.quality,
        named: specificity == 2,
        position,
    })
}

/// All `Accept` headers joined, in lower case.
fn text(headers: &HeaderMap) -> String {
    let values: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    values.join(",").to_ascii_lowercase()
}

fn ranges(accept: &str) -> impl Iterator<Item = Range<'_>> {
    accept.split(',').filter_map(range)
}

fn range(text: &str) -> Option<Range<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let (kind, subtype) = parts.next()?.split_once('/')?;
    let mut range = Range {
        kind,
        subtype,
        quality: 1.0,
        utf8: true,
        specification: None,
        deferred: None,
    };
    for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
        match name.trim() {
            "q" => range.quality = value.trim().parse().ok()?,
            "charset" => {
                let charset = value.trim().trim_matches('"');
                range.utf8 = matches!(charset, "utf-8" | "utf8");
            }
            "subscriptionspec" => range.specification = Some(value.trim().trim_matches('"')),
            "deferspec" | "incrementalspec" => {
                range.deferred = Some(value.trim().trim_matches('"'));
            }
            _ => {}
        }
    }
    Some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_answer_has_the_type_the_client_likes_best() {
        use MediaType::{GraphQLResponse, Json};
        let check = |accept: &'static str, expect: Option<MediaType>| {
            let accepted = negotiate(&headers(header::ACCEPT, accept)).ok();
            let media = accepted.and_then(|accepted| accepted.single);
            assert_eq!(media, expect, "{accept}");
        };
        check("", Some(Json));
        check("*/*", Some(Json));
        check("application/*", Some(Json));
        check("application/json", Some(Json));
        check("application/graphql-response+json", Some(GraphQLResponse));
        check(
            "Application/GraphQL-Response+JSON; Charset=UTF-8",
            Some(GraphQLResponse),
        );
        check(
            "application/graphql-response+json, application/json;q=0.9",
            Some(GraphQLResponse),
        );
        check(
            "application/graphql-response+json;q=0.5, application/json",
            Some(Json),
        );
        check(
            "application/graphql-response+json, application/json",
            Some(GraphQLResponse),
        );
        check(
            "application/json, application/graphql-response+json",
            Some(Json),
        );
        check(
            "application/graphql-response+json, */*",
            Some(GraphQLResponse),
        );
        check("*/*, application/json;q=0", Some(GraphQLResponse));
        check("text/html", None);
        check("application/json;q=0", None);
        check("application/json; charset=iso-8859-1", None);
        let unasked = negotiate(&HeaderMap::new()).ok();
        assert_eq!(unasked.and_then(|accepted| accepted.single), Some(Json));
    }

    #[test]
    fn a_stream_has_to_be_asked_for() {
        use Format::{EventStream, Multipart};
        let check = |accept: &'static str, expect: Option<Format>| {
            let accepted = negotiate(&headers(header::ACCEPT, accept)).ok();
            let format = accepted.and_then(|accepted| accepted.stream);
            assert_eq!(format, expect, "{accept}");
        };
        check("*/*", None);
        check("text/*", None);
        check("application/json", None);
        check("text/event-stream", Some(EventStream));
        check("text/event-stream;q=0", None);
        check("multipart/mixed", Some(Multipart));
        check(
            "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json",
            Some(Multipart),
        );
        check(
            r#"multipart/mixed;boundary="graphql";subscriptionSpec="1.0""#,
            Some(Multipart),
        );
        check("multipart/mixed;subscriptionSpec=2.0", None);
        check("multipart/mixed, text/event-stream", Some(Multipart));
        check(
            "multipart/mixed;q=0.5, text/event-stream",
            Some(EventStream),
        );
    }

    #[test]
    fn fragments_are_deferred_for_clients_that_like_it() {
        use Format::{EventStream, Multipart};
        let check = |accept: &'static str, expect: Option<Format>| {
            let accepted = negotiate(&headers(header::ACCEPT, accept)).ok();
            let format = accepted.and_then(|accepted| accepted.deferred);
            assert_eq!(format, expect, "{accept}");
        };
        check("*/*", None);
        check("application/json", None);
        check("multipart/mixed", Some(Multipart));
        // Apollo Client, for a query with the directive.
        check(
            "multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9",
            Some(Multipart),
        );
        // urql, for any query.
        check(
            "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed",
            Some(EventStream),
        );
        check(
            "application/json, multipart/mixed, text/event-stream;q=0.9",
            Some(Multipart),
        );
        check("application/json, multipart/mixed;q=0.9", None);
        check("multipart/mixed;deferSpec=20220824;q=0", None);
        check(
            "multipart/mixed;incrementalSpec=v0.2, application/json",
            None,
        );
        check(
            "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json",
            None,
        );
    }

    #[test]
    fn a_body_must_be_json_in_utf8() {
        let check = |content_type: &'static str, passes: bool| {
            let verdict = require_json(&headers(header::CONTENT_TYPE, content_type));
            assert_eq!(verdict.is_ok(), passes, "{content_type}");
        };
        check("application/json", true);
        check("Application/JSON; charset=UTF-8", true);
        check("application/json;charset=\"UTF-8\"", true);
        check("application/json; charset=utf-16", false);
        check("application/graphql", false);
        check("application/x-www-form-urlencoded", false);
        check("text/plain", false);
        check("", false);
        assert!(require_json(&HeaderMap::new()).is_err());
    }
}
