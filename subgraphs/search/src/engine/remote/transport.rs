//! The official clients of OpenSearch and Elasticsearch, which differ in their types alone.

use std::time::Duration;

use bytes::Bytes;
use elasticsearch::cert as elasticsearch_cert;
use elasticsearch::http::transport as elasticsearch_transport;
use opensearch::cert as opensearch_cert;
use opensearch::http::transport as opensearch_transport;
use url::Url;

use super::client::{Call, ClientError, Method, shortened};
use super::{Dialect, RemoteConfig};
use crate::engine::EngineError;

/// One of the clients, for one cluster.
pub(super) enum Transport {
    OpenSearch(opensearch_transport::Transport),
    Elasticsearch(elasticsearch_transport::Transport),
}

macro_rules! transport {
    ($client:ident, $transport:ident, $cert:ident, $config:expr) => {{
        use $client::auth::Credentials;
        let (url, credentials) = without_credentials($config.url.clone())?;
        let pool = $transport::SingleNodeConnectionPool::new(url);
        let mut builder = $transport::TransportBuilder::new(pool);
        if let Some((user, password)) = credentials {
            builder = builder.auth(Credentials::Basic(user, password));
        }
        if let Some(pem) = &$config.ca {
            let certificate = $cert::Certificate::from_pem(pem)
                .map_err(|error| ClientError::Certificate(error.to_string()))?;
            builder = builder.cert_validation($cert::CertificateValidation::Full(certificate));
        }
        builder
            .build()
            .map_err(|error| ClientError::Build(error.to_string()))?
    }};
}

macro_rules! send {
    ($client:ident, $transport:expr, $call:expr, $timeout:expr) => {{
        use $client::http::Method as Its;
        let method = match $call.method {
            Method::Get => Its::Get,
            Method::Put => Its::Put,
            Method::Post => Its::Post,
            Method::Delete => Its::Delete,
        };
        let error = |error: $client::Error| match error.is_timeout() {
            true => EngineError::TimedOut,
            false => EngineError::Unreachable(shortened(&chain(&error))),
        };
        let response = $transport
            .send(
                method,
                &$call.path,
                Default::default(),
                None::<&()>,
                $call.body,
                Some($timeout),
            )
            .await
            .map_err(error)?;
        let status = response.status_code().as_u16();
        (status, response.bytes().await.map_err(error)?)
    }};
}

impl Transport {
    /// Connects with the first request.
    pub(super) fn new(config: &RemoteConfig) -> Result<Self, ClientError> {
        Ok(match config.dialect {
            Dialect::OpenSearch => Self::OpenSearch(transport!(
                opensearch,
                opensearch_transport,
                opensearch_cert,
                config
            )),
            Dialect::Elasticsearch => Self::Elasticsearch(transport!(
                elasticsearch,
                elasticsearch_transport,
                elasticsearch_cert,
                config
            )),
        })
    }

    /// The status and the body of the answer.
    pub(super) async fn send(
        &self,
        call: Call,
        timeout: Duration,
    ) -> Result<(u16, Bytes), EngineError> {
        Ok(match self {
            Self::OpenSearch(transport) => send!(opensearch, transport, call, timeout),
            Self::Elasticsearch(transport) => send!(elasticsearch, transport, call, timeout),
        })
    }
}

/// The URL, and the user and the password that were in it.
fn without_credentials(mut url: Url) -> Result<(Url, Option<(String, String)>), ClientError> {
    if url.cannot_be_a_base() || !matches!(url.scheme(), "http" | "https") {
        return Err(ClientError::Url);
    }
    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned()
    };
    let user = decoded(url.username());
    let password = decoded(url.password().unwrap_or_default());
    if user.is_empty() && password.is_empty() {
        return Ok((url, None));
    }
    url.set_username("").map_err(|()| ClientError::Url)?;
    url.set_password(None).map_err(|()| ClientError::Url)?;
    Ok((url, Some((user, password))))
}

/// An error with its causes; the clients show only the outermost.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_taken_out_of_the_url() {
        let url = "https://user:p%40ss@host:9200/path".parse().unwrap();
        let (url, credentials) = without_credentials(url).unwrap();
        assert_eq!(url.as_str(), "https://host:9200/path");
        assert_eq!(credentials.unwrap(), ("user".to_owned(), "p@ss".to_owned()));
        let url = "http://host:9200".parse().unwrap();
        assert_eq!(without_credentials(url).unwrap().1, None);
        assert!(without_credentials("mailto:a@b".parse().unwrap()).is_err());
    }
}
