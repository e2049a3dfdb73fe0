//! Subscriptions over HTTP: server-sent events and multipart.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};

use crate::kit::Edge;
use crate::requests::{Case, GRAPHQL_RESPONSE, content_type, query};

const SSE: &str = "text/event-stream";
const MULTIPART: &str = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json";
const FEED: &str = "subscription { feed { sequence snapshot } }";
const COUNT: &str = "subscription { count(to: 3) { number } }";

/// Reads a response up to each separator.
struct Reader {
    response: Response,
    separator: &'static str,
    text: String,
}

impl Reader {
    fn new(response: Response, separator: &'static str) -> Self {
        Self {
            response,
            separator,
            text: String::new(),
        }
    }

    /// The next piece; `None` at the end. Panics after ten seconds.
    async fn piece(&mut self) -> Option<String> {
        loop {
            if let Some((piece, rest)) = self.text.split_once(self.separator) {
                let piece = piece.to_owned();
                self.text = rest.to_owned();
                return Some(piece);
            }
            let chunk = tokio::time::timeout(crate::kit::PATIENCE, self.response.chunk());
            match chunk.await.expect("something within ten seconds") {
                Ok(Some(chunk)) => self.text.push_str(&String::from_utf8_lossy(&chunk)),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// The next server-sent event other than a comment, by field names.
    async fn event(&mut self) -> Option<Value> {
        loop {
            let piece = self.piece().await?;
            let fields: serde_json::Map<_, _> = piece
                .lines()
                .filter_map(|line| line.split_once(':'))
                .filter(|(name, _)| !name.is_empty())
                .map(|(name, value)| (name.to_owned(), json!(value.trim())))
                .collect();
            if !fields.is_empty() {
                return Some(fields.into());
            }
        }
    }

    /// The next event's payload and id.
    async fn payload(&mut self) -> (Value, String) {
        let event = self.event().await.expect("an event");
        assert_eq!(event["event"], "next", "{event}");
        let data = event["data"].as_str().expect("data");
        let id = event["id"].as_str().unwrap_or_default();
        (serde_json::from_str(data).expect("JSON"), id.to_owned())
    }

    /// The next part other than a heartbeat.
    async fn part(&mut self) -> Option<Value> {
        loop {
            let piece = self.piece().await?;
            if let Some((head, body)) = piece.split_once("\r\n\r\n") {
                assert_eq!(head.trim(), "content-type: application/json");
                let body: Value = serde_json::from_str(body).expect("JSON");
                if body != json!({}) {
                    return Some(body);
                }
            }
        }
    }
}

async fn sse(edge: &Edge, query_text: &str, after: Option<&str>) -> Reader {
    let mut case = Case::post(query(query_text)).header("accept", SSE);
    if let Some(id) = after {
        case = case.header("last-event-id", id);
    }
    let response = case.send(edge).await;
    assert_eq!(response.status(), 200);
    assert!(content_type(&response).starts_with(SSE));
    Reader::new(response, "\n\n")
}

fn feed(payload: &Value) -> (u64, bool) {
    let feed = &payload["data"]["feed"];
    let sequence = feed["sequence"].as_u64();
    (
        sequence.unwrap_or_else(|| panic!("no change: {payload}")),
        feed["snapshot"] == true,
    )
}

#[tokio::test]
async fn an_event_stream_has_each_event_and_the_end() {
    let edge = Edge::start().await;
    let mut reader = sse(&edge, COUNT, None).await;
    for number in 1..=3 {
        let (payload, id) = reader.payload().await;
        assert_eq!(
            payload,
            json!({ "data": { "count": { "number": number } } })
        );
        assert!(!id.is_empty());
    }
    assert_eq!(
        reader.event().await,
        Some(json!({ "event": "complete", "data": "" }))
    );
    assert_eq!(reader.event().await, None);
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_has_missed_and_nothing_twice() {
    // Numbered or not, the stream counts its own events.
    for text in [
        FEED,
        "subscription { feed(label: \"x\") { snapshot label } }",
    ] {
        let edge = Edge::start().await;
        let mut reader = sse(&edge, text, None).await;
        let (payload, _) = reader.payload().await;
        assert_eq!(payload["data"]["feed"]["snapshot"], true);
        edge.source.publish();
        let (payload, id) = reader.payload().await;
        assert_eq!(payload["data"]["feed"]["snapshot"], false);
        drop(reader);
        edge.source.publish();
        edge.source.publish();
        let mut reader = sse(&edge, text, Some(&id)).await;
        let mut ids = vec![id];
        for _ in 0..2 {
            let (payload, id) = reader.payload().await;
            assert_eq!(payload["data"]["feed"]["snapshot"], false);
            assert!(!ids.contains(&id), "{id} again");
            ids.push(id);
        }
        edge.source.publish();
        reader.payload().await;
        edge.source.opened(1).await;
    }
}

#[tokio::test]
async fn a_client_whose_stream_has_gone_gets_what_its_source_says_it_has_missed() {
    let edge = Edge::with(|config| {
        config.streaming.resume_window = platform::config::Duration::from_millis(0);
    })
    .await;
    let mut reader = sse(&edge, FEED, None).await;
    let (payload, id) = reader.payload().await;
    assert_eq!(feed(&payload), (0, true));
    drop(reader);
    edge.source.opened(0).await;
    // Nothing has changed, so nothing is sent.
    let mut reader = sse(&edge, FEED, Some(&id)).await;
    edge.source.opened(1).await;
    edge.source.publish();
    let (payload, id) = reader.payload().await;
    assert_eq!(feed(&payload), (1, false));
    drop(reader);
    edge.source.opened(0).await;
    edge.source.publish();
    edge.source.publish();
    let mut reader = sse(&edge, FEED, Some(&id)).await;
    for missed in [2, 3] {
        assert_eq!(feed(&reader.payload().await.0), (missed, false));
    }
    // An invalid id starts a new stream.
    let mut reader = sse(&edge, FEED, Some("nonsense")).await;
    assert_eq!(feed(&reader.payload().await.0), (3, true));
}

#[tokio::test]
async fn a_stream_outlives_its_clients_for_the_window_only() {
    let edge = Edge::with(|config| {
        config.streaming.resume_window = platform::config::Duration::from_millis(20);
    })
    .await;
    let mut reader = sse(&edge, FEED, None).await;
    reader.payload().await;
    drop(reader);
    edge.source.opened(0).await;
}

#[tokio::test]
async fn multipart_has_each_event_and_the_end() {
    let edge = Edge::start().await;
    let case = Case::post(query(COUNT)).header("accept", MULTIPART);
    let response = case.header("accept-encoding", "gzip").send(&edge).await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        content_type(&response),
        "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0"
    );
    assert!(!response.headers().contains_key("content-encoding"));
    let mut reader = Reader::new(response, "\r\n--graphql");
    for number in 1..=3 {
        let part = reader.part().await;
        let data = json!({ "count": { "number": number } });
        assert_eq!(part, Some(json!({ "payload": { "data": data } })));
    }
    assert_eq!(reader.part().await, None);
    assert_eq!(reader.text, "--\r\n");
}

#[tokio::test]
async fn silent_streams_show_that_they_are_alive() {
    let edge = Edge::with(|config| {
        config.streaming.heartbeat = platform::config::Duration::from_millis(5);
    })
    .await;
    let mut reader = sse(&edge, FEED, None).await;
    reader.payload().await;
    for _ in 0..3 {
        assert_eq!(reader.piece().await.as_deref(), Some(":"));
    }
    let case = Case::post(query(FEED)).header("accept", MULTIPART);
    let mut reader = Reader::new(case.send(&edge).await, "\r\n--graphql");
    reader.part().await;
    for _ in 0..3 {
        let part = reader.piece().await.expect("a part");
        assert!(part.ends_with("\r\n\r\n{}"), "{part}");
    }
}

#[tokio::test]
async fn what_is_refused_is_no_stream() {
    let edge = Edge::start().await;
    let check = async |text: &str, accept: &str, status: u16, media: &str| {
        let case = Case::post(query(text)).header("accept", accept);
        let response = case.send(&edge).await;
        assert_eq!(response.status(), status, "{text} as {accept}");
        assert!(content_type(&response).starts_with(media), "{text}");
        let answer = response.text().await.expect("text");
        assert!(answer.contains("errors"), "{answer}");
    };
    check("subscription { none }", SSE, 400, GRAPHQL_RESPONSE).await;
    check("subscription {", SSE, 400, GRAPHQL_RESPONSE).await;
    check("{ none }", SSE, 400, GRAPHQL_RESPONSE).await;
    check("subscription { none }", MULTIPART, 200, "application/json").await;
    check(FEED, "application/json", 406, "application/json").await;
    check(FEED, "*/*", 406, "application/json").await;
    edge.source.opened(0).await;
}

#[tokio::test]
async fn queries_are_answered_as_events_to_those_who_read_nothing_else() {
    let edge = Edge::start().await;
    let mut reader = sse(&edge, "{ hello }", None).await;
    let (payload, _) = reader.payload().await;
    assert_eq!(payload, json!({ "data": { "hello": "hello you" } }));
    let end = reader.event().await.expect("an end");
    assert_eq!(end["event"], "complete");

    let case = Case::post(query("{ hello }")).header("accept", MULTIPART);
    assert!(content_type(&case.send(&edge).await).starts_with("application/json"));
}

#[tokio::test]
async fn an_event_source_needs_no_header_but_a_page_that_may_call() {
    let edge = Edge::start().await;
    let status = async |headers: &[(&str, &str)]| {
        let mut case = Case::get("?query=subscription%7Bforever%7Bnumber%7D%7D");
        case.headers = vec![("accept", SSE)];
        case.headers.extend_from_slice(headers);
        case.send(&edge).await.status().as_u16()
    };
    assert_eq!(status(&[]).await, 200);
    assert_eq!(status(&[("sec-fetch-site", "same-origin")]).await, 200);
    assert_eq!(status(&[("sec-fetch-site", "cross-site")]).await, 400);
    assert_eq!(status(&[("origin", "https://evil.test")]).await, 400);
    assert_eq!(status(&[("origin", "http://localhost:3000")]).await, 200);
    let foreign = [("origin", "https://evil.test"), ("x-vantage-csrf", "1")];
    assert_eq!(status(&foreign).await, 200);
}

#[tokio::test]
async fn an_address_has_so_many_streams_that_are_nobodys() {
    let edge = Edge::with(|config| config.websocket.max_anonymous_per_address = 1).await;
    let open = async || {
        let case = Case::post(query(FEED)).header("accept", SSE);
        case.send(&edge).await
    };
    let first = open().await;
    assert_eq!(first.status(), 200);
    let refused = open().await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let token = format!("Bearer {}", edge.token("usr_1", Duration::from_secs(3600)));
    let signed_in = Case::post(query(FEED))
        .header("accept", SSE)
        .header("authorization", &token);
    // Signed-in callers are never among them.
    assert_eq!(signed_in.send(&edge).await.status(), 200);
}

#[tokio::test]
async fn streams_count_as_connections_and_end_with_their_reason() {
    let edge = Edge::with(|config| {
        config.websocket.max_connections = 2;
        config.websocket.max_connections_per_user = 1;
    })
    .await;
    let token = |ttl| format!("Bearer {}", edge.token("usr_1", ttl));
    let hour = token(Duration::from_secs(3600));
    let open = async |authorization: &str, accept: &str| {
        let case = Case::post(query(FEED)).header("accept", accept);
        case.header("authorization", authorization)
            .send(&edge)
            .await
    };
    let mut first = Reader::new(open(&hour, SSE).await, "\n\n");
    first.payload().await;
    let second = open(&hour, SSE).await;
    assert_eq!(second.status(), 200);
    let (payload, _) = first.payload().await;
    assert_eq!(payload["errors"][0]["message"], "Connection limit exceeded");
    assert_eq!(first.event().await.expect("an end")["event"], "complete");
    drop(first);
    crate::kit::until("one stream is open", || edge.state.connections.open() == 1).await;

    let anonymous = Case::post(query(FEED)).header("accept", SSE);
    let third = anonymous.send(&edge).await;
    assert_eq!(third.status(), 200);
    assert_eq!(open(&hour, SSE).await.status(), 503);
    drop((second, third));
    crate::kit::until("no stream is open", || edge.state.connections.open() == 0).await;

    let late = open(&token(Duration::from_secs(4)), MULTIPART).await;
    let mut late = Reader::new(late, "\r\n--graphql");
    assert!(late.part().await.expect("a part")["payload"]["data"].is_object());
    let end = late.part().await.expect("a part");
    assert_eq!(end["payload"], Value::Null);
    assert_eq!(end["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_drain_ends_streams_so_that_clients_come_back() {
    let edge = Edge::with(|config| {
        config.websocket.drain_window = platform::config::Duration::from_millis(10);
    })
    .await;
    let mut events = sse(&edge, FEED, None).await;
    events.payload().await;
    let case = Case::post(query(FEED)).header("accept", MULTIPART);
    let mut parts = Reader::new(case.send(&edge).await, "\r\n--graphql");
    parts.part().await;
    edge.state.drain().await;
    // No `complete`: clients reconnect to an event stream that breaks off.
    assert_eq!(events.event().await, None);
    let end = parts.part().await.expect("a part");
    let message = end["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("reconnect"), "{message}");
}
