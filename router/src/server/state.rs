//! State shared by every request and connection of the edge.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, HeaderName, header, request};
use bytes::Bytes;
use platform::cache::Cache;
use platform::connection_registry::{ConnectionRegistry, Evictions};
use platform::rate_limit::RateLimiter;
use platform::supervisor::Supervisor;
use tokio::sync::Mutex;
use tower_http::cors::CorsLayer;
use url::Url;

use super::Allowed;
use super::client::request_ip;
use super::config::{ServerConfig, ServerConfigError, header_names};
use super::connections::Connections;
use super::documents::SentDocuments;
use super::operation_log::{MetricLabels, NAME_HEADERS};
use super::origin::{Origins, cors_layer, is_of};
use super::overload::Overload;
use super::rates::Rates;
use super::refusal::Refusal;
use super::unsent::Unsent;
use crate::Router;
use crate::auth::JwtVerifier;
use crate::clients::{Clients, ClientsError, KEY_HEADER};
use crate::subscribe::{StreamOptions, Subscriptions};
use crate::tools::Tools;

/// How long a new router may take to prepare the operations in use before it takes over.
const RELOAD_PATIENCE: Duration = Duration::from_secs(10);

/// The edge's state. Clones share it.
#[derive(Clone, Debug)]
pub struct ServerState {
    /// The router in use.
    pub(super) router: Arc<ArcSwap<Router>>,
    /// The current clients.
    pub(super) clients: Arc<ArcSwap<Clients>>,
    /// The clients' tools, for the router's schema.
    tools: Arc<ArcSwap<Tools>>,
    replaced: Arc<Replaced>,
    /// `None` if clients may not reference documents by hash.
    pub(super) sent_documents: Option<SentDocuments>,
    /// The live subscriptions, over every protocol.
    pub(super) subscriptions: Subscriptions,
    pub auth: Arc<JwtVerifier>,
    pub config: Arc<ServerConfig>,
    /// The page shown to browsers in development.
    pub ide_page: Option<IdePage>,
    /// The open WebSockets.
    pub connections: Connections,
    /// Responses that clients have not read yet.
    pub unsent: Unsent,
    pub(super) csrf_headers: Arc<[HeaderName]>,
    pub(super) forward_headers: Arc<[HeaderName]>,
    pub(super) allow_headers: Arc<[HeaderName]>,
    pub(super) origins: Arc<Origins>,
    pub(super) rates: Rates,
    pub(super) overload: Overload,
    pub(super) known_pairs: Arc<MetricLabels>,
}

/// An HTML page to explore the schema with.
#[derive(Clone, Debug)]
pub struct IdePage {
    pub html: Bytes,
    /// Its `Content-Security-Policy`.
    pub content_policy: &'static str,
}

/// How often the router and the clients were replaced. Only one is replaced at a time, because they must be valid
/// against each other.
#[derive(Debug, Default)]
struct Replaced {
    routers: AtomicU64,
    clients: AtomicU64,
    replacing: Mutex<()>,
}

/// Headers that prove that a GET does not come from a foreign page: the configured ones, and those that identify
/// clients.
fn csrf_headers(config: &ServerConfig) -> Result<Vec<HeaderName>, ServerConfigError> {
    let mut names = header_names("csrf_headers", &config.csrf_headers)?;
    for name in NAME_HEADERS.into_iter().chain([KEY_HEADER]) {
        let name = HeaderName::from_static(name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

impl ServerState {
    /// Fails with the first invalid configuration value.
    pub fn new(
        router: Router,
        auth: JwtVerifier,
        config: ServerConfig,
    ) -> Result<Self, ServerConfigError> {
        config.validate()?;
        let router = Arc::new(router);
        let clients: Arc<ArcSwap<Clients>> = Arc::default();
        let streams = StreamOptions {
            source_timeout: config.websocket.subscribe_timeout.get(),
            source_recovery: config.streaming.source_recovery.get(),
            resume_events: config.streaming.resume_events,
            resume_window: config.streaming.resume_window.get(),
        };
        Ok(Self {
            subscriptions: Subscriptions::new(Arc::clone(&router), streams),
            router: Arc::new(ArcSwap::new(router)),
            auth: Arc::new(auth),
            ide_page: None,
            unsent: Unsent::new(&config.connections),
            connections: Connections::new(&config.websocket),
            csrf_headers: csrf_headers(&config)?.into(),
            forward_headers: header_names("forward_headers", &config.forward_headers)?.into(),
            allow_headers: header_names("cors.allow_headers", &config.cors.allow_headers)?.into(),
            origins: Arc::new(Origins::new(
                &config.cors,
                config.development,
                clients.clone(),
            )?),
            rates: Rates::new(&config.rates, &config.websocket),
            overload: Overload::new(&config.overload, config.development),
            known_pairs: Arc::default(),
            clients,
            tools: Arc::default(),
            sent_documents: SentDocuments::new(&config.persisted_queries),
            replaced: Arc::default(),
            config: Arc::new(config),
        })
    }

    /// The current router, used for new operations.
    pub fn router(&self) -> Arc<Router> {
        self.router.load_full()
    }

    /// The current clients.
    pub fn clients(&self) -> Arc<Clients> {
        self.clients.load_full()
    }

    /// The clients' current tools for agents.
    pub fn tools(&self) -> Arc<Tools> {
        self.tools.load_full()
    }

    /// How often the router was replaced.
    pub fn router_version(&self) -> u64 {
        self.replaced.routers.load(Ordering::Acquire)
    }

    /// How often the clients were replaced.
    pub fn clients_version(&self) -> u64 {
        self.replaced.clients.load(Ordering::Acquire)
    }

    /// Replaces the clients once their operations are prepared and planned.
    ///
    /// # Errors
    /// An operation that is not valid against the schema. The previous clients then stay.
    pub async fn replace_clients(&self, clients: Clients) -> Result<(), ClientsError> {
        let _replacing = self.replaced.replacing.lock().await;
        let router = self.router();
        clients.check(&router).await?;
        let operations = clients.operations().map(|operation| operation.request());
        let planned = router.warm_up(operations.collect(), RELOAD_PATIENCE).await;
        for (operation, refusal) in &planned.refused {
            let reason = refusal.errors.first().map(|error| &*error.message);
            let document = operation.query.as_deref();
            tracing::warn!(document, reason, "registered operation not planned");
        }
        tracing::info!(
            clients = clients.iter().count(),
            operations = planned.prepared,
            left = planned.left,
            "planned the clients' operations"
        );
        self.tools.store(Arc::new(Tools::of(&clients, &router)));
        self.clients.store(Arc::new(clients));
        self.replaced.clients.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Replaces the router once it has prepared the operations in use. Connections stay open, and running operations
    /// finish on the old router; live subscriptions move to the new one, or end with SCHEMA_CHANGED if they are not
    /// valid there.
    ///
    /// # Errors
    /// A registered operation that is not valid against the new schema. The old router then stays.
    pub async fn reload(&self, router: Router) -> Result<(), ClientsError> {
        let _replacing = self.replaced.replacing.lock().await;
        let clients = self.clients();
        clients.check(&router).await?;
        let registered = clients.operations().map(|operation| operation.request());
        router.warm_up(registered.collect(), RELOAD_PATIENCE).await;
        let known = self.router().prepared_operations();
        let warmed = router.warm_up(known, RELOAD_PATIENCE).await;
        tracing::info!(
            prepared = warmed.prepared,
            refused = warmed.refused.len(),
            left = warmed.left,
            "prepared the operations in use for the new schema"
        );
        self.tools.store(Arc::new(Tools::of(&clients, &router)));
        let router = Arc::new(router);
        self.router.store(Arc::clone(&router));
        self.subscriptions.reload(router);
        self.replaced.routers.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// The configured CORS layer.
    pub(super) fn cors(&self, allowed: &Allowed<'_>) -> CorsLayer {
        let headers = [
            &self.csrf_headers,
            &self.forward_headers,
            &self.allow_headers,
        ];
        let headers = headers.into_iter().flat_map(|names| names.iter().cloned());
        let headers = headers.chain(allowed.headers.iter().cloned());
        cors_layer(self.origins.clone(), &self.config.cors, headers, allowed)
    }

    /// Adds a page for browsers, shown in development only.
    pub fn with_ide_page(mut self, page: IdePage) -> Self {
        self.ide_page = Some(page);
        self
    }

    /// Stores the documents that clients send with their hash in this cache, which instances may share.
    pub fn with_document_cache(mut self, cache: Arc<dyn Cache>) -> Self {
        let config = &self.config.persisted_queries;
        self.sent_documents = config.enabled.then(|| SentDocuments::over(cache, config));
        self
    }

    /// Limits rates with this limiter, which instances may share.
    pub fn with_rate_limiter(mut self, limiter: RateLimiter) -> Self {
        self.rates.share(limiter);
        self
    }

    /// Counts each user's connections across all instances that share this registry.
    pub fn share_connections(
        &self,
        registry: ConnectionRegistry,
        evictions: Evictions,
        supervisor: &Supervisor,
    ) {
        self.connections.share(registry, evictions, supervisor);
    }

    /// Checks whether the page that a request comes from, if any, may call. Pages of the host that the request is sent to
    /// may not: a foreign page can make its own host name resolve to this process (DNS rebinding).
    ///
    /// # Errors
    /// If its origin is neither allowed nor `public`.
    pub fn admit_page(&self, headers: &HeaderMap, public: Option<&Url>) -> Result<(), Refusal> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        if origins.all(|origin| {
            self.origins.allow(origin) || public.is_some_and(|url| is_of(origin, url))
        }) {
            return Ok(());
        }
        Err(Refusal::forbidden(
            "pages of this origin may not call: list it in server.cors.origins or the client's origins",
        ))
    }

    /// Checks whether a request may open a WebSocket in any protocol, before authentication.
    ///
    /// # Errors
    /// If its origin is not allowed, or its address opens too many WebSockets.
    pub async fn admit_upgrade(&self, parts: &request::Parts) -> Result<(), Refusal> {
        if !self.origins.allow_upgrade(&parts.headers) {
            return Err(Refusal::forbidden(
                "this page may not open a WebSocket here",
            ));
        }
        let ip = request_ip(parts, self.config.trusted_proxies);
        self.rates.admit_upgrade(ip).await.map_err(|wait| {
            metrics::counter!("router_connections_refused_total", "reason" => "rate").increment(1);
            Refusal::too_many_upgrades(wait)
        })
    }

    /// For operators: what runs and waits, if operations have been refused lately because of overload.
    pub fn overload_description(&self) -> Option<String> {
        self.overload.description()
    }

    /// Closes the WebSockets over the configured window, telling clients to reconnect, and rejects new ones. Returns
    /// when the last is closed.
    pub async fn drain(&self) {
        self.connections.drain().await;
    }
}
