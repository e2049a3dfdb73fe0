//! Credentials from each source, from services that answer, change, fail and lie.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use parking_lot::Mutex;
use tokio::net::TcpListener;

use super::*;
use crate::clock::Clock;
use crate::config::Secret;

fn noon() -> DateTime<Utc> {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

/// A service that gives credentials for an hour, numbered, or fails.
#[derive(Clone)]
struct Service {
    clock: Clock,
    calls: Arc<Mutex<Vec<String>>>,
    /// What it answers instead.
    fault: Arc<Mutex<Option<(StatusCode, &'static str)>>>,
    /// How many credentials it gave.
    given: Arc<Mutex<u32>>,
}

impl Service {
    /// Starts it. Returns its address, too.
    async fn start() -> (Self, String) {
        let service = Self {
            clock: Clock::manual(noon()),
            calls: Arc::default(),
            fault: Arc::default(),
            given: Arc::default(),
        };
        let app = Router::new().fallback(answer).with_state(service.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (service, url)
    }

    fn fail(&self, status: StatusCode, body: &'static str) {
        *self.fault.lock() = Some((status, body));
    }

    fn credentials(&self, variables: &[(&str, &str)]) -> Result<Credentials, CredentialError> {
        let environment = environment(variables);
        Credentials::new((None, None), "eu-central-1", &environment, &self.clock)
    }
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Environment::new(variables.iter().map(owned))
}

async fn answer(State(service): State<Service>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let header = |name: &str| {
        let value = parts.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap()).to_owned()
    };
    let path = parts.uri.path();
    let mut call = format!("{} {path}", parts.method);
    for name in ["authorization", "x-aws-ec2-metadata-token"] {
        if !header(name).is_empty() {
            call.push_str(&format!(" {}", header(name)));
        }
    }
    if !body.is_empty() {
        call.push_str(&format!(" {}", String::from_utf8_lossy(&body)));
    }
    service.calls.lock().push(call);
    if let Some(fault) = *service.fault.lock() {
        return fault.into_response();
    }
    let expiry = service.clock.now() + TimeDelta::hours(1);
    let expiry = expiry.to_rfc3339_opts(SecondsFormat::Secs, true);
    let next = || {
        let mut given = service.given.lock();
        *given += 1;
        *given
    };
    match path {
        "/latest/api/token" => {
            assert_eq!(parts.method, "PUT");
            "session".into_response()
        }
        "/latest/meta-data/iam/security-credentials/" => "shop\n".into_response(),
        "/latest/meta-data/iam/security-credentials/shop" | "/v1/credentials" => {
            let number = next();
            format!(
                r#"{{"Code":"Success","AccessKeyId":"AKID{number}","SecretAccessKey":"S3CRET",
                "Token":"T0KEN","Expiration":"{expiry}","Type":"AWS-HMAC"}}"#
            )
            .into_response()
        }
        "/" => {
            let number = next();
            format!(
                "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">
                <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKID{number}</AccessKeyId>
                <SecretAccessKey>S3CRET</SecretAccessKey><SessionToken>T0KEN</SessionToken>
                <Expiration>{expiry}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
                </AssumeRoleWithWebIdentityResponse>"
            )
            .into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn key_id(credentials: &Credentials) -> String {
    credentials.current().await.unwrap().key_id.clone()
}

async fn problem(credentials: &Credentials) -> String {
    let error = credentials.current().await.unwrap_err().to_string();
    assert!(
        !error.contains("S3CRET") && !error.contains("T0KEN"),
        "{error}"
    );
    error
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let file = directory.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_first_source_that_is_set_up_is_used() {
    let (service, url) = Service::start().await;
    let home = tempfile::tempdir().unwrap();
    let token = write(home.path(), "token", "ey.J");
    let full_uri = format!("{url}/v1/credentials");
    let mut variables = vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())];
    let source = |variables: &[(&str, &str)]| service.credentials(variables).unwrap().source();
    assert_eq!(source(&variables), "instance");
    variables.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI", full_uri.as_str()));
    assert_eq!(source(&variables), "container");
    variables.push(("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()));
    variables.push(("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/shop"));
    assert_eq!(source(&variables), "web_identity");
    variables.push(("HOME", home.path().to_str().unwrap()));
    assert_eq!(source(&variables), "web_identity", "there are no profiles");
    let keys = "[default]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = S3CRET\n";
    write(home.path(), ".aws/credentials", keys);
    assert_eq!(source(&variables), "profile");
    variables.push(("AWS_ACCESS_KEY_ID", "AKIDENV"));
    variables.push(("AWS_SECRET_ACCESS_KEY", "S3CRET"));
    assert_eq!(source(&variables), "keys");
    let from_variables = service.credentials(&variables).unwrap();
    assert_eq!(key_id(&from_variables).await, "AKIDENV");

    let secret = Secret::new("a secret");
    let configured = Credentials::new(
        (Some("AKIDCONFIG"), Some(&secret)),
        "eu-central-1",
        &environment(&variables),
        &service.clock,
    );
    assert_eq!(key_id(&configured.unwrap()).await, "AKIDCONFIG");
    assert_eq!(*service.calls.lock(), [] as [String; 0]);
}

#[test]
fn settings_that_cannot_work_are_errors_that_name_them() {
    let home = tempfile::tempdir().unwrap();
    let file = write(
        home.path(),
        "config",
        "[default]\nregion = x\n[profile sso]\nsso_session = shop\n[profile half]\naws_access_key_id = A\n",
    );
    let missing = home.path().join("missing");
    let error = |variables: &[(&str, &str)]| {
        let clock = Clock::manual(noon());
        let made = Credentials::new((None, None), "us-east-1", &environment(variables), &clock);
        made.unwrap_err().to_string()
    };
    for (variables, expected) in [
        (
            vec![("AWS_ACCESS_KEY_ID", "A")],
            "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY",
        ),
        (
            vec![("AWS_WEB_IDENTITY_TOKEN_FILE", "/x")],
            "AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN",
        ),
        (
            vec![("AWS_CONFIG_FILE", &*file), ("AWS_PROFILE", "other")],
            "the profile \"other\" cannot be used: there is no such profile",
        ),
        (
            vec![("AWS_CONFIG_FILE", &*file), ("AWS_PROFILE", "default")],
            "it has no aws_access_key_id",
        ),
        (
            vec![("AWS_CONFIG_FILE", &*file), ("AWS_PROFILE", "sso")],
            "it needs sso_session, which is not supported",
        ),
        (
            vec![("AWS_CONFIG_FILE", &*file), ("AWS_PROFILE", "half")],
            "it has no aws_secret_access_key",
        ),
        (
            vec![("AWS_SHARED_CREDENTIALS_FILE", missing.to_str().unwrap())],
            "the file of AWS_SHARED_CREDENTIALS_FILE cannot be read",
        ),
        (
            vec![(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://example.com/credentials",
            )],
            "plain HTTP only goes to this machine",
        ),
        (
            vec![("AWS_EC2_METADATA_DISABLED", "true")],
            "there are no credentials",
        ),
    ] {
        let error = error(&variables);
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_profile_is_read_again_so_that_its_keys_can_be_rotated() {
    let home = tempfile::tempdir().unwrap();
    let keys = |id: &str| {
        format!(
            "# keys\n[other]\naws_access_key_id = WRONG\n\n[shop]\naws_access_key_id={id} # since May\n\
             aws_secret_access_key = SE=CRET\naws_session_token = T0KEN\ns3 =\n  addressing_style = path\n"
        )
    };
    let file = write(home.path(), "credentials", &keys("FIRST"));
    let clock = Clock::manual(noon());
    let variables = environment(&[
        ("AWS_PROFILE", "shop"),
        ("AWS_SHARED_CREDENTIALS_FILE", file.as_str()),
    ]);
    let credentials = Credentials::new((None, None), "us-east-1", &variables, &clock).unwrap();
    let first = credentials.current().await.unwrap();
    assert_eq!(first.key_id, "FIRST");
    assert_eq!(first.secret_key, "SE=CRET");
    assert_eq!(first.token.as_deref(), Some("T0KEN"));
    write(home.path(), "credentials", &keys("SECOND"));
    assert_eq!(key_id(&credentials).await, "FIRST");
    clock.advance(TimeDelta::minutes(5));
    assert_eq!(key_id(&credentials).await, "SECOND");
    // While the file is being replaced, the old keys work on.
    std::fs::remove_file(&file).unwrap();
    clock.advance(TimeDelta::minutes(5));
    assert_eq!(key_id(&credentials).await, "SECOND");
}

#[tokio::test]
async fn an_instances_role_is_read_by_version_2_and_replaced_before_it_expires() {
    let (service, url) = Service::start().await;
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())];
    let credentials = service.credentials(&variables).unwrap();
    let credential = credentials.current().await.unwrap();
    assert_eq!(credential.key_id, "AKID1");
    assert_eq!(credential.token.as_deref(), Some("T0KEN"));
    assert_eq!(
        *service.calls.lock(),
        [
            "PUT /latest/api/token",
            "GET /latest/meta-data/iam/security-credentials/ session",
            "GET /latest/meta-data/iam/security-credentials/shop session",
        ]
    );
    service.clock.advance(TimeDelta::minutes(54));
    assert_eq!(key_id(&credentials).await, "AKID1");
    service.clock.advance(TimeDelta::minutes(1));
    // Concurrent callers fetch them once.
    let both = tokio::join!(key_id(&credentials), key_id(&credentials));
    assert_eq!(both, ("AKID2".to_owned(), "AKID2".to_owned()));
    assert_eq!(*service.given.lock(), 2);
}

#[tokio::test]
async fn old_credentials_are_used_to_their_end_while_new_ones_are_not_to_be_had() {
    let (service, url) = Service::start().await;
    let url = format!("{url}/v1/credentials");
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic x"),
    ];
    let credentials = service.credentials(&variables).unwrap();
    assert_eq!(key_id(&credentials).await, "AKID1");
    service.fail(StatusCode::FORBIDDEN, "{\"code\":\"AccessDenied\"}");
    service.clock.advance(TimeDelta::minutes(55));
    assert_eq!(key_id(&credentials).await, "AKID1");
    assert_eq!(key_id(&credentials).await, "AKID1");
    assert_eq!(
        *service.calls.lock(),
        ["GET /v1/credentials Basic x", "GET /v1/credentials Basic x"],
        "not with each use"
    );
    service.clock.advance(TimeDelta::minutes(5));
    let error = problem(&credentials).await;
    assert!(error.contains("refused with 403"), "{error}");
    *service.fault.lock() = None;
    assert_eq!(key_id(&credentials).await, "AKID2");
}

#[tokio::test]
async fn a_pods_token_is_exchanged_and_read_anew_each_time() {
    let (service, url) = Service::start().await;
    let home = tempfile::tempdir().unwrap();
    let file = write(home.path(), "token", "first\n");
    let variables = [
        ("AWS_ENDPOINT_URL_STS", url.as_str()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/shop"),
    ];
    let credentials = service.credentials(&variables).unwrap();
    assert_eq!(key_id(&credentials).await, "AKID1");
    write(home.path(), "token", "second");
    service.clock.advance(TimeDelta::minutes(55));
    assert_eq!(key_id(&credentials).await, "AKID2");
    let call = |token: &str| {
        format!(
            "POST / Action=AssumeRoleWithWebIdentity&Version=2011-06-15&\
             RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fshop&RoleSessionName=vantage&WebIdentityToken={token}"
        )
    };
    assert_eq!(*service.calls.lock(), [call("first"), call("second")]);
}

#[tokio::test]
async fn wrong_answers_say_what_is_wrong_and_show_no_secret() {
    let (service, url) = Service::start().await;
    let home = tempfile::tempdir().unwrap();
    let token = write(home.path(), "token", "ey.J");
    let full_uri = format!("{url}/v1/credentials");
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::1:role/shop");
    let sources = [
        vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", full_uri.as_str())],
        vec![
            ("AWS_ENDPOINT_URL_STS", url.as_str()),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
            role,
        ],
        vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())],
    ];
    let [container, pod, instance] =
        sources.map(|variables| service.credentials(&variables).unwrap());
    service.fail(StatusCode::OK, "not a document");
    assert!(problem(&container).await.contains("error in JSON"));
    assert!(problem(&pod).await.contains("has no credentials"));
    service.fail(
        StatusCode::OK,
        "{\"Code\":\"AssumeRoleUnauthorizedAccess\"}",
    );
    let error = problem(&container).await;
    assert!(
        error.contains("it says AssumeRoleUnauthorizedAccess"),
        "{error}"
    );
    service.fail(
        StatusCode::OK,
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S3CRET\",\"Token\":\"T0KEN\"}",
    );
    assert!(problem(&container).await.contains("Expiration"));
    service.fail(
        StatusCode::OK,
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S3CRET\",\"Token\":\"T0KEN\",\
         \"Expiration\":\"2026-06-01T11:59:00Z\"}",
    );
    assert!(problem(&container).await.contains("expired already"));
    service.fail(
        StatusCode::BAD_REQUEST,
        "<ErrorResponse><Error><Code>ExpiredTokenException</Code></Error></ErrorResponse>",
    );
    let error = problem(&pod).await;
    assert!(error.contains("refused with 400"), "{error}");
    assert!(error.contains("ExpiredTokenException"), "{error}");
    service.fail(StatusCode::NOT_FOUND, "");
    assert!(problem(&instance).await.contains("refused with 404"));
    std::fs::remove_file(&token).unwrap();
    let error = problem(&pod).await;
    assert!(error.contains("AWS_WEB_IDENTITY_TOKEN_FILE"), "{error}");
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_given_up() {
    // Accepts connections and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let clock = Clock::manual(noon());
    let variables = environment(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())]);
    let credentials = Credentials::new((None, None), "us-east-1", &variables, &clock).unwrap();
    let error = problem(&credentials).await;
    assert!(error.contains("did not answer in time"), "{error}");
}

#[tokio::test]
async fn nothing_shows_a_secret() {
    let variables = environment(&[
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "S3CRET"),
        ("AWS_SESSION_TOKEN", "T0KEN"),
    ]);
    let clock = Clock::manual(noon());
    let credentials = Credentials::new((None, None), "us-east-1", &variables, &clock).unwrap();
    let container = environment(&[
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "T0KEN"),
    ]);
    let container = Credentials::new((None, None), "us-east-1", &container, &clock).unwrap();
    for shown in [
        format!("{variables:?}"),
        format!("{credentials:?}"),
        format!("{container:?}"),
    ] {
        assert!(
            !shown.contains("S3CRET") && !shown.contains("T0KEN"),
            "{shown}"
        );
    }
}
