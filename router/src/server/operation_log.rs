//! Collects an operation's details for the access log and metrics. Operation and client names are chosen by clients, so
//! the number of labels is bounded.

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::HeaderMap;
use parking_lot::{Mutex, RwLock};
use platform::telemetry::access_log::OperationDetails;

use crate::clients::ClientIdentity;
use crate::error::{ErrorCode, GraphQLError};
use crate::prepare::PreparedOperation;

/// Maximum number of operation and client pairs with their own series.
const MAX_PAIRS: usize = 1_000;
/// Longer names are counted as other, and truncated in the log.
const MAX_NAME: usize = 64;
/// The label for pairs beyond the limit.
const OTHER: &str = "other";
/// The label of operations and clients without a name.
const ANONYMOUS: &str = "anonymous";

/// Headers in which clients send their name and version.
pub(super) const NAME_HEADERS: [&str; 3] = [
    "graphql-client-name",
    "apollographql-client-name",
    "x-graphql-client-name",
];
pub(super) const VERSION_HEADERS: [&str; 3] = [
    "graphql-client-version",
    "apollographql-client-version",
    "x-graphql-client-version",
];

/// The operation and client pairs with their own series.
#[derive(Debug, Default)]
pub(super) struct MetricLabels(RwLock<HashSet<(String, String)>>);

impl MetricLabels {
    /// A pair's labels: its own, unless there are too many.
    fn labels(&self, operation: &str, client: &str) -> (String, String) {
        let pair = (operation.to_owned(), client.to_owned());
        let is_long = operation.len() > MAX_NAME || client.len() > MAX_NAME;
        if !is_long && (self.contains(&pair) || self.insert(&pair)) {
            return pair;
        }
        (OTHER.to_owned(), OTHER.to_owned())
    }

    fn contains(&self, pair: &(String, String)) -> bool {
        let known = self.0.read();
        known.contains(pair)
    }

    fn insert(&self, pair: &(String, String)) -> bool {
        let mut known = self.0.write();
        known.contains(pair) || (known.len() < MAX_PAIRS && known.insert(pair.clone()))
    }
}

/// One operation, from request to response. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct OperationLog(Arc<Mutex<LogState>>);

#[derive(Debug, Default)]
struct LogState {
    /// Whether the request had an operation that could be prepared.
    is_known: bool,
    details: OperationDetails,
    codes: Vec<String>,
    /// Whether the client is registered.
    is_identified: bool,
    /// The registered operation's name; there are only as many as manifests define.
    registered: Option<String>,
}

impl OperationLog {
    /// For a client that may have named itself in these headers.
    pub(super) fn new(headers: &HeaderMap) -> Self {
        let details = OperationDetails {
            client: first(headers, NAME_HEADERS),
            client_version: first(headers, VERSION_HEADERS),
            ..OperationDetails::default()
        };
        Self(Arc::new(Mutex::new(LogState {
            details,
            ..LogState::default()
        })))
    }

    /// A record for another operation of the same client.
    pub(super) fn another(&self) -> Self {
        let details = self.state(|seen| OperationDetails {
            client: seen.details.client.clone(),
            client_version: seen.details.client_version.clone(),
            ..OperationDetails::default()
        });
        Self(Arc::new(Mutex::new(LogState {
            details,
            ..LogState::default()
        })))
    }

    /// Access log details of a batch, whose operations are logged separately.
    pub(super) fn of_batch(&self, code: Option<String>) -> OperationDetails {
        self.state(|seen| OperationDetails {
            kind: Some("batch"),
            code,
            ..seen.details.clone()
        })
    }

    /// The client's self-declared name.
    pub(super) fn client(&self) -> Option<String> {
        self.state(|seen| seen.details.client.clone())
    }

    /// Sets a name and version that arrived other than in headers.
    pub(super) fn rename(&self, name: Option<&str>, version: Option<&str>) {
        self.state(|seen| {
            if let Some(name) = name.and_then(harmless) {
                seen.details.client = Some(name);
            }
            if let Some(version) = version.and_then(harmless) {
                seen.details.client_version = Some(version);
            }
        });
    }

    /// A registered client is logged under its registered name.
    pub(super) fn identified(&self, identity: &ClientIdentity) {
        if let Some(client) = &identity.client {
            self.state(|seen| {
                seen.details.client = Some(client.name.clone());
                seen.is_identified = true;
            });
        }
    }

    /// The operation is registered under this name.
    pub(super) fn registered(&self, name: &str) {
        self.state(|seen| seen.registered = Some(name.to_owned()));
    }

    pub(super) fn prepared(&self, operation: &PreparedOperation) {
        self.state(|seen| {
            seen.is_known = true;
            seen.details.kind = Some(operation.kind().name());
            let name = seen.registered.as_deref().or(operation.name());
            seen.details.operation = name.map(|name| cut(name).to_owned());
        });
    }

    pub(super) fn answered(&self, errors: &[GraphQLError]) {
        self.state(|seen| {
            for error in errors {
                let code = error.code().as_str();
                if !seen.codes.iter().any(|known| known == code) {
                    seen.codes.push(code.to_owned());
                }
            }
        });
    }

    pub(super) fn refused(&self, code: ErrorCode) {
        self.state(|seen| seen.codes.push(code.as_str().to_owned()));
    }

    /// The access log's details of a request without an operation.
    pub(super) fn details(&self) -> OperationDetails {
        self.state(|seen| OperationDetails {
            code: seen.codes.first().cloned(),
            ..seen.details.clone()
        })
    }

    /// Counts the operation and returns the access log's details.
    pub(super) fn finish(&self, known: &MetricLabels) -> OperationDetails {
        self.state(|seen| {
            let details = &seen.details;
            let operation = match &details.operation {
                Some(name) => name.as_str(),
                None if seen.is_known => ANONYMOUS,
                // Operations that could not be prepared have no meaningful name.
                None => OTHER,
            };
            let client = details.client.as_deref().unwrap_or(ANONYMOUS);
            let (operation, client) = if seen.is_identified && seen.registered.is_some() {
                (operation.to_owned(), client.to_owned())
            } else {
                known.labels(operation, client)
            };
            metrics::counter!(
                "router_operations_total",
                "operation" => operation.clone(),
                "client" => client.clone(),
            )
            .increment(1);
            for code in &seen.codes {
                metrics::counter!(
                    "router_operation_errors_total",
                    "operation" => operation.clone(),
                    "client" => client.clone(),
                    "code" => code.clone(),
                )
                .increment(1);
            }
            OperationDetails {
                code: seen.codes.first().cloned(),
                ..details.clone()
            }
        })
    }

    fn state<T>(&self, look: impl FnOnce(&mut LogState) -> T) -> T {
        look(&mut self.0.lock())
    }
}

/// The first of these headers with a value that is safe to log, truncated.
fn first(headers: &HeaderMap, names: [&str; 3]) -> Option<String> {
    let mut values = names.iter().filter_map(|name| headers.get(*name));
    values.find_map(|value| harmless(value.to_str().ok()?))
}

/// Operation names and safe client names are ASCII.
fn cut(name: &str) -> &str {
    name.get(..MAX_NAME).unwrap_or(name)
}

/// A name of visible ASCII and spaces, truncated.
fn harmless(name: &str) -> Option<String> {
    let name = cut(name.trim());
    let is_visible = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    (!name.is_empty() && name.bytes().all(is_visible)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn names_that_clients_invent_make_a_bounded_number_of_series() {
        let known = MetricLabels::default();
        assert_eq!(known.labels("Page", "web"), ("Page".into(), "web".into()));
        for number in 0..2 * MAX_PAIRS {
            known.labels(&format!("Invented{number}"), "attacker");
        }
        let other = || (OTHER.to_owned(), OTHER.to_owned());
        assert_eq!(known.labels("OneMore", "web"), other());
        assert_eq!(known.labels("Page", "web"), ("Page".into(), "web".into()));
        assert_eq!(known.labels(&"x".repeat(MAX_NAME + 1), "web"), other());
        assert_eq!(known.0.read().len(), MAX_PAIRS);
    }

    #[test]
    fn a_client_is_named_by_either_header_and_only_by_what_is_harmless() {
        let check = |name: &'static str, value: &[u8], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_bytes(value).expect("a header");
            headers.insert(name, value);
            let client = OperationLog::new(&headers).finish(&MetricLabels::default());
            assert_eq!(client.client.as_deref(), expected);
        };
        check("graphql-client-name", b"web", Some("web"));
        check("apollographql-client-name", b"ios app", Some("ios app"));
        check("graphql-client-name", "läden".as_bytes(), None);
        check("graphql-client-name", b"", None);
        check(
            "graphql-client-name",
            &[b'x'; 100],
            Some(&"x".repeat(MAX_NAME)),
        );
    }
}
