//! The small subgraph as a remote service: over HTTP, WebSocket or server-sent events.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_graphql::{Request, Response};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use platform::caller::{CALLER_HEADER, Caller, CallerKey};
use router::{HttpTransport, HttpTransportOptions};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_stream::StreamMap;

use crate::kit::{Small, Source, service, until};

/// Key for signing caller identity.
pub(crate) const KEY: &[u8] = b"between these two";

/// How a connection is ended.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Without a close frame.
    Gone,
    Close(u16),
}

/// A subgraph at a URL, and what it has observed.
pub(crate) struct Remote {
    pub(crate) source: Arc<Source>,
    /// The caller of each operation.
    pub(crate) callers: Mutex<Vec<Caller>>,
    /// Tokens received with connections or requests, in a header or in `connection_init`.
    pub(crate) tokens: Mutex<Vec<String>>,
    service: Arc<Small>,
    key: CallerKey,
    connected: AtomicUsize,
    open: AtomicUsize,
    cut: watch::Sender<Cut>,
    url: String,
}

impl Remote {
    pub(crate) async fn websocket() -> Arc<Self> {
        Self::start(|routes| routes.route("/graphql", get(upgrade))).await
    }

    pub(crate) async fn server_sent_events() -> Arc<Self> {
        Self::start(|routes| routes.route("/graphql", post(events))).await
    }

    async fn start(
        route: impl FnOnce(axum::Router<Arc<Self>>) -> axum::Router<Arc<Self>>,
    ) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let source = Arc::new(Source::default());
        let remote = Arc::new(Self {
            service: service(source.clone()),
            source,
            callers: Mutex::default(),
            tokens: Mutex::default(),
            key: CallerKey::new(KEY).expect("a key"),
            connected: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            cut: watch::Sender::new(Cut::Gone),
            url: format!(
                "http://{}/graphql",
                listener.local_addr().expect("an address")
            ),
        });
        let app = route(axum::Router::new()).with_state(Arc::clone(&remote));
        tokio::spawn(async move { axum::serve(listener, app).await });
        remote
    }

    /// A transport to it.
    pub(crate) fn transport(
        &self,
        change: impl FnOnce(&mut HttpTransportOptions),
    ) -> Arc<HttpTransport> {
        let mut options = HttpTransportOptions {
            caller_key: Some(self.key.clone()),
            ..HttpTransportOptions::default()
        };
        change(&mut options);
        Arc::new(HttpTransport::new("small", &self.url, options).expect("a transport"))
    }

    /// Host and port.
    pub(crate) fn address(&self) -> String {
        let url = url::Url::parse(&self.url).expect("a URL");
        url.authority().to_owned()
    }

    /// Connections so far.
    pub(crate) fn connected(&self) -> usize {
        self.connected.load(Ordering::SeqCst)
    }

    /// Waits until this many connections are open.
    pub(crate) async fn open(&self, connections: usize) {
        let what = format!("{connections} open connections");
        until(&what, || self.open.load(Ordering::SeqCst) == connections).await;
    }

    /// Drops every connection, as a killed process would.
    pub(crate) fn die(&self) {
        self.cut.send_replace(Cut::Gone);
    }

    /// Closes every connection with this code.
    pub(crate) fn close(&self, code: u16) {
        self.cut.send_replace(Cut::Close(code));
    }

    fn verify(&self, signed: Option<&str>, body: &[u8]) -> Option<Caller> {
        let signed = self.key.verify(signed?, "small", chrono::Utc::now());
        signed.ok()?.with_body(body).ok()
    }

    fn note_token(&self, headers: &HeaderMap) {
        let token = headers.get(AUTHORIZATION);
        let token = token.map(|token| token.to_str().expect("text").to_owned());
        self.tokens.lock().expect("no panic").extend(token);
    }

    fn execute(&self, request: &Value, connection: &Caller) -> BoxStream<'static, Response> {
        let mut operation: Request = serde_json::from_value(request.clone()).expect("a request");
        let caller = match request["extensions"][CALLER_HEADER].as_str() {
            Some(signed) => {
                let body = router::signed_operation(&mut operation).expect("JSON");
                self.verify(Some(signed), &body).expect("a signature")
            }
            None => connection.clone(),
        };
        self.callers.lock().expect("no panic").push(caller.clone());
        let request = operation;
        self.service.execute_stream(request.data(caller)).boxed()
    }
}

/// Counts a connection as open until dropped.
struct Connected(Arc<Remote>);

impl Connected {
    fn new(remote: Arc<Remote>) -> Self {
        remote.connected.fetch_add(1, Ordering::SeqCst);
        remote.open.fetch_add(1, Ordering::SeqCst);
        Self(remote)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn upgrade(
    State(remote): State<Arc<Remote>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> axum::response::Response {
    remote.note_token(&headers);
    let signed = headers
        .get(CALLER_HEADER)
        .and_then(|value| value.to_str().ok());
    let Some(caller) = remote.verify(signed, b"") else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    upgrade
        .protocols(["graphql-transport-ws"])
        .on_upgrade(move |socket| talk(Connected::new(remote), socket, caller))
}

async fn talk(connected: Connected, mut socket: WebSocket, caller: Caller) {
    let remote = &connected.0;
    let mut cut = remote.cut.subscribe();
    let mut operations: StreamMap<String, BoxStream<'static, Option<Response>>> = StreamMap::new();
    loop {
        let reply = tokio::select! {
            _ = cut.changed() => {
                let cut = *cut.borrow();
                if let Cut::Close(code) = cut {
                    let frame = CloseFrame { code, reason: "go".into() };
                    // The peer may have left already.
                    let _ = socket.send(Message::Close(Some(frame))).await;
                }
                return;
            }
            Some((id, event)) = operations.next(), if !operations.is_empty() => match event {
                Some(response) => json!({ "type": "next", "id": id, "payload": response }),
                None => json!({ "type": "complete", "id": id }),
            },
            message = socket.recv() => {
                let Some(Ok(message)) = message else { return };
                let Message::Text(text) = message else { continue };
                let message: Value = serde_json::from_str(&text).expect("JSON");
                let id = message["id"].as_str().unwrap_or_default().to_owned();
                match message["type"].as_str() {
                    Some("connection_init") => {
                        let token = message["payload"]["authorization"].as_str();
                        let token = token.map(|token| format!("init {token}"));
                        remote.tokens.lock().expect("no panic").extend(token);
                        json!({ "type": "connection_ack" })
                    }
                    Some("subscribe") => {
                        let events = remote.execute(&message["payload"], &caller);
                        let events = events.map(Some).chain(stream::once(async { None }));
                        assert!(operations.insert(id, events.boxed()).is_none(), "duplicate id");
                        continue;
                    }
                    Some("complete") => {
                        operations.remove(&id);
                        continue;
                    }
                    other => panic!("unexpected {other:?}"),
                }
            }
        };
        if socket.send(Message::text(reply.to_string())).await.is_err() {
            return;
        }
    }
}

async fn events(
    State(remote): State<Arc<Remote>>,
    headers: HeaderMap,
    body: Bytes,
) -> axum::response::Response {
    let request: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(headers["accept"], "text/event-stream");
    remote.note_token(&headers);
    let signed = headers
        .get(CALLER_HEADER)
        .and_then(|value| value.to_str().ok());
    let Some(caller) = remote.verify(signed, &body) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let mut cut = remote.cut.subscribe();
    let next = |response: Response| {
        Event::default()
            .event("next")
            .json_data(response)
            .expect("JSON")
    };
    let events = remote
        .execute(&request, &caller)
        .map(next)
        .chain(stream::once(async {
            Event::default().event("complete").data("")
        }))
        .take_until(Box::pin(async move { cut.changed().await }));
    let connected = Connected::new(remote);
    Sse::new(events.map(move |event| {
        let _ = &connected;
        Ok::<_, Infallible>(event)
    }))
    .into_response()
}

/// URL of a subgraph that accepts connections and then does nothing, not even answer pings.
pub(crate) async fn silent() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    let accept = |upgrade: WebSocketUpgrade| async {
        let upgrade = upgrade.protocols(["graphql-transport-ws"]);
        upgrade.on_upgrade(|mut socket| async move {
            socket.recv().await;
            let accepted = json!({ "type": "connection_ack" }).to_string();
            socket.send(Message::text(accepted)).await.expect("sent");
            std::future::pending().await
        })
    };
    let app = axum::Router::new().route("/graphql", get(accept));
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/graphql")
}
