//! Requests signed with signature version 4.

use axum::http::{HeaderValue, Request as HttpRequest};
use bytes::Bytes;
use object_store::aws::AwsAuthorizer;
use object_store::client::HttpRequestBody;
use reqwest::Method;
use url::Url;

use super::chain::Credentials;
use super::error::CredentialError;
use crate::http::Request;

/// The headers of a signature.
const SIGNATURE: [&str; 4] = [
    "authorization",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
];

/// Signs requests to one service.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) credentials: Credentials,
    pub(crate) service: &'static str,
    pub(crate) region: String,
}

/// Why a request could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    #[error("the request cannot be signed: a header or the address is not valid")]
    Request,
}

impl Signer {
    /// Adds these headers and a signature, which they and the body are part of. The URL is the one that the request is
    /// sent to.
    pub(crate) async fn sign(
        &self,
        request: Request,
        (method, url): (Method, &Url),
        headers: &[(&'static str, String)],
    ) -> Result<Request, SignError> {
        let credential = self.credentials.current().await?;
        let body = HttpRequestBody::from(Bytes::copy_from_slice(request.body()));
        let mut unsigned = HttpRequest::builder().method(method).uri(url.as_str());
        for (name, value) in headers {
            unsigned = unsigned.header(*name, value);
        }
        let mut signed = unsigned.body(body).map_err(|_| SignError::Request)?;
        // The signer would panic.
        let token = credential.token.as_deref().unwrap_or_default();
        HeaderValue::from_str(token).map_err(|_| SignError::Request)?;
        AwsAuthorizer::new(&credential, self.service, &self.region)
            .try_authorize(&mut signed, None)
            .map_err(|_| SignError::Request)?;
        let mut request = request;
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for name in SIGNATURE {
            let value = signed.headers().get(name);
            if let Some(value) = value.and_then(|value| value.to_str().ok()) {
                request = request.header(name, value);
            }
        }
        Ok(request)
    }
}
