//! Twilio and the mail server, through the clients that the shop uses.

use chrono::TimeDelta;
use platform::clock::Clock;
use platform::config::Secret;
use platform::providers::smtp::{Email, Smtp, SmtpError};
use platform::providers::twilio::{Twilio, TwilioError};
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Kit, answer, start};

const NUMBER: &str = "+14155552671";

fn twilio(kit: &Kit, account: &str) -> Twilio {
    let token = Secret::new("token");
    Twilio::new(
        kit.base.parse().unwrap(),
        account,
        &token,
        "+15005550006",
        Clock::system(),
    )
    .unwrap()
}

#[tokio::test]
async fn texts_are_accepted_listed_and_refused_as_by_twilio() {
    let kit = Kit::start().await;
    let twilio = twilio(&kit, "AC1");
    let sid = twilio.send(NUMBER, "On its way").await.unwrap();
    assert!(sid.starts_with("SM") && sid.len() == 34, "{sid}");
    let (_, told) = answer(kit.request(Method::GET, "/_control/text_messages")).await;
    assert_eq!(told["messages"][0]["body"], "On its way");

    let found = |text: &'static str, since| twilio.find(NUMBER, text, since);
    assert_eq!(found("On its way", start()).await.unwrap(), Some(sid));
    assert_eq!(found("Delivered", start()).await.unwrap(), None);
    let later = start() + TimeDelta::minutes(1);
    assert_eq!(found("On its way", later).await.unwrap(), None);

    for (number, code) in [
        ("+15005550001", 21_211),
        ("12", 21_211),
        ("+15005550009", 21_614),
    ] {
        let refused = twilio.send(number, "x").await.unwrap_err();
        assert!(
            matches!(refused, TwilioError::Number { code: told } if told == code),
            "{number}"
        );
    }
    kit.control("/_control/stopped", json!({ "number": NUMBER }))
        .await;
    let refused = twilio.send(NUMBER, "x").await.unwrap_err();
    assert!(matches!(refused, TwilioError::Stopped), "{refused}");
    let calls = kit.calls("sms").await;
    assert_eq!(calls[0]["path"], "/2010-04-01/Accounts/AC1/Messages.json");
}

#[tokio::test]
async fn twilio_needs_the_accounts_credentials_and_may_be_down() {
    let kit = Kit::start().await;
    let (status, refused) =
        answer(kit.request(Method::POST, "/2010-04-01/Accounts/AC1/Messages.json")).await;
    assert_eq!((status, &refused["code"]), (401, &json!(20_003)));
    let effect = json!({ "kind": "status", "status": 503, "moment": "after" });
    kit.control(
        "/_control/faults",
        json!({ "provider": "sms", "next": 1, "effect": effect }),
    )
    .await;
    let twilio = twilio(&kit, "AC1");
    let failed = twilio.send(NUMBER, "On its way").await.unwrap_err();
    assert!(matches!(failed, TwilioError::Http(error) if error.outcome_unknown()));
    assert!(
        twilio
            .find(NUMBER, "On its way", start())
            .await
            .unwrap()
            .is_some()
    );
}

fn smtp(kit: &Kit) -> Smtp {
    let url = format!("smtp://user:password@{}", kit.mail_address);
    Smtp::new(
        &url.parse().unwrap(),
        "Shop <orders@shop.example>",
        Clock::system(),
    )
    .unwrap()
}

const EMAIL: Email<'static> = Email {
    to: "ada@example.com",
    name: Some("Ada Löwe"),
    id: "ntf_1",
    subject: "Bestellung bestätigt",
    text: "Grüße\n.Punkt\n",
    html: "<p>Grüße &amp; <b>Küsse</b></p><script>alert(1)</script>",
    unsubscribe: Some("https://shop.example/unsubscribe/token"),
};

async fn mails(kit: &Kit) -> Vec<Value> {
    let (_, told) = answer(kit.request(Method::GET, "/_control/mails")).await;
    told["mails"].as_array().unwrap().clone()
}

#[tokio::test]
async fn emails_arrive_as_they_were_written_and_are_shown_on_a_page() {
    let kit = Kit::start().await;
    let smtp = smtp(&kit);
    for _ in 0..3 {
        smtp.send(&EMAIL).await.unwrap();
    }
    let mails = mails(&kit).await;
    assert_eq!(mails.len(), 3);
    let mail = &mails[0];
    assert_eq!(mail["to"], json!(["ada@example.com"]));
    assert_eq!(mail["from"], "orders@shop.example");
    assert_eq!(mail["subject"], "Bestellung bestätigt");
    assert_eq!(mail["message_id"], "<ntf_1@shop.example>");
    assert_eq!(
        mail["list_unsubscribe"],
        "<https://shop.example/unsubscribe/token>"
    );
    assert_eq!(mail["list_unsubscribe_post"], "List-Unsubscribe=One-Click");
    let text = mail["text"].as_str().unwrap().replace("\r\n", "\n");
    assert_eq!(text.trim_end(), "Grüße\n.Punkt");
    assert!(mail["html"].as_str().unwrap().contains("<b>Küsse</b>"));

    let page = async |path: &str| {
        let response = kit.request(Method::GET, path).send().await.unwrap();
        (response.headers().clone(), response.text().await.unwrap())
    };
    let (_, list) = page("/mail").await;
    assert!(
        list.contains("<a href=\"/mail/1\">Bestellung bestätigt</a>"),
        "{list}"
    );
    let (_, shown) = page("/mail/1").await;
    assert!(shown.contains("src=\"/mail/1/html\""), "{shown}");
    let (headers, html) = page("/mail/1/html").await;
    assert!(html.contains("<b>Küsse</b>"), "{html}");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let foreign = kit
        .request(Method::GET, "/mail")
        .header("host", "evil.example");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn refusals_for_good_differ_from_those_for_now() {
    let kit = Kit::start().await;
    let fault = async |method: &str, effect: Value| {
        let rule = json!({ "provider": "smtp", "method": method, "next": 1, "effect": effect });
        kit.control("/_control/faults", rule).await;
        // Of a new connection, which has to authenticate.
        smtp(&kit).send(&EMAIL).await
    };
    let status =
        |status: u16, body: &str| json!({ "kind": "status", "status": status, "body": body });
    let unknown = fault("RCPT", status(550, "5.1.1 <ada@example.com> unknown"))
        .await
        .unwrap_err();
    assert!(matches!(unknown, SmtpError::Refused(_)), "{unknown}");
    assert!(!unknown.to_string().contains("ada@"), "{unknown}");
    for (method, code, is_put_off) in [
        ("RCPT", 451, true),
        ("DATA", 452, true),
        ("AUTH", 535, false),
        ("MAIL", 421, false),
    ] {
        let error = fault(method, status(code, "later")).await.unwrap_err();
        let is_expected = match error {
            SmtpError::Deferred(_) => is_put_off,
            SmtpError::Unavailable { in_doubt, .. } => !is_put_off && !in_doubt,
            _ => false,
        };
        assert!(is_expected, "{method} {code}: {error}");
        smtp(&kit).send(&EMAIL).await.unwrap();
    }
    let before = mails(&kit).await.len();
    let cut = fault("DATA", json!({ "kind": "truncate" }))
        .await
        .unwrap_err();
    assert!(
        matches!(cut, SmtpError::Unavailable { in_doubt: true, .. }),
        "{cut}"
    );
    assert_eq!(mails(&kit).await.len(), before + 1, "it was accepted");
}

#[tokio::test]
async fn a_mail_server_that_keeps_failing_is_left_alone_for_a_while() {
    let kit = Kit::start().await;
    let effect = json!({ "kind": "status", "status": 421 });
    kit.control(
        "/_control/faults",
        json!({ "provider": "smtp", "effect": effect }),
    )
    .await;
    let smtp = smtp(&kit);
    for _ in 0..5 {
        let error = smtp.send(&EMAIL).await.unwrap_err();
        assert!(matches!(error, SmtpError::Unavailable { .. }), "{error}");
    }
    let error = smtp.send(&EMAIL).await.unwrap_err();
    assert!(matches!(error, SmtpError::CircuitOpen { .. }), "{error}");
}
