//! The client against answers as Open Exchange Rates writes them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request as Asked, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response as Answer};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

/// Answers in turn, and keeps what was asked.
#[derive(Clone, Default)]
struct Canned {
    answers: Arc<Mutex<Vec<(u16, String)>>>,
    asked: Arc<Mutex<Vec<Question>>>,
}

/// The path with its query, `If-None-Match` and `If-Modified-Since`.
type Question = (String, Option<String>, Option<String>);

async fn answer(State(canned): State<Canned>, asked: Asked) -> Answer {
    let header = |name: &str| Some(asked.headers().get(name)?.to_str().unwrap().to_owned());
    canned.asked.lock().unwrap().push((
        asked.uri().to_string(),
        header("if-none-match"),
        header("if-modified-since"),
    ));
    let (status, body) = canned.answers.lock().unwrap().remove(0);
    let headers = [
        ("etag", "\"4e6acdd9\""),
        ("date", "Thu, 20 Dec 2012 14:48:28 GMT"),
    ];
    let mut answer = (StatusCode::from_u16(status).unwrap(), headers, body).into_response();
    if status == 429 {
        let minute = axum::http::HeaderValue::from_static("60");
        answer.headers_mut().insert("retry-after", minute);
    }
    answer
}

async fn provider(answers: &[(u16, Value)]) -> (Canned, OpenExchangeRates) {
    let canned = Canned::default();
    for (status, body) in answers {
        let body = match body {
            Value::String(text) => text.clone(),
            body => body.to_string(),
        };
        canned.answers.lock().unwrap().push((*status, body));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(canned.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let (base, app_id) = (base.parse().unwrap(), Secret::new("app 1"));
    let client = OpenExchangeRates::new(base, app_id, Clock::system()).unwrap();
    (canned, client)
}

/// The published sample, shortened.
const SAMPLE: &str = r#"{
    "disclaimer": "Usage subject to terms: https://openexchangerates.org/terms",
    "license": "https://openexchangerates.org/license",
    "timestamp": 1449877801,
    "base": "USD",
    "rates": {
        "AED": 3.672538, "AFN": 66.809999, "BTC": 0.000023018497, "EUR": 0.92061234567890123456, "JPY": 1.2135e+2,
        "XAU": 9.3e-4, "ZWL": 322, "NIL": 0, "NEG": -1.5, "TXT": "0.9", "NUL": null,
        "LONG": 1.23456789012345678901234567890123
    }
}"#;

#[tokio::test]
async fn rates_keep_every_digit_and_what_is_no_rate_is_left_out() {
    let (canned, client) = provider(&[(200, SAMPLE.into())]).await;
    let Latest::Rates(latest) = client.latest(None).await.unwrap() else {
        panic!("nothing was asked about changes");
    };
    assert_eq!(latest.as_of.to_rfc3339(), "2015-12-11T23:50:01+00:00");
    let rates: Vec<_> = latest
        .rates
        .iter()
        .map(|(currency, rate)| format!("{currency} {rate}"))
        .collect();
    assert_eq!(
        rates,
        [
            "AED 3.672538",
            "AFN 66.809999",
            "BTC 0.000023018497",
            "EUR 0.92061234567890123456",
            "JPY 121.35",
            "XAU 0.00093",
            "ZWL 322",
        ]
    );
    let asked = canned.asked.lock().unwrap().clone();
    assert_eq!(
        asked,
        [("/api/latest.json?app_id=app+1".to_owned(), None, None)]
    );
}

#[tokio::test]
async fn a_conditional_request_says_what_is_known_and_hears_that_nothing_has_changed() {
    let (canned, client) = provider(&[(200, SAMPLE.into()), (304, "".into())]).await;
    let Latest::Rates(latest) = client.latest(None).await.unwrap() else {
        panic!("nothing was asked about changes");
    };
    let unchanged = client.latest(latest.validator.as_ref()).await.unwrap();
    assert_eq!(unchanged, Latest::Unchanged);
    let (_, etag, date) = canned.asked.lock().unwrap()[1].clone();
    assert_eq!(etag.as_deref(), Some("\"4e6acdd9\""));
    assert_eq!(date.as_deref(), Some("Thu, 20 Dec 2012 14:48:28 GMT"));
}

#[tokio::test]
async fn what_is_no_answer_says_why() {
    let refusal = json!({
        "error": true, "status": 401, "message": "invalid_app_id",
        "description": "Invalid App ID provided. Please sign up at https://openexchangerates.org/signup."
    });
    let cases = [
        (
            200,
            json!({"timestamp": 1449877801, "base": "EUR", "rates": {"USD": 1.08}}),
            "rates from \"EUR\": only those from USD can be used",
        ),
        (200, json!({"timestamp": 1449877801}), "invalid response"),
        (200, "<html>maintenance</html>".into(), "invalid response"),
        (
            200,
            json!({"timestamp": i64::MAX, "base": "USD", "rates": {}}),
            "which is no time",
        ),
        (401, refusal, "invalid_app_id"),
    ];
    for (status, body, expected) in cases {
        let (_, client) = provider(&[(status, body)]).await;
        let error = client.latest(None).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(
            !error.contains("app 1") && !error.contains("app+1"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_asks_for_patience_says_for_how_long() {
    let (canned, client) = provider(&[(429, json!({"error": true, "status": 429}))]).await;
    let error = client.latest(None).await.unwrap_err();
    assert_eq!(error.retry_in(), Some(Duration::from_secs(60)), "{error}");
    assert_eq!(
        canned.asked.lock().unwrap().len(),
        1,
        "longer than a call waits"
    );
}
