//! The client against answers as Google writes them.

mod messages;

use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request as Asked, State};
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Response as Answer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{TimeDelta, TimeZone, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::http::HttpError;

/// An answer, with its `Retry-After`.
#[derive(Clone, Debug)]
struct Canning {
    status: u16,
    retry_after: Option<&'static str>,
    body: String,
}

/// Answers in turn, and keeps what was asked.
#[derive(Clone, Default)]
struct Canned {
    answers: Arc<Mutex<Vec<Canning>>>,
    asked: Arc<Mutex<Vec<Question>>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Question {
    path: String,
    authorization: Option<String>,
    access_token_auth: Option<String>,
    body: String,
}

async fn answer(State(canned): State<Canned>, asked: Asked) -> Answer {
    let (parts, body) = asked.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let header = |name: &str| Some(parts.headers.get(name)?.to_str().unwrap().to_owned());
    canned.asked.lock().unwrap().push(Question {
        path: parts.uri.path().to_owned(),
        authorization: header("authorization"),
        access_token_auth: header("access_token_auth"),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let answer = canned.answers.lock().unwrap().remove(0);
    let status = StatusCode::from_u16(answer.status).unwrap();
    let retry_after = answer.retry_after.map(|wait| [("retry-after", wait)]);
    (status, retry_after.map(AppendHeaders), answer.body).into_response()
}

async fn server(answers: &[(u16, Value)]) -> (Canned, Url) {
    let answers = answers.iter().map(|(status, body)| Canning {
        status: *status,
        retry_after: None,
        body: body.to_string(),
    });
    raw_server(answers.collect()).await
}

async fn raw_server(answers: Vec<Canning>) -> (Canned, Url) {
    let canned = Canned::default();
    *canned.answers.lock().unwrap() = answers;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(canned.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (canned, base.parse().unwrap())
}

fn tokens(count: usize) -> Vec<String> {
    (0..count).map(|token| format!("token{token}")).collect()
}

/// A service account's key file, and the public key of its assertions.
fn service_account(token_uri: &Url) -> (Secret, DecodingKey) {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let body = STANDARD.encode(der.as_ref());
    let file = json!({
        "type": "service_account",
        "project_id": "shop",
        "private_key_id": "key1",
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"),
        "client_email": "push@shop.iam.gserviceaccount.com",
        "token_uri": token_uri.join("token").unwrap(),
    });
    let public = pair.public_key();
    let modulus = public.modulus().big_endian_without_leading_zero();
    let exponent = public.exponent().big_endian_without_leading_zero();
    let public = DecodingKey::from_rsa_raw_components(modulus, exponent);
    (Secret::new(file.to_string()), public)
}

#[tokio::test]
async fn each_token_has_an_outcome_of_its_own() {
    let results = json!({"results": [
        {}, {"error": "NOT_FOUND"}, {"error": "INVALID_ARGUMENT"}, {"error": "TOO_MANY_TOPICS"},
        {"error": "RESOURCE_EXHAUSTED"}, {"error": "INTERNAL"}, {"error": "SOMETHING_NEW"},
    ]});
    let (canned, base) = server(&[(200, results)]).await;
    let fcm = Fcm::new(&base, &Secret::new("given token"), Clock::system()).unwrap();
    let outcomes = fcm
        .change_topic("vantage-deals-us", TopicSubscription::Subscribe, &tokens(7))
        .await
        .unwrap();
    let refused = |code: &str| TopicOutcome::Refused(code.to_owned());
    let failed = |code: &str| TopicOutcome::Failed(code.to_owned());
    assert_eq!(
        outcomes,
        [
            TopicOutcome::Done,
            TopicOutcome::UnknownToken,
            refused("INVALID_ARGUMENT"),
            refused("TOO_MANY_TOPICS"),
            failed("RESOURCE_EXHAUSTED"),
            failed("INTERNAL"),
            failed("SOMETHING_NEW"),
        ]
    );
    let asked = canned.asked.lock().unwrap()[0].clone();
    assert_eq!(asked.path, "/iid/v1:batchAdd");
    assert_eq!(asked.authorization.as_deref(), Some("Bearer given token"));
    assert_eq!(asked.access_token_auth.as_deref(), Some("true"));
    assert_eq!(
        serde_json::from_str::<Value>(&asked.body).unwrap(),
        json!({"to": "/topics/vantage-deals-us", "registration_tokens": tokens(7)})
    );
}

#[tokio::test]
async fn an_answer_about_other_tokens_is_no_answer() {
    let (canned, base) = server(&[(200, json!({"results": [{}]}))]).await;
    let fcm = Fcm::new(&base, &Secret::new("given token"), Clock::system()).unwrap();
    let answer = fcm
        .change_topic("t", TopicSubscription::Unsubscribe, &tokens(2))
        .await;
    assert!(
        matches!(answer, Err(HttpError::Malformed { .. })),
        "{answer:?}"
    );
    assert_eq!(canned.asked.lock().unwrap()[0].path, "/iid/v1:batchRemove");
}

#[tokio::test]
async fn a_service_account_signs_an_assertion_for_a_token_and_renews_it_in_time() {
    let granted =
        |token: &str| json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"});
    let made = json!({"results": [{}]});
    let (canned, base) = server(&[
        (200, granted("first token")),
        (200, made.clone()),
        (200, made.clone()),
        (200, granted("second token")),
        (200, made.clone()),
        (401, json!({"error": "Unauthorized"})),
        (200, granted("third token")),
        (200, made),
    ])
    .await;
    let (key, public) = service_account(&base);
    let clock = Clock::manual(Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap());
    let fcm = Fcm::new(&base, &key, clock.clone()).unwrap();
    let change = async || {
        fcm.change_topic("t", TopicSubscription::Subscribe, &tokens(1))
            .await
            .unwrap();
    };
    change().await;
    change().await;
    clock.advance(TimeDelta::minutes(56));
    change().await;
    // This token is revoked.
    change().await;
    let asked = canned.asked.lock().unwrap().clone();
    let used: Vec<_> = asked
        .iter()
        .filter_map(|question| question.authorization.as_deref())
        .collect();
    let (first, second) = ("Bearer first token", "Bearer second token");
    assert_eq!(used, [first, first, second, second, "Bearer third token"]);

    let form: Vec<(String, String)> = url::form_urlencoded::parse(asked[0].body.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(asked[0].path, "/token");
    assert_eq!(form[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    let endpoint = base.join("token").unwrap();
    validation.set_audience(&[endpoint.as_str()]);
    let assertion = jsonwebtoken::decode::<Value>(&form[1].1, &public, &validation).unwrap();
    assert_eq!(assertion.header.kid.as_deref(), Some("key1"));
    let at = Utc
        .with_ymd_and_hms(2026, 3, 1, 12, 0, 0)
        .unwrap()
        .timestamp();
    assert_eq!(
        assertion.claims,
        json!({
            "iss": "push@shop.iam.gserviceaccount.com",
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "aud": endpoint,
            "iat": at,
            "exp": at + 3_600,
        })
    );
}

#[test]
fn an_unusable_key_file_is_an_error_that_does_not_show_it() {
    let base = Url::parse("https://fcm.googleapis.com").unwrap();
    let error = |key: &str| {
        let fcm = Fcm::new(&base, &Secret::new(key), Clock::system());
        fcm.map(drop).unwrap_err().to_string()
    };
    assert!(error(r#"{"client_email": "a@b"}"#).contains("needs client_email"));
    let key = r#"{"client_email": "a@b", "private_key": "hidden", "token_uri": "https://oauth2.googleapis.com/token"}"#;
    assert!(error(key).contains("not an RSA key"));
    assert!(!error(key).contains("hidden"));
}

#[test]
fn googles_topics_are_at_a_host_of_their_own() {
    let topics = |base: &str| topics_base(&Url::parse(base).unwrap()).to_string();
    assert_eq!(
        topics("https://fcm.googleapis.com"),
        "https://iid.googleapis.com/"
    );
    assert_eq!(topics("http://127.0.0.1:4010"), "http://127.0.0.1:4010/");
}
