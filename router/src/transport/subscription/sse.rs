//! GraphQL over server-sent events, distinct connections mode: a POST with a streaming response.

use std::sync::Arc;

use axum::http::HeaderValue;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use bytes::Bytes;
use platform::caller::CALLER_HEADER;
use tokio::task::AbortHandle;
use url::Url;

use super::close_reason::CloseReason;
use super::event_queue::{End, EventQueue};
use super::event_stream::EventReader;
use super::{Credentials, Subscription};
use crate::transport::{Numbers, SubgraphRequest};

/// Where subscriptions are POSTed.
#[derive(Debug)]
pub(super) struct ServerSentEvents {
    pub client: reqwest::Client,
    pub url: Url,
    pub queued_events: usize,
    pub max_bytes: usize,
}

/// Aborts the reading of a stream, and thereby the stream.
struct ReaderGuard(AbortHandle);

impl Drop for ReaderGuard {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ServerSentEvents {
    pub(super) async fn subscribe(
        &self,
        credentials: &Credentials,
        request: &SubgraphRequest,
    ) -> Result<Subscription, CloseReason> {
        let body = request.to_json_for(Numbers::of(credentials.signer.is_some()));
        let mut headers = credentials.headers.clone();
        if let Some(signer) = &credentials.signer {
            let value =
                HeaderValue::from_str(&signer.operation(&body)?).map_err(CloseReason::lost)?;
            headers.insert(HeaderName::from_static(CALLER_HEADER), value);
        }
        let mut response = self
            .client
            .post(self.url.clone())
            .headers(headers)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream")
            .body(body)
            .send()
            .await
            .map_err(CloseReason::lost)?;
        let inbox = Arc::new(EventQueue::new(self.queued_events, self.max_bytes));
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(|value| value.starts_with("text/event-stream")) {
            let status = response.status();
            let body = self.body(&mut response).await?;
            let Some(refusal) = refusal(&body) else {
                let reason = format!("it answered a subscription with status {status}");
                return Err(CloseReason::from_status(status, reason));
            };
            inbox.end(End::Errors(refusal));
            return Ok(Subscription {
                inbox,
                _place: Box::new(()),
            });
        }
        // A separate task: streams of one HTTP/2 connection share a window, and an unread one would use it up.
        let reading = tokio::spawn({
            let (inbox, max_bytes) = (Arc::clone(&inbox), self.max_bytes);
            async move {
                let end = read(response, &inbox, max_bytes).await;
                inbox.end(end);
            }
        });
        Ok(Subscription {
            inbox,
            _place: Box::new(ReaderGuard(reading.abort_handle())),
        })
    }

    async fn body(&self, response: &mut reqwest::Response) -> Result<Vec<u8>, CloseReason> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(CloseReason::lost)? {
            if body.len() + chunk.len() > self.max_bytes {
                return Err(CloseReason::Lost("its answer is too large".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// The errors of an operation rejected in JSON.
fn refusal(body: &[u8]) -> Option<Bytes> {
    #[derive(serde::Deserialize)]
    struct Refusal<'b> {
        #[serde(borrow)]
        errors: &'b serde_json::value::RawValue,
    }
    let refusal: Refusal<'_> = serde_json::from_slice(body).ok()?;
    Some(Bytes::copy_from_slice(refusal.errors.get().as_bytes()))
}

async fn read(mut response: reqwest::Response, inbox: &EventQueue, max_bytes: usize) -> End {
    let mut reader = EventReader::new(max_bytes);
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => reader.feed(&chunk),
            Ok(None) => {
                return End::Closed(CloseReason::Lost("it ended without completing".to_owned()));
            }
            Err(error) => return End::Closed(CloseReason::lost(error)),
        }
        loop {
            match reader.next() {
                Ok(Some(event)) => match event.name.as_str() {
                    "next" => inbox.push(&event.data),
                    "complete" => return End::Complete,
                    _ => {}
                },
                Ok(None) => break,
                Err(error) => return End::Closed(CloseReason::lost(error)),
            }
        }
    }
}
