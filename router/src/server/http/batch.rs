//! Operation batching: a POST with an array of requests gets an array of responses in the same order. Each operation
//! has its own errors, cost and log line.

use std::time::Instant;

use axum::http::{StatusCode, request};
use axum::response::Response;
use futures::future::join_all;
use platform::rate_limit::tightest;
use platform::telemetry::access_log::log_operation;

use super::media::Accepted;
use super::respond::{self, Caching};
use super::{PathDocument, is_known};
use crate::Router;
use crate::cache_control::{CachePolicy, Composed};
use crate::error::ErrorCode;
use crate::prepare::OperationKind;
use crate::request::{GraphQLRequest, PreparedRequest};
use crate::response::GraphQLResponse;
use crate::server::documents::{self, OperationError};
use crate::server::execution::execute;
use crate::server::operation_log::OperationLog;
use crate::server::params;
use crate::server::refusal::Refusal;
use crate::server::sender::Sender;
use crate::server::state::ServerState;

/// The protocol name in the log.
const PROTOCOL: &str = "HTTP batch";

/// An operation of a batch.
struct Item {
    log: OperationLog,
    started: Instant,
    /// The operation to run, or the response that rejects it.
    prepared: Result<PreparedRequest, GraphQLResponse>,
    depends_on_client: bool,
}

/// Whether a body is an array; single requests are objects.
pub(super) fn is_batch(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// Executes a batch. Queries run concurrently; if there is a mutation, all operations run serially in order.
///
/// # Errors
/// If the whole batch is rejected: batching is disabled, the batch is too long or not a JSON array, or the client only
/// accepts streams.
pub(super) async fn answer(
    state: &ServerState,
    sender: &Sender,
    body: &[u8],
    parts: &request::Parts,
    accepted: Accepted,
) -> Result<Response, Refusal> {
    let config = &state.config.batching;
    if !config.enabled {
        return Err(Refusal::batch());
    }
    if parts.extensions.get::<PathDocument>().is_some() {
        return Err(Refusal::bad_request(
            "the path references a single document: send batches to the endpoint itself",
        ));
    }
    let Some(media) = accepted.batch() else {
        return Err(Refusal::not_acceptable(
            "responses to batches are application/json",
        ));
    };
    let requests = params::batch_from_body(body, config.max.get())?;
    let unsent = state.unsent.of_request(&parts.extensions);
    if !unsent.has_room() {
        return Err(Refusal::unread());
    }
    let router = state.router.load_full();
    let mut items = Vec::with_capacity(requests.len());
    for request in requests {
        items.push(prepare(state, &router, sender, request).await);
    }
    let depends_on_client = items.iter().any(|item| item.depends_on_client);
    let mutates = items.iter().any(Item::mutates);
    let responses = if mutates {
        let mut responses = Vec::with_capacity(items.len());
        for item in items {
            responses.push(item.run(state, &router, sender).await);
        }
        responses
    } else {
        let running = items
            .into_iter()
            .map(|item| item.run(state, &router, sender));
        join_all(running).await
    };
    let mut cache = Composed::default();
    for response in &responses {
        cache.add(response.cache);
    }
    let caching = Caching {
        policy: cache.policy().map(|policy| CachePolicy {
            public: policy.public && !is_known(&parts.headers),
            ..policy
        }),
        forwarded: &state.forward_headers,
        depends_on_client,
        known: None,
    };
    let rate = tightest(responses.iter().filter_map(|response| response.rate));
    let kind = match mutates {
        true => OperationKind::Mutation,
        false => OperationKind::Query,
    };
    let answer = respond::held(media, kind, to_json(&responses), &unsent);
    let mut answer = answer.ok_or_else(Refusal::unread)?;
    respond::set_caching(&mut answer, &caching);
    respond::set_rate(answer.headers_mut(), rate);
    let code = responses
        .iter()
        .flat_map(|response| &response.errors)
        .next();
    let code = code.map(|error| error.code().as_str().to_owned());
    let details = sender.client.log.of_batch(code);
    answer.extensions_mut().insert(details);
    Ok(answer)
}

/// The responses as a JSON array.
fn to_json(responses: &[GraphQLResponse]) -> Vec<u8> {
    let mut json = vec![b'['];
    for (index, response) in responses.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        response.write_json(&mut json);
    }
    json.push(b']');
    json
}

async fn prepare(
    state: &ServerState,
    router: &Router,
    sender: &Sender,
    request: Result<GraphQLRequest, Refusal>,
) -> Item {
    let Sender {
        client,
        identity,
        application,
    } = sender;
    let log = client.log.another();
    log.identified(application);
    let mut item = Item {
        log,
        started: Instant::now(),
        prepared: Err(GraphQLResponse::default()),
        depends_on_client: false,
    };
    item.prepared = match request {
        Ok(mut request) => {
            let context = client.context(state, &identity.caller, application.clone());
            let prepared = documents::prepare(state, router, &mut request, &context, &item.log);
            match prepared.await {
                Ok(prepared) => {
                    item.depends_on_client = prepared.depends_on_client;
                    item.log.prepared(&prepared.operation);
                    Ok(PreparedRequest {
                        operation: prepared.operation,
                        variables: request.variables,
                        context,
                    })
                }
                Err(OperationError::Operation(response)) => Err(response),
                Err(OperationError::Request(refusal)) => Err(refusal.into_response()),
            }
        }
        Err(refusal) => Err(refusal.into_response()),
    };
    item
}

impl Item {
    fn mutates(&self) -> bool {
        let prepared = self.prepared.as_ref();
        prepared.is_ok_and(|request| request.operation.kind() == OperationKind::Mutation)
    }

    async fn run(self, state: &ServerState, router: &Router, sender: &Sender) -> GraphQLResponse {
        let response = match self.prepared {
            Ok(request) if request.operation.kind() == OperationKind::Subscription => Refusal::new(
                StatusCode::BAD_REQUEST,
                ErrorCode::BadUserInput,
                "a subscription cannot be part of a batch: send it separately",
            )
            .into_response(),
            Ok(request) => match sender.admit(state).await {
                Ok(permit) => execute(router, request, permit)
                    .await
                    .unwrap_or_else(Refusal::into_response),
                Err(refusal) => refusal.into_response(),
            },
            Err(refused) => refused,
        };
        self.log.answered(&response.errors);
        log_operation(PROTOCOL, &self.log.finish(&state.known_pairs), self.started);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_a_batch_whatever_is_before_it() {
        for body in ["[]", " \n\t[{}]", "["] {
            assert!(is_batch(body.as_bytes()), "{body}");
        }
        for body in ["", "{}", "\"[\"", " "] {
            assert!(!is_batch(body.as_bytes()), "{body}");
        }
    }
}
