//! Finds a request's operation, for every protocol: from its document, or by the id of a registered or previously sent
//! one. Enforces which documents a client may run.

use std::sync::Arc;

use bytes::Bytes;
use metrics::counter;
use platform::cache::{Cache, InProcessCache};

use super::config::PersistedQueriesConfig;
use super::document_id::DocumentId;
use super::operation_log::OperationLog;
use super::refusal::Refusal;
use super::state::ServerState;
use crate::Router;
use crate::clients::{ClientIdentity, ClientMode, Clients, RegisteredOperation, Sha256Hash};
use crate::error::{ErrorCode, GraphQLError};
use crate::prepare::PreparedOperation;
use crate::request::{GraphQLRequest, RequestContext};
use crate::response::GraphQLResponse;

/// Why an operation is not run: rejected by the edge or by the router.
#[derive(Debug)]
pub(super) enum OperationError {
    Request(Refusal),
    Operation(GraphQLResponse),
}

impl From<Refusal> for OperationError {
    fn from(refusal: Refusal) -> Self {
        Self::Request(refusal)
    }
}

impl OperationError {
    fn new(code: ErrorCode, message: &str) -> Self {
        let error = GraphQLError::new(code, message);
        Self::Operation(GraphQLResponse::request_error(vec![error]))
    }

    /// For protocols without a status code.
    pub(super) fn into_errors(self) -> Vec<GraphQLError> {
        match self {
            Self::Request(refusal) => vec![refusal.into_error()],
            Self::Operation(response) => response.errors,
        }
    }
}

/// Documents that clients have sent with their hash.
#[derive(Clone, Debug)]
pub(super) struct SentDocuments {
    cache: Arc<dyn Cache>,
    max_bytes: usize,
}

impl SentDocuments {
    /// Kept in this process; `None` if disabled.
    pub(super) fn new(config: &PersistedQueriesConfig) -> Option<Self> {
        config
            .enabled
            .then(|| Self::over(Arc::new(InProcessCache::new(config.bounds())), config))
    }

    pub(super) fn over(cache: Arc<dyn Cache>, config: &PersistedQueriesConfig) -> Self {
        Self {
            cache,
            max_bytes: config.max_entry_bytes,
        }
    }

    async fn find(&self, hash: Sha256Hash) -> Option<String> {
        let document = self.cache.get(&hash.to_string()).await?;
        // A shared cache may contain invalid data.
        let document = String::from_utf8(document.into()).ok()?;
        (Sha256Hash::of(document.as_bytes()) == hash).then_some(document)
    }

    async fn keep(&self, hash: Sha256Hash, document: &str) {
        if document.len() <= self.max_bytes {
            let document = Bytes::copy_from_slice(document.as_bytes());
            self.cache.put(&hash.to_string(), document).await;
            count("added");
        }
    }
}

/// A request's prepared operation.
pub(super) struct Prepared {
    pub(super) operation: Arc<PreparedOperation>,
    /// Whether its id may identify another document for another client.
    pub(super) depends_on_client: bool,
}

/// Finds a request's operation and stores its document in the request.
///
/// # Errors
/// Why it is rejected. A rejection is charged like the cheapest operation.
pub(super) async fn prepare(
    state: &ServerState,
    router: &Router,
    request: &mut GraphQLRequest,
    context: &RequestContext,
    log: &OperationLog,
) -> Result<Prepared, OperationError> {
    let found = find(state, router, request, &context.client, log).await;
    if found.is_err()
        && let Some(charge) = &context.charge
    {
        let spent = charge.acquire(1.0).await;
        spent.map_err(OperationError::Operation)?;
    }
    found
}

async fn find(
    state: &ServerState,
    router: &Router,
    request: &mut GraphQLRequest,
    client: &ClientIdentity,
    log: &OperationLog,
) -> Result<Prepared, OperationError> {
    let lookup = Lookup {
        sent: state.sent_documents.as_ref(),
        clients: state.clients(),
        client,
    };
    let id = DocumentId::of(request)?;
    let depends_on_client = id.as_ref().is_some_and(|id| id.hash.is_none());
    let document = request.query.take().filter(|text| !text.trim().is_empty());
    let found = match (document, id) {
        (None, None) => return Err(lookup.nothing()),
        (None, Some(id)) => lookup.by_id(&id).await?,
        (Some(document), id) => lookup.by_document(document, id)?,
    };
    if let Some(registered) = &found.registered {
        log.registered(&registered.name);
        // Normalizes the name, so that the router's cache has one key.
        if request.operation_name.as_ref() == Some(&registered.name) {
            request.operation_name = None;
        }
    }
    let document = request.query.insert(found.document);
    let sent = found.hash_sent.map(|hash| (hash, document.clone()));
    let prepared = router.prepare(request).await;
    let operation = prepared.map_err(OperationError::Operation)?;
    if let (Some((hash, document)), Some(kept)) = (sent, lookup.sent) {
        kept.keep(hash, &document).await;
    }
    Ok(Prepared {
        operation,
        depends_on_client,
    })
}

/// The inputs of a lookup.
struct Lookup<'a> {
    sent: Option<&'a SentDocuments>,
    clients: Arc<Clients>,
    client: &'a ClientIdentity,
}

/// A document that may be run.
struct Found {
    document: String,
    registered: Option<Arc<RegisteredOperation>>,
    /// The hash to store it under, if one was sent.
    hash_sent: Option<Sha256Hash>,
}

impl Found {
    fn registered(operation: &Arc<RegisteredOperation>) -> Self {
        Self {
            document: (*operation.document).to_owned(),
            registered: Some(operation.clone()),
            hash_sent: None,
        }
    }
}

impl Lookup<'_> {
    fn nothing(&self) -> OperationError {
        if self.client.mode() == ClientMode::Require {
            return OperationError::new(
                ErrorCode::PersistedQueryIdRequired,
                "This client runs registered operations only: send the id of one.",
            );
        }
        Refusal::bad_request("the request has no `query`, and no id of a document").into()
    }

    async fn by_id(&self, id: &DocumentId) -> Result<Found, OperationError> {
        if let Some(operation) = self.registered(id) {
            count("registered");
            return Ok(Found::registered(operation));
        }
        let may_send = self.client.mode() != ClientMode::Require;
        let hash = id.hash.filter(|_| may_send);
        let not_found = || {
            count("not_found");
            // Clients recognize exactly this message, and then send the document.
            OperationError::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound")
        };
        let hash = hash.ok_or_else(not_found)?;
        let Some(sent) = self.sent else {
            count("not_supported");
            return Err(OperationError::new(
                ErrorCode::PersistedQueryNotSupported,
                "PersistedQueryNotSupported",
            ));
        };
        let document = sent.find(hash).await.ok_or_else(not_found)?;
        count("sent_before");
        self.note_unregistered(&hash);
        Ok(Found {
            document,
            registered: None,
            hash_sent: None,
        })
    }

    fn by_document(
        &self,
        document: String,
        id: Option<DocumentId>,
    ) -> Result<Found, OperationError> {
        let own = self.client.client.as_ref().map(|client| &client.operations);
        let registered = own.and_then(|own| own.by_document(&document));
        if registered.is_none() && self.client.mode() == ClientMode::Require {
            self.count_unregistered("refused");
            return Err(OperationError::new(
                ErrorCode::QueryNotInSafelist,
                "This client may only run registered operations, and this is not one of them.",
            ));
        }
        if let Some(id) = &id {
            self.check_id(id, &document)?;
        }
        if let Some(operation) = registered {
            return Ok(Found::registered(operation));
        }
        if self.client.mode() == ClientMode::LogUnknown {
            self.note_unregistered(&Sha256Hash::of(document.as_bytes()));
        }
        Ok(Found {
            document,
            registered: None,
            hash_sent: id.and_then(|id| id.hash),
        })
    }

    /// A document sent with an id must match that id.
    fn check_id(&self, id: &DocumentId, document: &str) -> Result<(), OperationError> {
        let hash = Sha256Hash::of(document.as_bytes());
        let named = self.registered(id).map(|operation| operation.hash);
        if named.or(id.hash).is_none_or(|named| named == hash) {
            return Ok(());
        }
        count("mismatch");
        Err(OperationError::new(
            ErrorCode::PersistedQueryHashMismatch,
            "provided sha does not match query",
        ))
    }

    /// The operation with this id, of the client itself or of one that need not authenticate.
    fn registered(&self, id: &DocumentId) -> Option<&Arc<RegisteredOperation>> {
        let own = self.client.client.as_ref();
        let own = own.and_then(|client| client.operations.by_id(&id.text));
        own.or_else(|| {
            let may_share = self.client.mode() != ClientMode::Require;
            may_share.then(|| self.clients.shared_operations().by_id(&id.text))?
        })
    }

    fn note_unregistered(&self, hash: &Sha256Hash) {
        let Some(client) = &self.client.client else {
            return;
        };
        if client.mode == ClientMode::LogUnknown {
            tracing::info!(client = client.name, %hash, "operation not registered");
            self.count_unregistered("allowed");
        }
    }

    fn count_unregistered(&self, outcome: &'static str) {
        if let Some(client) = &self.client.client {
            counter!("router_unregistered_operations_total", "client" => client.name.clone(), "outcome" => outcome)
                .increment(1);
        }
    }
}

fn count(outcome: &'static str) {
    counter!("router_persisted_queries_total", "outcome" => outcome).increment(1);
}
