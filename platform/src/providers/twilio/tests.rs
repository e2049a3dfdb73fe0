//! The client against answers as Twilio writes them.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request as Asked, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response as Answer};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

/// Answers in turn, and keeps what was asked: method and target, then the form.
#[derive(Clone, Default)]
struct Canned {
    answers: Arc<Mutex<Vec<(u16, Value)>>>,
    asked: Arc<Mutex<Vec<[String; 2]>>>,
}

async fn answer(State(canned): State<Canned>, asked: Asked) -> Answer {
    let (parts, body) = asked.into_parts();
    let authorization = parts.headers["authorization"].to_str().unwrap();
    assert_eq!(authorization, "Basic QUMxOnRva2Vu");
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    canned.asked.lock().unwrap().push([
        format!("{} {}", parts.method, parts.uri),
        String::from_utf8(body.to_vec()).unwrap(),
    ]);
    let (status, body) = canned.answers.lock().unwrap().remove(0);
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

async fn twilio(from: &str, answers: impl IntoIterator<Item = (u16, Value)>) -> (Canned, Twilio) {
    let canned = Canned::default();
    canned.answers.lock().unwrap().extend(answers);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(canned.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let token = Secret::new("token");
    let twilio = Twilio::new(base.parse().unwrap(), "AC1", &token, from, Clock::system());
    (canned, twilio.unwrap())
}

fn error(status: u16, code: i64) -> (u16, Value) {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    (
        status,
        json!({ "code": code, "message": "…", "more_info": more, "status": status }),
    )
}

#[tokio::test]
async fn a_text_is_sent_from_a_number_or_a_service() {
    let accepted = (
        201,
        json!({ "sid": "SM1", "status": "queued", "error_code": null }),
    );
    for (from, sender) in [
        ("+15005550006", "From=%2B15005550006"),
        ("MG1", "MessagingServiceSid=MG1"),
    ] {
        let (canned, twilio) = twilio(from, [accepted.clone()]).await;
        assert_eq!(
            twilio.send("+14155552671", "On its way").await.unwrap(),
            "SM1"
        );
        let asked = canned.asked.lock().unwrap()[0].clone();
        assert_eq!(asked[0], "POST /2010-04-01/Accounts/AC1/Messages.json");
        assert_eq!(
            asked[1],
            format!("To=%2B14155552671&{sender}&Body=On+its+way")
        );
    }
}

/// A status and a body.
type Answered = (u16, Value);
/// Whether an error is the expected one.
type Judge = fn(TwilioError) -> bool;

#[tokio::test]
async fn refusals_say_what_to_do() {
    let number = |error| matches!(error, TwilioError::Number { .. });
    let cases: [(Answered, Judge); 5] = [
        (error(400, 21_211), number),
        (error(400, 21_614), number),
        (error(400, 21_610), |error| {
            matches!(error, TwilioError::Stopped)
        }),
        (error(401, 20_003), |error| {
            matches!(error, TwilioError::Refused { is_ours: true, .. })
        }),
        (error(400, 21_617), |error| {
            matches!(error, TwilioError::Refused { is_ours: false, .. })
        }),
    ];
    for (answer, is_expected) in cases {
        let shown = answer.1.to_string();
        let (_, twilio) = twilio("MG1", [answer]).await;
        let refused = twilio.send("+1", "x").await.unwrap_err();
        assert!(is_expected(refused), "{shown}");
    }
}

#[tokio::test]
async fn what_may_have_been_sent_is_not_sent_again_by_the_client_but_found() {
    let (canned, twilio) = twilio("MG1", [(500, json!({}))]).await;
    let unknown = twilio.send("+14155552671", "On its way").await.unwrap_err();
    assert!(matches!(unknown, TwilioError::Http(error) if error.outcome_unknown()));
    assert_eq!(canned.asked.lock().unwrap().len(), 1);

    let since = "2025-10-12T09:00:00Z".parse().unwrap();
    let message = |sid: &str, body: &str, created: &str| json!({ "sid": sid, "body": body, "date_created": created });
    let listed = json!({ "messages": [
        message("SM4", "Something else", "Sun, 12 Oct 2025 09:00:01 +0000"),
        message("SM3", "On its way", "not a time"),
        message("SM2", "On its way", "Sun, 12 Oct 2025 08:59:57 +0000"),
        message("SM1", "On its way", "Sun, 12 Oct 2025 08:00:00 +0000"),
    ] });
    let earlier =
        json!({ "messages": [message("SM1", "On its way", "Sun, 12 Oct 2025 08:00:00 +0000")] });
    canned
        .answers
        .lock()
        .unwrap()
        .extend([(200, listed), (200, earlier)]);
    let find = || twilio.find("+14155552671", "On its way", since);
    assert_eq!(find().await.unwrap().as_deref(), Some("SM2"));
    assert_eq!(find().await.unwrap(), None);
    let asked = canned.asked.lock().unwrap()[1][0].clone();
    assert_eq!(
        asked,
        "GET /2010-04-01/Accounts/AC1/Messages.json?To=%2B14155552671&DateSent%3E=2025-10-12&PageSize=50"
    );
}
