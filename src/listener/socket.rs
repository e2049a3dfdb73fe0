//! A socket that holds its slot, even after an upgrade, reports received bytes, and spells the headers of WebSocket
//! upgrades as RFC 6455 does.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::activity::Activity;
use super::connection_limits::ConnectionPermit;

pub(super) struct Socket<S> {
    socket: S,
    activity: Arc<Activity>,
    _place: ConnectionPermit,
}

impl<S> Socket<S> {
    pub(super) const fn new(socket: S, activity: Arc<Activity>, place: ConnectionPermit) -> Self {
        Self {
            socket,
            activity,
            _place: place,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.received();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match upgrade(bytes) {
            Some(spelled) => Pin::new(&mut self.socket).poll_write(context, &spelled),
            None => Pin::new(&mut self.socket).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(spelled) = slices.first().and_then(|slice| upgrade(slice)) {
            return Pin::new(&mut self.socket).poll_write(context, &spelled);
        }
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// The same bytes with `Sec-WebSocket-` headers in their usual spelling, if they are the head of a WebSocket upgrade.
/// Header names are case-insensitive, but some clients look for this spelling, and hyper writes `Sec-Websocket-`.
fn upgrade(bytes: &[u8]) -> Option<Vec<u8>> {
    const NAME: &[u8] = b"\r\nSec-Websocket-";
    if !bytes.starts_with(b"HTTP/1.1 101 ") {
        return None;
    }
    let mut spelled = bytes.to_vec();
    for start in 0..bytes.len() {
        if bytes[start..].starts_with(NAME) {
            spelled[start..start + NAME.len()].copy_from_slice(b"\r\nSec-WebSocket-");
        }
    }
    Some(spelled)
}
