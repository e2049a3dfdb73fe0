//! Credentials that are fetched: for a role of a pod, a container or an instance. They expire.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use object_store::aws::AwsCredential;
use reqwest::Method;
use serde::Deserialize;
use url::{Host, Url};

use super::environment::Environment;
use super::error::CredentialError;
use crate::clock::Clock;
use crate::config::Secret;
use crate::http::{HttpClient, HttpError, Policy, Request, Response};
use crate::xml::Element;

/// Where containers of ECS and pods of EKS get theirs from.
const CONTAINER_HOSTS: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const CONTAINER_TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const CONTAINER_TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
pub(super) const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const METADATA_ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";

/// Credentials and when they end.
#[derive(Debug)]
pub(super) struct Expiring {
    pub(super) credential: AwsCredential,
    pub(super) expires_at: DateTime<Utc>,
}

/// What metadata services answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
    expiration: Option<DateTime<Utc>>,
}

/// These services are near, and callers wait.
fn policy(attempt_timeout: Duration) -> Policy {
    Policy {
        attempt_timeout,
        deadline: attempt_timeout * 4,
        max_response_bytes: 64 << 10,
        ..Policy::default()
    }
}

fn client(
    provider: &'static str,
    variable: &'static str,
    base: Url,
    attempt_timeout: Duration,
    clock: &Clock,
) -> Result<HttpClient, CredentialError> {
    let client = HttpClient::new(provider, base, policy(attempt_timeout), clock.clone());
    client.map_err(|error| CredentialError::Address {
        variable,
        problem: error.to_string(),
    })
}

fn address(variable: &'static str, text: &str) -> Result<Url, CredentialError> {
    Url::parse(text).map_err(|error| CredentialError::Address {
        variable,
        problem: error.to_string(),
    })
}

async fn file(variable: &'static str, path: &Path) -> Result<String, CredentialError> {
    let read = tokio::fs::read_to_string(path).await;
    let read = read.map_err(|error| CredentialError::File {
        variable,
        path: path.to_owned(),
        error,
    });
    Ok(read?.trim().to_owned())
}

/// The role of a pod's service account on EKS (IRSA), or of any other OpenID Connect identity.
#[derive(Debug)]
pub(super) struct WebIdentity {
    sts: HttpClient,
    role_arn: String,
    token_file: PathBuf,
    session_name: String,
}

impl WebIdentity {
    const NAME: &'static str = "the security token service (AssumeRoleWithWebIdentity)";

    pub(super) fn new(
        environment: &Environment,
        region: &str,
        (role_arn, token_file): (String, PathBuf),
        session_name: Option<String>,
        clock: &Clock,
    ) -> Result<Self, CredentialError> {
        const ENDPOINT: &str = "AWS_ENDPOINT_URL_STS";
        let endpoint = environment.get(ENDPOINT).map(str::to_owned);
        let endpoint = endpoint.unwrap_or_else(|| {
            let china = if region.starts_with("cn-") { ".cn" } else { "" };
            format!("https://sts.{region}.amazonaws.com{china}")
        });
        let base = address(ENDPOINT, &endpoint)?;
        let timeout = Duration::from_secs(5);
        Ok(Self {
            sts: client("aws_sts", ENDPOINT, base, timeout, clock)?,
            role_arn,
            token_file,
            session_name: session_name.unwrap_or_else(|| "vantage".to_owned()),
        })
    }

    pub(super) async fn fetch(&self) -> Result<Expiring, CredentialError> {
        // Kubernetes replaces the token before it expires.
        let token = file(TOKEN_FILE, &self.token_file).await?;
        let request = Request::post("assume_role", &[]).form([
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", self.role_arn.as_str()),
            ("RoleSessionName", self.session_name.as_str()),
            ("WebIdentityToken", token.as_str()),
        ]);
        let answer = send(&self.sts, Self::NAME, &request.idempotent()).await?;
        let missing = || CredentialError::Answer {
            source_name: Self::NAME,
            problem: "its answer has no credentials".to_owned(),
        };
        let document = Element::parse(answer.body()).map_err(|_| missing())?;
        let text = |name: &str| {
            let path = ["AssumeRoleWithWebIdentityResult", "Credentials", name];
            document.text_at(&path).map(str::to_owned)
        };
        expiring(
            Self::NAME,
            Document {
                code: None,
                access_key_id: text("AccessKeyId"),
                secret_access_key: text("SecretAccessKey"),
                token: text("SessionToken"),
                expiration: text("Expiration").and_then(|at| at.parse().ok()),
            },
        )
    }
}

/// The role of a task on ECS, or of a pod on EKS (Pod Identity).
#[derive(Debug)]
pub(super) struct Container {
    http: HttpClient,
    token_file: Option<PathBuf>,
    token: Option<Secret>,
}

impl Container {
    const NAME: &'static str = "the container's credential service";

    /// `None` outside such containers.
    pub(super) fn new(
        environment: &Environment,
        clock: &Clock,
    ) -> Result<Option<Self>, CredentialError> {
        let (variable, url) = match (environment.get(RELATIVE_URI), environment.get(FULL_URI)) {
            (Some(path), _) => {
                let url = format!("http://{}{path}", CONTAINER_HOSTS[0]);
                (RELATIVE_URI, address(RELATIVE_URI, &url)?)
            }
            (None, Some(url)) => (FULL_URI, address(FULL_URI, url)?),
            (None, None) => return Ok(None),
        };
        // The token would go anywhere else in plain text.
        let is_near = match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback() || CONTAINER_HOSTS.contains(&ip.into()),
            Some(Host::Ipv6(ip)) => ip.is_loopback() || CONTAINER_HOSTS.contains(&ip.into()),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if url.scheme() != "https" && !is_near {
            return Err(CredentialError::Address {
                variable,
                problem: "plain HTTP only goes to this machine and to Amazon's containers"
                    .to_owned(),
            });
        }
        let timeout = Duration::from_secs(2);
        Ok(Some(Self {
            http: client("aws_container", variable, url, timeout, clock)?,
            token_file: environment.path(CONTAINER_TOKEN_FILE),
            token: environment.get(CONTAINER_TOKEN).map(Secret::new),
        }))
    }

    pub(super) async fn fetch(&self) -> Result<Expiring, CredentialError> {
        let token = match &self.token_file {
            Some(path) => Some(file(CONTAINER_TOKEN_FILE, path).await?),
            None => self.token.as_ref().map(|token| token.expose().to_owned()),
        };
        let mut request = Request::get("credentials", &[]);
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let answer = send(&self.http, Self::NAME, &request).await?;
        expiring(Self::NAME, read(Self::NAME, &answer)?)
    }
}

/// The role of an instance on EC2, by version 2 of the metadata service.
#[derive(Debug)]
pub(super) struct Instance {
    http: HttpClient,
}

impl Instance {
    const NAME: &'static str = "the instance's metadata service";

    /// `None` if it must not be used.
    pub(super) fn new(
        environment: &Environment,
        clock: &Clock,
    ) -> Result<Option<Self>, CredentialError> {
        let disabled = environment.get("AWS_EC2_METADATA_DISABLED");
        if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let mode = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
        let default = match mode {
            Some(mode) if mode.eq_ignore_ascii_case("ipv6") => "http://[fd00:ec2::254]",
            _ => "http://169.254.169.254",
        };
        let endpoint = environment.get(METADATA_ENDPOINT).unwrap_or(default);
        let base = address(METADATA_ENDPOINT, endpoint)?;
        let timeout = Duration::from_secs(2);
        Ok(Some(Self {
            http: client("aws_metadata", METADATA_ENDPOINT, base, timeout, clock)?,
        }))
    }

    pub(super) async fn fetch(&self) -> Result<Expiring, CredentialError> {
        const ROLES: [&str; 4] = ["latest", "meta-data", "iam", "security-credentials"];
        let request = Request::new("token", Method::PUT, &["latest", "api", "token"])
            .header("x-aws-ec2-metadata-token-ttl-seconds", "600")
            .idempotent();
        let token = text(&send(&self.http, Self::NAME, &request).await?);
        let get = |operation, name: &str| {
            let path = [ROLES[0], ROLES[1], ROLES[2], ROLES[3], name];
            Request::get(operation, &path).header("x-aws-ec2-metadata-token", token.as_str())
        };
        let roles = match send(&self.http, Self::NAME, &get("role", "")).await {
            Err(CredentialError::Call { error, .. }) if is_absent(&error) => String::new(),
            roles => text(&roles?),
        };
        let Some(role) = roles.lines().next().map(str::trim) else {
            return Err(CredentialError::Answer {
                source_name: Self::NAME,
                problem: "the instance has no role".to_owned(),
            });
        };
        let answer = send(&self.http, Self::NAME, &get("credentials", role)).await?;
        expiring(Self::NAME, read(Self::NAME, &answer)?)
    }
}

fn is_absent(error: &HttpError) -> bool {
    error
        .rejection()
        .is_some_and(|refused| refused.status == 404)
}

fn text(answer: &Response) -> String {
    String::from_utf8_lossy(answer.body()).trim().to_owned()
}

async fn send(
    http: &HttpClient,
    source_name: &'static str,
    request: &Request,
) -> Result<Response, CredentialError> {
    let sent = http.send(request).await;
    sent.map_err(|error| CredentialError::Call { source_name, error })
}

fn read(source_name: &'static str, answer: &Response) -> Result<Document, CredentialError> {
    let read = answer.json();
    read.map_err(|error| CredentialError::Call { source_name, error })
}

fn expiring(source_name: &'static str, document: Document) -> Result<Expiring, CredentialError> {
    let problem = match document {
        Document {
            code: Some(code), ..
        } if code != "Success" => format!("it says {}", crate::http::redact(&code)),
        Document {
            access_key_id: Some(key_id),
            secret_access_key: Some(secret_key),
            token: Some(token),
            expiration: Some(expires_at),
            ..
        } => {
            let token = Some(token);
            return Ok(Expiring {
                credential: AwsCredential {
                    key_id,
                    secret_key,
                    token,
                },
                expires_at,
            });
        }
        _ => "its answer lacks AccessKeyId, SecretAccessKey, Token or Expiration".to_owned(),
    };
    Err(CredentialError::Answer {
        source_name,
        problem,
    })
}
