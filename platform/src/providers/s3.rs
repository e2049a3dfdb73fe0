//! The settings of a bucket in S3 or a compatible store, by S3's XML protocol.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::{Digest, Md5};
use reqwest::Method;
use url::Url;

use super::aws::{Credentials, SignError, Signer};
use crate::clock::Clock;
use crate::http::{ClientError, HttpClient, HttpError, Policy, Request, Response, redact};
use crate::xml::Element;

const PROVIDER: &str = "s3";

/// The namespace of S3's documents.
pub(crate) const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The region whose buckets are created without naming it.
const FIRST_REGION: &str = "us-east-1";

/// A bucket's settings.
#[derive(Debug)]
pub(crate) struct BucketClient {
    http: HttpClient,
    signer: Signer,
    /// Requests name the bucket in the path, which every store understands.
    url: Url,
    name: String,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BucketClientError {
    #[error("the address of the store cannot take a path: write it like https://host")]
    Address,
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    #[error("there is no bucket {0:?}")]
    Missing(String),
    #[error("the bucket is in another region than the configured one")]
    OtherRegion,
    /// The store does not have this setting.
    #[error("the store does not support {0}")]
    Unsupported(&'static str),
    #[error("the store refused to {action} {setting}: {code}: {message}")]
    Refused {
        action: &'static str,
        setting: &'static str,
        code: String,
        message: String,
    },
    #[error("the store's answer about {0} is not what S3 documents")]
    Answer(&'static str),
    #[error(transparent)]
    Signing(#[from] SignError),
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl BucketClient {
    /// Does not contact the store yet. Without an endpoint, Amazon's for the region.
    pub(crate) fn new(
        endpoint: Option<&Url>,
        bucket: &str,
        region: &str,
        credentials: Credentials,
        clock: Clock,
    ) -> Result<Self, BucketClientError> {
        let mut url = match endpoint {
            Some(endpoint) => endpoint.clone(),
            None => Url::parse(&format!("https://s3.{region}.amazonaws.com"))
                .map_err(|_| BucketClientError::Address)?,
        };
        url.path_segments_mut()
            .map_err(|()| BucketClientError::Address)?
            .pop_if_empty()
            .push(bucket);
        Ok(Self {
            http: HttpClient::new(PROVIDER, url.clone(), Policy::default(), clock)?,
            signer: Signer {
                credentials,
                service: "s3",
                region: region.to_owned(),
            },
            url,
            name: bucket.to_owned(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn region(&self) -> &str {
        &self.signer.region
    }

    pub(crate) async fn exists(&self) -> Result<bool, BucketError> {
        let request = Request::new("head_bucket", Method::HEAD, &[]);
        match self.send(request, (Method::HEAD, None), &[]).await {
            Ok(_) => Ok(true),
            Err(BucketError::Http(error)) => match status(&error) {
                Some(404) => Ok(false),
                Some(301) => Err(BucketError::OtherRegion),
                // An answer to HEAD has no body that would say why.
                Some(400 | 403) => Err(BucketError::Refused {
                    action: "show",
                    setting: "the bucket",
                    code: "Forbidden".to_owned(),
                    message: "check the keys, the region and what they may do, and whether the bucket is \
                              another account's"
                        .to_owned(),
                }),
                _ => Err(error.into()),
            },
            Err(error) => Err(error),
        }
    }

    /// Creates it in the region. One that this account already has stays as it is.
    pub(crate) async fn create(&self) -> Result<(), BucketError> {
        let region = self.region();
        let body = (region != FIRST_REGION).then(|| {
            let place = Element::text("LocationConstraint", region);
            Element::of("CreateBucketConfiguration", [place]).document(NAMESPACE)
        });
        let mut request = Request::new("create_bucket", Method::PUT, &[]).idempotent();
        if let Some(body) = body {
            request = request.bytes("application/xml", body.into());
        }
        let created = self.send(request, (Method::PUT, None), &[]).await;
        match created.map_err(|error| self.explain(error, "create", "the bucket")) {
            Err(BucketError::Refused { code, .. }) if code == "BucketAlreadyOwnedByYou" => Ok(()),
            created => created.map(drop),
        }
    }

    /// Reads a setting by the name of its subresource. `None` if it is not set.
    pub(crate) async fn read(
        &self,
        subresource: &'static str,
        setting: &'static str,
    ) -> Result<Option<Bytes>, BucketError> {
        let request = Request::get("read_bucket_setting", &[]).query(subresource, "");
        let sent_to = (Method::GET, Some(subresource));
        match self.send(request, sent_to, &[]).await {
            Ok(answer) => Ok(Some(answer.body().clone())),
            Err(error) => {
                let is_unset =
                    matches!(&error, BucketError::Http(error) if status(error) == Some(404));
                match self.explain(error, "show", setting) {
                    // Any other code of a 404 says that the setting is not there.
                    BucketError::Refused { .. } if is_unset => Ok(None),
                    error => Err(error),
                }
            }
        }
    }

    /// Replaces a setting.
    pub(crate) async fn write(
        &self,
        subresource: &'static str,
        setting: &'static str,
        (content_type, body): (&'static str, String),
    ) -> Result<(), BucketError> {
        let digest = STANDARD.encode(Md5::digest(body.as_bytes()));
        let request = Request::new("write_bucket_setting", Method::PUT, &[])
            .query(subresource, "")
            .bytes(content_type, body.into())
            .idempotent();
        let headers = [("content-md5", digest)];
        let sent_to = (Method::PUT, Some(subresource));
        let written = self.send(request, sent_to, &headers).await;
        written
            .map(drop)
            .map_err(|error| self.explain(error, "change", setting))
    }

    async fn send(
        &self,
        request: Request,
        (method, subresource): (Method, Option<&str>),
        headers: &[(&'static str, String)],
    ) -> Result<Response, BucketError> {
        let mut url = self.url.clone();
        if let Some(subresource) = subresource {
            url.query_pairs_mut().append_pair(subresource, "");
        }
        let signed = self.signer.sign(request, (method, &url), headers).await?;
        Ok(self.http.send(&signed).await?)
    }

    /// What a refusal means.
    fn explain(
        &self,
        error: BucketError,
        action: &'static str,
        setting: &'static str,
    ) -> BucketError {
        let error = match error {
            BucketError::Http(error) => error,
            error => return error,
        };
        let Some(refused) = error.rejection() else {
            return error.into();
        };
        let status = refused.status;
        let document = Element::parse(refused.body()).ok();
        let text = |name: &str| document.as_ref()?.text_at(&[name]).map(redact);
        let code = text("Code");
        match (status, code.as_deref()) {
            (301, _) => BucketError::OtherRegion,
            (404, Some("NoSuchBucket")) => BucketError::Missing(self.name.clone()),
            (501 | 405, _) | (_, Some("NotImplemented" | "XNotImplemented")) => {
                BucketError::Unsupported(setting)
            }
            (_, Some(code)) => BucketError::Refused {
                action,
                setting,
                code: code.to_owned(),
                message: text("Message").unwrap_or_default(),
            },
            // It may be another server.
            (_, None) => error.into(),
        }
    }
}

fn status(error: &HttpError) -> Option<u16> {
    error.rejection().map(|refused| refused.status)
}
