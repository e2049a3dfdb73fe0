//! Sends one webhook: signed, to the public internet only, within a time limit, and without following redirects.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use reqwest::{StatusCode, redirect};
use tracing::Instrument;
use url::{Host, Url};

use super::address::is_public;
use super::signing::{SigningSecret, signature_header};
use crate::http::retry_after;
use crate::telemetry::traces;

/// How webhooks are sent.
#[derive(Clone, Copy, Debug)]
pub struct WebhookSenderConfig {
    /// For one attempt, from resolving the host to the end of the response.
    pub timeout: Duration,
    /// For connecting, within `timeout`.
    pub connect_timeout: Duration,
    /// Bytes of a response that are read so that its connection can be used again. Nothing is kept of them.
    pub max_response_bytes: usize,
    pub require_https: bool,
    /// Whether hosts may have addresses outside the public internet. For development and tests.
    pub allow_private_hosts: bool,
}

/// Sends webhooks. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct WebhookSender {
    http: reqwest::Client,
    config: WebhookSenderConfig,
}

/// The sender could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for webhooks could not be built")]
pub struct SenderError(#[source] reqwest::Error);

/// Why nothing is sent to a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("the URL is not https")]
    NotHttps,
    #[error("the host is not on the public internet")]
    PrivateHost,
}

/// Why a webhook was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    #[error("{0}")]
    Url(#[from] UrlError),
    #[error("none of its secrets signs any more: rotate its secret")]
    NoSecret,
    /// The receiver wants no more webhooks.
    #[error("it answered 410 Gone")]
    Gone,
    #[error("it answered {status}")]
    Status {
        status: u16,
        /// The wait that it requested.
        retry_after: Option<Duration>,
    },
    #[error("it did not answer in time")]
    TimedOut,
    /// Nothing that the receiver sent is in the text.
    #[error("{0}")]
    Unreachable(&'static str),
}

impl WebhookSender {
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn new(config: WebhookSenderConfig) -> Result<Self, SenderError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("vantage/", env!("CARGO_PKG_VERSION")))
            .timeout(config.timeout)
            .connect_timeout(config.connect_timeout)
            // A redirect could lead anywhere.
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            // A proxy would resolve the host itself.
            .no_proxy()
            .no_gzip()
            .https_only(config.require_https);
        if !config.allow_private_hosts {
            builder = builder.dns_resolver(Arc::new(PublicOnly));
        }
        let http = builder.build().map_err(SenderError)?;
        Ok(Self { http, config })
    }

    /// Whether webhooks may be sent to this URL, as far as is known before its host is resolved.
    ///
    /// # Errors
    /// Why not.
    pub fn check_url(&self, url: &Url) -> Result<(), UrlError> {
        if self.config.require_https && url.scheme() != "https" {
            return Err(UrlError::NotHttps);
        }
        // An address is connected to without being resolved.
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        let is_private = address.is_some_and(|address| !is_public(address));
        if is_private && !self.config.allow_private_hosts {
            return Err(UrlError::PrivateHost);
        }
        Ok(())
    }

    /// Sends a webhook once.
    ///
    /// # Errors
    /// Unless it is answered with 2xx.
    pub async fn send(
        &self,
        url: &Url,
        secrets: &[SigningSecret],
        id: &str,
        body: Bytes,
        now: DateTime<Utc>,
    ) -> Result<(), DeliveryError> {
        self.check_url(url)?;
        if secrets.is_empty() {
            return Err(DeliveryError::NoSecret);
        }
        let timestamp = now.timestamp();
        let signature = signature_header(secrets, id, timestamp, &body);
        let request = self
            .http
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body);
        // Partners' URLs may have their secrets.
        let span = tracing::info_span!(
            target: traces::TARGET,
            "call",
            otel.kind = "client",
            otel.name = "POST webhook",
            http.request.method = "POST",
            server.address = url.host_str(),
            server.port = url.port_or_known_default().map(i64::from),
        );
        let sent = request.send().instrument(span.clone()).await;
        let response = sent.map_err(|error| {
            traces::fail(&span, "connection");
            of_transport(&error)
        })?;
        let status = response.status();
        traces::set_status(&span, status.as_u16());
        let retry_after = retry_after(response.headers(), now);
        self.drain(response).await;
        match status {
            StatusCode::GONE => Err(DeliveryError::Gone),
            status if status.is_success() => Ok(()),
            status => Err(DeliveryError::Status {
                status: status.as_u16(),
                retry_after,
            }),
        }
    }

    /// Reads a short response to its end. The status has been received, so what goes wrong here changes nothing.
    async fn drain(&self, mut response: reqwest::Response) {
        let mut left = self.config.max_response_bytes;
        while let Ok(Some(chunk)) = response.chunk().await {
            match left.checked_sub(chunk.len()) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }
}

/// Says which step failed, and nothing that the receiver controls.
fn of_transport(error: &reqwest::Error) -> DeliveryError {
    if is_caused_by_private_host(error) {
        return UrlError::PrivateHost.into();
    }
    if error.is_timeout() {
        DeliveryError::TimedOut
    } else if error.is_connect() {
        DeliveryError::Unreachable("it cannot be connected to")
    } else {
        DeliveryError::Unreachable("the connection broke before it answered")
    }
}

fn is_caused_by_private_host(error: &reqwest::Error) -> bool {
    let first: Option<&(dyn std::error::Error + 'static)> = Some(error);
    std::iter::successors(first, |error| error.source()).any(|cause| cause.is::<UrlError>())
}

/// Resolves hosts to addresses of the public internet only. The connection is made to the very addresses that were
/// checked.
#[derive(Debug)]
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is the URL's; this one is a placeholder.
            let resolved = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = resolved.filter(|one| is_public(one.ip())).collect();
            if public.is_empty() {
                return Err(UrlError::PrivateHost.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}
