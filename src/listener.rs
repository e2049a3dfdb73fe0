//! HTTP listeners: bind with a helpful error, serve, and drain at shutdown.

mod activity;
mod body;
mod connection;
mod connection_limits;
mod service;
mod socket;
mod write_deadline;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use platform::telemetry::access_log::log_request;
use router::server::{ServerConfig, Unsent};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{LocalPoolHandle, TaskTracker};

use activity::{Activity, Timeouts};
use connection::drive;
pub(crate) use connection_limits::max_connections;
use connection_limits::{ConnectionLimits, ConnectionPermit};
use service::Service;
use socket::Socket;
use write_deadline::WriteDeadline;

use crate::lifecycle::Shutdown;

/// Binds the address; port 0 picks a free one. `flag` is the option named in errors.
pub(crate) async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
                "{address} is in use: stop the process listening there, or choose another address with {flag}"
            ),
            std::io::ErrorKind::PermissionDenied => anyhow::anyhow!(
                "this user may not listen on {address}: choose a port above 1023 with {flag}"
            ),
            _ => anyhow::Error::new(error).context(format!(
                "cannot listen on {address}; choose another with {flag}"
            )),
        })
}

/// How long running requests may take after `stop`.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause before accepting again when the process has run out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Read and write buffer of one connection; hyper's default grows to 400 KB.
const BUFFER_BYTES: usize = 16 * 1024;

/// Concurrent requests on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

/// The threads that serve connections.
#[derive(Clone)]
pub(crate) enum Threads {
    /// The runtime's threads, with work stealing: one request's work is spread over all of them.
    Shared,
    /// One event loop per processor. A request stays on its connection's thread, and so do its calls to other services:
    /// none of their responses has to wake another thread.
    EventLoops(LocalPoolHandle),
}

impl Threads {
    pub(crate) fn event_loops() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::EventLoops(LocalPoolHandle::new(processors))
    }

    /// Serves the `number`th connection.
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
            // Round robin: the pool counts tasks, but a WebSocket outlives the task it arrived with.
            Self::EventLoops(pool) => {
                let socket = socket.into_std()?;
                let registered = || async move {
                    // From here on it is registered with this thread's event loop.
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

/// The timeouts of a connection accepted for health checks only.
const HEALTH_TIMEOUTS: Timeouts = Timeouts {
    headers: Duration::from_secs(2),
    idle: Duration::from_secs(2),
    write: Duration::from_secs(2),
};
/// Grace beyond the edge's own body timeout, which has a message for the client.
const BODY_GRACE: Duration = Duration::from_secs(1);

/// The limits of a listener's connections.
#[derive(Debug)]
pub(crate) struct Limits {
    timeouts: Timeouts,
    body_timeout: Duration,
    ping_interval: Duration,
    ping_timeout: Duration,
    /// Unsent bytes of all connections of the process.
    unsent: Unsent,
    places: ConnectionLimits,
}

impl Limits {
    pub(crate) fn new(config: &ServerConfig, unsent: Unsent) -> Self {
        let connections = &config.connections;
        Self {
            timeouts: Timeouts {
                headers: connections.header_timeout.get(),
                idle: connections.idle_timeout.get(),
                write: connections.write_timeout.get(),
            },
            body_timeout: config.body_timeout.get() + BODY_GRACE,
            ping_interval: connections.ping_interval.get(),
            ping_timeout: connections.ping_timeout.get(),
            unsent,
            places: ConnectionLimits::new(connections, config.trusted_proxies),
        }
    }
}

/// Serves until the shutdown has begun, then finishes running requests. Once the shutdown is announced, HTTP/1 clients
/// are told to open another connection, which may lead to another instance.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    threads: Threads,
    limits: Limits,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let Shutdown {
        announced: stopping,
        begun: stop,
    } = shutdown;
    let builder = builder(&limits);
    let app = app.layer(from_fn(log_request));
    let connections = TaskTracker::new();
    let mut number = 0_usize;
    loop {
        let (socket, peer) = tokio::select! {
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
        let Some((place, refused)) = limits.places.admit(peer.ip()) else {
            continue;
        };
        // Send small responses at once.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "the socket has no TCP_NODELAY");
        }
        let timeouts = refused.map_or(limits.timeouts, |_| HEALTH_TIMEOUTS);
        let service = Service {
            app: app.clone(),
            peer,
            activity: Arc::new(Activity::new(timeouts)),
            unsent: limits.unsent.connection(),
            refused,
            body_timeout: limits.body_timeout,
            stopping: stopping.clone(),
        };
        let (builder, stop, token) = (builder.clone(), stop.clone(), connections.token());
        number = number.wrapping_add(1);
        let serve = move |socket| async move {
            serve_connection(socket, &builder, service, place, &stop).await;
            drop(token);
        };
        if let Err(error) = threads.serve(number, socket, serve) {
            tracing::warn!(%error, "a connection could not be served");
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!("requests were still running after {DRAIN_TIMEOUT:?} and were cut off");
    }
    Ok(())
}

/// Serves one connection to its end.
async fn serve_connection<S>(
    socket: S,
    builder: &auto::Builder<TokioExecutor>,
    service: Service,
    place: ConnectionPermit,
    stop: &CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (activity, unsent) = (Arc::clone(&service.activity), service.unsent.clone());
    let socket = WriteDeadline::new(socket, activity.timeouts().write);
    let socket = TokioIo::new(Socket::new(socket, Arc::clone(&activity), place));
    let service = service_fn(move |request| service.clone().answer(request));
    let connection = builder.serve_connection_with_upgrades(socket, service);
    if let Err(error) = drive(connection.into_owned(), &activity, &unsent, stop).await {
        tracing::debug!(%error, "a connection ended");
    }
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        // The connection is watched as a whole; this timeout would also end idle ones.
        .header_read_timeout(None)
        // Header names are case-insensitive, but some WebSocket clients expect `Upgrade` and `Connection` in their
        // usual spelling. `Sec-WebSocket-` is spelled by the socket.
        .title_case_headers(true)
        .max_buf_size(BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.ping_interval)
        .keep_alive_timeout(limits.ping_timeout)
        .max_concurrent_streams(MAX_STREAMS)
        .max_send_buf_size(BUFFER_BYTES);
    builder
}

#[cfg(test)]
mod tests;
