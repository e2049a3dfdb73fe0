//! What every request and connection of the edge shares.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::http::HeaderName;
use platform::connection_registry::{ConnectionRegistry, Evictions};
use platform::supervisor::Supervisor;

use super::config::{ServerConfig, ServerConfigError, header_names};
use super::connections::Connections;
use super::operation_log::MetricLabels;
use super::origin::Origins;
use super::unsent::Unsent;
use crate::Router;
use crate::auth::JwtVerifier;
use crate::subscribe::{StreamOptions, Subscriptions};

/// How long another router may prepare what is in use before it takes over.
const RELOAD_PATIENCE: Duration = Duration::from_secs(10);

/// The edge's state. Cloning shares it.
#[derive(Clone, Debug)]
pub struct ServerState {
    /// The router in use.
    pub(super) router: Arc<ArcSwap<Router>>,
    /// The live subscriptions, of every protocol.
    pub(super) subscriptions: Subscriptions,
    pub auth: Arc<JwtVerifier>,
    pub config: Arc<ServerConfig>,
    /// The page that GET answers to browsers in development. It must be self-contained.
    pub ide_page: Option<&'static str>,
    /// The open WebSockets.
    pub connections: Connections,
    /// Answers that are not read yet.
    pub unsent: Unsent,
    pub(super) csrf_headers: Arc<[HeaderName]>,
    pub(super) forward_headers: Arc<[HeaderName]>,
    pub(super) allow_headers: Arc<[HeaderName]>,
    pub(super) origins: Arc<Origins>,
    pub(super) known_pairs: Arc<MetricLabels>,
}

impl ServerState {
    /// Fails with the first value of the configuration that cannot be used.
    pub fn new(
        router: Router,
        auth: JwtVerifier,
        config: ServerConfig,
    ) -> Result<Self, ServerConfigError> {
        config.validate()?;
        let router = Arc::new(router);
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
            csrf_headers: header_names("csrf_headers", &config.csrf_headers)?.into(),
            forward_headers: header_names("forward_headers", &config.forward_headers)?.into(),
            allow_headers: header_names("cors.allow_headers", &config.cors.allow_headers)?.into(),
            origins: Arc::new(Origins::new(&config.cors, config.development)?),
            known_pairs: Arc::default(),
            config: Arc::new(config),
        })
    }

    /// The router that the next operation runs on.
    pub fn router(&self) -> Arc<Router> {
        self.router.load_full()
    }

    /// Replaces the router, when that knows the operations in use. Connections stay open, and operations that run
    /// finish on the router they began with; live subscriptions move to the new one, or end with SCHEMA_CHANGED if
    /// they do not fit it.
    pub async fn reload(&self, router: Router) {
        let known = self.router().prepared_operations();
        let warmed = router.warm_up(known, RELOAD_PATIENCE).await;
        tracing::info!(
            prepared = warmed.prepared,
            refused = warmed.refused.len(),
            left = warmed.left,
            "the operations in use were prepared for another schema"
        );
        let router = Arc::new(router);
        self.router.store(Arc::clone(&router));
        self.subscriptions.reload(router);
    }

    /// With a page for browsers; it is shown in development only.
    pub fn with_ide_page(mut self, page: &'static str) -> Self {
        self.ide_page = Some(page);
        self
    }

    /// Counts each user's connections over all instances that share this registry.
    pub fn share_connections(
        &self,
        registry: ConnectionRegistry,
        evictions: Evictions,
        supervisor: &Supervisor,
    ) {
        self.connections.share(registry, evictions, supervisor);
    }

    /// Closes the WebSockets over the configured window, telling clients to reconnect, and refuses
    /// new ones. Resolves when the last is closed.
    pub async fn drain(&self) {
        self.connections.drain().await;
    }
}
