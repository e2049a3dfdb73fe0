//! A small graph behind a listening HTTP server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use async_graphql::{Context, EmptySubscription, Object, Schema, SimpleObject};
use futures::stream::{self, Stream, StreamExt};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use platform::cache::Cache;
use platform::caller::Caller;
use platform::config::Secret;
use platform::rate_limit::RateLimiter;
use platform::supervisor::Supervisor;
pub(crate) use platform::testing::PATIENCE;
use router::auth::{AuthConfig, DevelopmentKey, JwtVerifier, NewToken};
use router::server::{IdePage, ServerConfig, ServerState, graphql_routes};
use router::{LocalTransport, Router, RouterBuilder, Transport};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use crate::event_sockets;

/// A listening server, and what its subgraph has observed.
pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    pub(crate) state: ServerState,
    pub(crate) source: Arc<Source>,
    /// Does not decompress responses.
    pub(crate) http: reqwest::Client,
    token_key: DevelopmentKey,
}

/// Controls and observes the subscriptions' source.
#[derive(Debug)]
pub(crate) struct Source {
    /// Events taken from the source.
    pub(crate) taken: AtomicU64,
    /// Open streams.
    pub(crate) open: AtomicU64,
    /// Executed events of `feed`.
    pub(crate) executed: AtomicU64,
    /// State of `feed`: the number of its last change.
    state: AtomicU64,
    changes: broadcast::Sender<u64>,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            taken: AtomicU64::new(0),
            open: AtomicU64::new(0),
            executed: AtomicU64::new(0),
            state: AtomicU64::new(0),
            changes: broadcast::Sender::new(1024),
        }
    }
}

impl Source {
    /// Changes the state published by `feed`.
    pub(crate) fn publish(&self) -> u64 {
        let number = 1 + self.state.fetch_add(1, Ordering::SeqCst);
        // There may be no receivers.
        let _ = self.changes.send(number);
        number
    }

    /// Waits until this many streams are open.
    pub(crate) async fn opened(&self, streams: u64) {
        let what = format!("{streams} open streams");
        until(&what, || self.open.load(Ordering::SeqCst) == streams).await;
    }
}

impl Edge {
    /// A development server with the default configuration.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A development server with a modified configuration.
    pub(crate) async fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let source = Arc::new(Source::default());
        let transport = Arc::new(LocalTransport::new("small", service(source.clone())));
        Self::serve(router(transport), source, with_secret(), change).await
    }

    /// A development server that stores automatic persisted queries in this cache.
    pub(crate) async fn keeping_documents_in(cache: Arc<dyn Cache>) -> Self {
        let source = Arc::new(Source::default());
        let transport = Arc::new(LocalTransport::new("small", service(source.clone())));
        let kept = |state: ServerState| state.with_document_cache(cache);
        Self::serve_with(router(transport), source, with_secret(), |_| {}, kept).await
    }

    /// A development server with this rate limiter.
    pub(crate) async fn limiting_rates_by(
        limiter: RateLimiter,
        change: impl FnOnce(&mut ServerConfig),
    ) -> Self {
        let source = Arc::new(Source::default());
        let transport = Arc::new(LocalTransport::new("small", service(source.clone())));
        let shared = |state: ServerState| state.with_rate_limiter(limiter);
        Self::serve_with(router(transport), source, with_secret(), change, shared).await
    }

    /// A development server with another transport to the same subgraph.
    pub(crate) async fn over(
        transport: Arc<dyn Transport>,
        change: impl FnOnce(&mut ServerConfig),
    ) -> Self {
        Self::serve(router(transport), Arc::default(), with_secret(), change).await
    }

    /// A server that passes tokens through without verifying them.
    pub(crate) async fn handing_on(transport: Arc<dyn Transport>) -> Self {
        let auth = AuthConfig {
            pass_through: true,
            ..AuthConfig::default()
        };
        Self::serve(router(transport), Arc::default(), auth, |config| {
            config.forward_headers.push("Authorization".to_owned());
        })
        .await
    }

    /// A development server with another router.
    pub(crate) async fn of(router: Router) -> Self {
        Self::serve(router, Arc::default(), with_secret(), |_| {}).await
    }

    async fn serve(
        router: Router,
        source: Arc<Source>,
        auth: AuthConfig,
        change: impl FnOnce(&mut ServerConfig),
    ) -> Self {
        Self::serve_with(router, source, auth, change, |state| state).await
    }

    async fn serve_with(
        router: Router,
        source: Arc<Source>,
        auth: AuthConfig,
        change: impl FnOnce(&mut ServerConfig),
        complete: impl FnOnce(ServerState) -> ServerState,
    ) -> Self {
        recorder();
        let mut config = ServerConfig {
            development: true,
            ..ServerConfig::default()
        };
        // All tests connect from one address.
        config.websocket.max_upgrades_per_second = None;
        config.websocket.max_upgrades_per_minute = None;
        change(&mut config);
        let token_key = DevelopmentKey::from_config(&with_secret())
            .expect("a valid secret")
            .expect("a secret");
        let verifier = JwtVerifier::new(&auth, true, &Supervisor::new()).expect("a verifier");
        let state = ServerState::new(router, verifier, config)
            .expect("a valid configuration")
            .with_ide_page(IdePage {
                html: "<!doctype html><title>IDE</title>".into(),
                content_policy: "default-src 'self'",
            });
        let state = complete(state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let app = graphql_routes(state.clone()).merge(event_sockets::routes(state.clone()));
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            address,
            state,
            source,
            http: reqwest::Client::builder()
                .no_gzip()
                .build()
                .expect("a client"),
            token_key,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }

    /// A token for this customer.
    pub(crate) fn token(&self, subject: &str, ttl: Duration) -> String {
        let token = NewToken {
            subject: subject.to_owned(),
            scopes: vec!["orders:read".to_owned()],
            ttl,
        };
        self.token_key
            .mint(&token, SystemTime::now())
            .expect("a token")
    }
}

fn with_secret() -> AuthConfig {
    AuthConfig {
        development_secret: Some(Secret::new("a secret for tests, long enough to be used")),
        leeway: platform::config::Duration::from_secs(0),
        ..AuthConfig::default()
    }
}

/// This process's metrics in the Prometheus text format.
pub(crate) fn rendered_metrics() -> String {
    recorder().render()
}

fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        PrometheusBuilder::new()
            .install_recorder()
            .expect("the only recorder")
    })
}

/// Waits until a condition holds; panics after [`PATIENCE`].
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    platform::testing::until(what, async || holds()).await;
}

/// The same graph over another source, for reload tests.
pub(crate) fn router_of(source: &Arc<Source>) -> Router {
    router(Arc::new(LocalTransport::new(
        "small",
        service(source.clone()),
    )))
}

pub(crate) fn router(transport: Arc<dyn Transport>) -> Router {
    builder(transport).build().expect("a router")
}

/// The same, showing how operations are planned, and what its subgraph has seen.
pub(crate) fn router_with_plans() -> Router {
    let transport = Arc::new(LocalTransport::new("small", service(Arc::default())));
    let router = builder(transport).expose_query_plan(true).build();
    router.expect("a router")
}

fn builder(transport: Arc<dyn Transport>) -> RouterBuilder {
    let sdl = Schema::build(
        Query,
        Mutation(Arc::default()),
        Subscription(Arc::default()),
    )
    .enable_federation()
    .enable_subscription_in_federation()
    .finish()
    .sdl_with_options(
        async_graphql::SDLExportOptions::new()
            .federation()
            .compose_directive(),
    );
    Router::builder()
        .subgraph("small", &sdl, transport)
        .event_sequence("feed", "sequence")
        .event_resume("feed", "after")
        // The audits of real clients query types.
        .introspection(true)
}

/// A router over a subgraph with another greeting, for reload tests.
pub(crate) fn other_router() -> Router {
    let schema = Schema::build(OtherQuery, async_graphql::EmptyMutation, EmptySubscription)
        .enable_federation()
        .finish();
    let sdl = schema.sdl_with_options(async_graphql::SDLExportOptions::new().federation());
    Router::builder()
        .subgraph(
            "other",
            &sdl,
            Arc::new(LocalTransport::new("other", Arc::new(schema))),
        )
        .build()
        .expect("a router")
}

pub(crate) type Small = Schema<Query, Mutation, Subscription>;

pub(crate) fn service(source: Arc<Source>) -> Arc<Small> {
    let schema = Schema::build(Query, Mutation(source.clone()), Subscription(source))
        .enable_federation()
        .enable_subscription_in_federation()
        .finish();
    Arc::new(schema)
}

struct OtherQuery;

#[Object(name = "Query")]
impl OtherQuery {
    async fn hello(&self) -> &str {
        "hello from the other"
    }
}

pub(crate) struct Query;

#[Object]
impl Query {
    async fn hello(&self, name: Option<String>) -> String {
        format!("hello {}", name.as_deref().unwrap_or("you"))
    }

    /// Publicly cacheable for a minute.
    #[graphql(cache_control(max_age = 60))]
    async fn shop(&self) -> &str {
        "open"
    }

    /// Privately cacheable for half a minute.
    #[graphql(cache_control(max_age = 30, private))]
    async fn basket(&self) -> i32 {
        3
    }

    #[graphql(cache_control(max_age = 60))]
    async fn closed(&self) -> async_graphql::Result<Option<i32>> {
        Err("closed".into())
    }

    /// A long response.
    async fn long(&self) -> String {
        "long ".repeat(1000)
    }

    async fn broken(&self) -> async_graphql::Result<Option<String>> {
        Err("broken".into())
    }

    async fn caller(&self, context: &Context<'_>) -> Who {
        let caller = context.data_unchecked::<Caller>();
        Who {
            subject: caller.subject.clone(),
            scopes: caller.scopes.iter().cloned().collect(),
            ip: caller.ip.map(|ip| ip.to_string()),
            request_id: caller.request_id.clone(),
        }
    }
}

#[derive(SimpleObject)]
struct Who {
    subject: Option<String>,
    scopes: Vec<String>,
    ip: Option<String>,
    request_id: String,
}

pub(crate) struct Mutation(Arc<Source>);

#[Object]
impl Mutation {
    /// Changes the state published by `feed`.
    async fn change(&self) -> u64 {
        self.0.publish()
    }

    async fn double(&self, number: i32) -> i32 {
        2 * number
    }
}

pub(crate) struct Subscription(Arc<Source>);

struct Change {
    sequence: u64,
    snapshot: bool,
    label: String,
    source: Arc<Source>,
}

#[Object]
impl Change {
    async fn sequence(&self) -> u64 {
        self.sequence
    }

    async fn snapshot(&self) -> bool {
        self.snapshot
    }

    /// Counts as an execution.
    async fn label(&self) -> &str {
        self.source.executed.fetch_add(1, Ordering::SeqCst);
        &self.label
    }
}

#[derive(SimpleObject)]
struct Tick {
    number: u64,
    padding: String,
}

#[async_graphql::Subscription]
impl Subscription {
    /// Counts up to a number as fast as it is read, then ends.
    async fn count(
        &self,
        to: u64,
        #[graphql(default)] padding: u32,
    ) -> impl Stream<Item = Tick> + use<> {
        let source = Open::new(self.0.clone());
        stream::iter(1..=to).then(move |number| {
            source.0.taken.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::task::yield_now().await;
                Tick {
                    number,
                    padding: "x".repeat(padding as usize),
                }
            }
        })
    }

    /// The current state, then every change. Without its snapshot it starts with the next change.
    async fn feed(
        &self,
        #[graphql(default = true)] snapshot: bool,
        #[graphql(default)] label: String,
        after: Option<i32>,
    ) -> impl Stream<Item = Change> + use<> {
        let source = Open::new(self.0.clone());
        let changes = BroadcastStream::new(self.0.changes.subscribe());
        let now = self.0.state.load(Ordering::SeqCst);
        let after = after.and_then(|after| u64::try_from(after).ok());
        let first: Vec<_> = match after {
            Some(after) => (after + 1..=now)
                .map(|sequence| (sequence, false))
                .collect(),
            None => snapshot.then_some((now, true)).into_iter().collect(),
        };
        let first = stream::iter(first);
        let later = changes
            .filter_map(async |change| change.ok())
            .filter(move |change| std::future::ready(*change > now))
            .map(|change| (change, false));
        first.chain(later).map(move |(sequence, snapshot)| Change {
            sequence,
            snapshot,
            label: label.clone(),
            source: source.0.clone(),
        })
    }

    /// Sends one event and then nothing.
    async fn forever(&self) -> impl Stream<Item = Tick> + use<> {
        let source = Open::new(self.0.clone());
        let first = Tick {
            number: 1,
            padding: String::new(),
        };
        stream::once(async { first }).chain(stream::pending().map(move |tick| {
            source.0.taken.fetch_add(1, Ordering::Relaxed);
            tick
        }))
    }
}

/// Counts a stream as open until dropped.
struct Open(Arc<Source>);

impl Open {
    fn new(source: Arc<Source>) -> Self {
        source.open.fetch_add(1, Ordering::Relaxed);
        Self(source)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
