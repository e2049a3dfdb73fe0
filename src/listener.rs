//! Listening for HTTP until the process shuts down: bind with a clear refusal, serve, drain.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, StatusCode, Version, header};
use axum::middleware::from_fn;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use platform::telemetry::access::log_request;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::LocalPoolHandle;
use tower::ServiceExt;

use crate::lifecycle::Shutdown;

/// Binds the address; port 0 takes a free one. `flag` is what chooses another.
pub(crate) async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
                "{address} is in use: stop what listens there, or choose another with {flag}"
            ),
            std::io::ErrorKind::PermissionDenied => anyhow::anyhow!(
                "{address} may not be used by this user: choose a port above 1023 with {flag}"
            ),
            _ => anyhow::Error::new(error).context(format!(
                "cannot listen on {address}; choose another with {flag}"
            )),
        })
}

/// How long a client may take to send a request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests that run may take after `stop`.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How long to wait before accepting again when the process has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Of one connection's reads and writes; hyper's own default grows to 400 KB.
const BUFFER_BYTES: usize = 16 * 1024;

/// The threads that serve connections.
#[derive(Clone)]
pub(crate) enum Threads {
    /// Those of the runtime, which take work from each other: one request's work is spread over all of them.
    Shared,
    /// An event loop for each processor. A request stays on the thread of its connection, and so do its calls to
    /// other services: none of their answers has to wake another thread.
    EventLoops(LocalPoolHandle),
}

impl Threads {
    pub(crate) fn event_loops() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::EventLoops(LocalPoolHandle::new(processors))
    }

    /// Serves a connection, the `number`th.
    fn serve<F>(
        &self,
        number: usize,
        socket: TcpStream,
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) -> std::io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        match self {
            Self::Shared => {
                tokio::spawn(serve(socket));
            }
            // In turn: the pool counts tasks, but a WebSocket leaves the one it came by.
            Self::EventLoops(pool) => {
                let socket = socket.into_std()?;
                let registered = || async move {
                    // The loop it is registered with from here on wakes it.
                    match TcpStream::from_std(socket) {
                        Ok(socket) => serve(socket).await,
                        Err(error) => tracing::warn!(%error, "a connection could not be served"),
                    }
                };
                pool.spawn_pinned_by_idx(registered, number % pool.num_threads());
            }
        }
        Ok(())
    }
}

/// Serves until the shutdown has begun, then lets what runs finish. Once it is announced, HTTP/1 clients are told to
/// open another connection for their next request: it may lead to another instance.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    threads: Threads,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let Shutdown {
        announced: stopping,
        begun: stop,
    } = shutdown;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        // Names of headers have no case, but some WebSocket clients look for `Upgrade` and `Connection` as they are
        // commonly written.
        .title_case_headers(true)
        .max_buf_size(BUFFER_BYTES);
    builder.http2().timer(TokioTimer::new());
    let app = app.layer(from_fn(log_request));
    let connections = GracefulShutdown::new();
    let mut number = 0_usize;
    loop {
        let (socket, address) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // Small answers leave at once instead of waiting for more to send.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "the socket has no TCP_NODELAY");
        }
        let app = app.clone();
        let stopping = stopping.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(address));
            let is_http1 = request.version() <= Version::HTTP_11;
            let (answer, stopping) = (
                app.clone().oneshot(request.map(Body::new)),
                stopping.clone(),
            );
            async move {
                let mut response = answer.await?;
                let is_upgrade = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                if is_http1 && !is_upgrade && stopping.is_cancelled() {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                }
                Ok::<_, Infallible>(response)
            }
        });
        let (builder, watcher) = (builder.clone(), connections.watcher());
        number = number.wrapping_add(1);
        let serve = move |socket| async move {
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
            if let Err(error) = watcher.watch(connection.into_owned()).await {
                tracing::debug!(%error, "a connection ended");
            }
        };
        if let Err(error) = threads.serve(number, socket, serve) {
            tracing::warn!(%error, "a connection could not be served");
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests still ran after {DRAIN_TIMEOUT:?} and were cut");
    }
    Ok(())
}
