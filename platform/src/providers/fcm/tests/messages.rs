//! Messages, and the errors that FCM answers with.

use std::time::Instant;

use super::*;
use crate::http::UnavailableReason;

const FCM_ERROR: &str = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";

fn message(token: &str) -> PushMessage<'_> {
    PushMessage {
        token,
        id: "ntf_1",
        title: "Your order is on its way",
        body: "Track it in the app.",
        image: None,
        link: Some("vantage://orders/ord_1"),
        web_link: Some("https://shop.example/orders/ord_1"),
        category: "orders",
    }
}

fn answer(status: u16, body: impl ToString) -> Canning {
    Canning {
        status,
        retry_after: None,
        body: body.to_string(),
    }
}

fn accepted() -> Canning {
    answer(200, json!({"name": "projects/shop/messages/0:1"}))
}

/// Sends one message and returns how often FCM was called, and the outcome.
async fn send(answers: Vec<Canning>) -> (usize, Result<String, PushError>) {
    let (canned, base) = raw_server(answers).await;
    let fcm = Fcm::new(&base, &Secret::new("given token"), Clock::system()).unwrap();
    let outcome = fcm.send("shop", &message("a token")).await;
    let calls = canned.asked.lock().unwrap().len();
    (calls, outcome)
}

fn error(code: u16, status: &str, message: &str, details: Value) -> Value {
    json!({"error": {"code": code, "message": message, "status": status, "details": details}})
}

#[tokio::test]
async fn a_message_is_one_call_that_names_the_device() {
    let (canned, base) = raw_server(vec![accepted()]).await;
    let fcm = Fcm::new(&base, &Secret::new("given token"), Clock::system()).unwrap();
    let name = fcm.send("shop", &message("a token")).await.unwrap();
    assert_eq!(name, "projects/shop/messages/0:1");
    let asked = canned.asked.lock().unwrap()[0].clone();
    assert_eq!(asked.path, "/v1/projects/shop/messages:send");
    assert_eq!(asked.authorization.as_deref(), Some("Bearer given token"));
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let sent = &body["message"];
    assert_eq!(sent["token"], "a token");
    assert_eq!(sent["data"]["deepLink"], "vantage://orders/ord_1");
    for identity in [
        &sent["android"]["collapse_key"],
        &sent["apns"]["headers"]["apns-collapse-id"],
        &sent["webpush"]["notification"]["tag"],
    ] {
        assert_eq!(identity, "ntf_1");
    }
}

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Unregistered,
    OtherProject,
    Refused,
    Later,
}

#[tokio::test]
async fn an_error_tells_whether_the_device_the_message_or_nobody_is_at_fault() {
    let fcm_error = |code: &str| json!([{"@type": FCM_ERROR, "errorCode": code}]);
    let field = |field: &str, description: &str| {
        json!([
            {"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": description}]},
            {"@type": FCM_ERROR, "errorCode": "INVALID_ARGUMENT"},
        ])
    };
    let invalid_token = "The registration token is not a valid FCM registration token";
    let unregistered = error(
        404,
        "NOT_FOUND",
        "Requested entity was not found.",
        fcm_error("UNREGISTERED"),
    );
    for (status, body, expected) in [
        (404, unregistered.to_string(), Outcome::Unregistered),
        // The same in a list.
        (404, json!([unregistered]).to_string(), Outcome::Unregistered),
        (
            400,
            error(400, "INVALID_ARGUMENT", invalid_token, fcm_error("INVALID_ARGUMENT")).to_string(),
            Outcome::Unregistered,
        ),
        (
            400,
            error(
                400,
                "INVALID_ARGUMENT",
                "Request contains an invalid argument.",
                field("message.token", "Invalid registration token"),
            )
            .to_string(),
            Outcome::Unregistered,
        ),
        // Without FCM's own code.
        (
            400,
            error(
                400,
                "INVALID_ARGUMENT",
                "Invalid value",
                json!([{"@type": BAD_REQUEST, "fieldViolations": [{"field": "message.token"}]}]),
            )
            .to_string(),
            Outcome::Unregistered,
        ),
        (
            403,
            error(403, "PERMISSION_DENIED", "SenderId mismatch", fcm_error("SENDER_ID_MISMATCH")).to_string(),
            Outcome::OtherProject,
        ),
        (
            400,
            error(
                400,
                "INVALID_ARGUMENT",
                "Request contains an invalid argument.",
                field("message.data[0].value", "Invalid value"),
            )
            .to_string(),
            Outcome::Refused,
        ),
        (
            400,
            error(400, "INVALID_ARGUMENT", "Android message is too big", fcm_error("INVALID_ARGUMENT")).to_string(),
            Outcome::Refused,
        ),
        // The project, or the permission to send for it.
        (
            403,
            error(
                403,
                "PERMISSION_DENIED",
                "Permission 'cloudmessaging.messages.create' denied on resource '//cloudresourcemanager.googleapis.com/projects/shop' (or it may not exist).",
                json!([]),
            )
            .to_string(),
            Outcome::Later,
        ),
        // The key that the project has for Apple's service.
        (
            401,
            error(
                401,
                "UNAUTHENTICATED",
                "Request is missing required authentication credential.",
                json!([
                    {"@type": FCM_ERROR, "errorCode": "THIRD_PARTY_AUTH_ERROR"},
                    {"@type": "type.googleapis.com/google.firebase.fcm.v1.ApnsError", "statusCode": 403, "reason": "InvalidProviderToken"},
                ]),
            )
            .to_string(),
            Outcome::Later,
        ),
        (404, error(404, "NOT_FOUND", "Requested entity was not found.", json!([])).to_string(), Outcome::Later),
        // From something on the way, or at another address.
        (404, "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>".to_owned(), Outcome::Later),
        (400, String::new(), Outcome::Later),
        (403, json!({"error": "Forbidden"}).to_string(), Outcome::Later),
    ] {
        let (calls, outcome) = send(vec![answer(status, &body)]).await;
        let outcome = match outcome.unwrap_err() {
            PushError::Unregistered => Outcome::Unregistered,
            PushError::OtherProject => Outcome::OtherProject,
            PushError::Refused(_) => Outcome::Refused,
            PushError::Http(_) => Outcome::Later,
        };
        assert_eq!((calls, outcome), (1, expected), "{status} {body}");
    }
}

#[tokio::test]
async fn a_refusal_is_shown_without_the_token() {
    let token = "dXk7:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx_1234567890";
    let body = error(
        400,
        "INVALID_ARGUMENT",
        &format!("Not valid: {token}"),
        json!([]),
    );
    let (_, outcome) = send(vec![answer(400, body)]).await;
    let shown = outcome.unwrap_err().to_string();
    assert!(shown.contains("INVALID_ARGUMENT"), "{shown}");
    assert!(!shown.contains("1234567890"), "{shown}");
}

#[tokio::test]
async fn a_limit_is_waited_for_as_fcm_asks() {
    let quota = error(
        429,
        "RESOURCE_EXHAUSTED",
        "Resource has been exhausted (e.g. check quota).",
        json!([{"@type": FCM_ERROR, "errorCode": "QUOTA_EXCEEDED"}]),
    );
    let limited = |retry_after| Canning {
        retry_after: Some(retry_after),
        ..answer(429, &quota)
    };
    let started = Instant::now();
    let (calls, outcome) = send(vec![limited("1"), accepted()]).await;
    assert_eq!((calls, outcome.is_ok()), (2, true));
    assert!(started.elapsed() >= Duration::from_secs(1));

    // Longer than a caller waits: it is told when to come back.
    let (calls, outcome) = send(vec![limited("600")]).await;
    let Err(PushError::Http(HttpError::Unavailable {
        why,
        retry_in,
        in_doubt,
        ..
    })) = outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(matches!(why, UnavailableReason::Status(429)), "{why}");
    assert_eq!(
        (calls, retry_in, in_doubt),
        (1, Some(Duration::from_secs(600)), false)
    );
}

#[tokio::test]
async fn an_outage_is_tried_again_and_what_is_not_an_answer_is_in_doubt() {
    let unavailable = error(
        503,
        "UNAVAILABLE",
        "The service is currently unavailable.",
        json!([]),
    );
    let html = "<html><title>502 Bad Gateway</title></html>";
    let (calls, outcome) = send(vec![
        answer(503, &unavailable),
        answer(502, html),
        accepted(),
    ])
    .await;
    assert_eq!((calls, outcome.is_ok()), (3, true));
    let (calls, outcome) = send(vec![answer(502, html), answer(502, html), answer(500, "")]).await;
    assert_eq!(calls, 3);
    let Err(PushError::Http(error)) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(error.is_outage() && error.outcome_unknown(), "{error}");
    for cut in [r#"{"name": "projects/sh"#, "{}", "", "<html>"] {
        let (calls, outcome) = send(vec![answer(200, cut)]).await;
        let Err(PushError::Http(error @ HttpError::Malformed { .. })) = outcome else {
            panic!("{cut}: {outcome:?}");
        };
        assert_eq!((calls, error.outcome_unknown()), (1, true), "{cut}");
    }
}
