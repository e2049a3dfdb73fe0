//! What is written, and what is understood of a server's answers.

mod answers;
mod server;
mod tls;

use super::*;

fn smtp(url: &str) -> Result<Smtp, SmtpConfigError> {
    Smtp::new(
        &url.parse().unwrap(),
        "Shop <orders@shop.example>",
        Clock::system(),
    )
}

#[tokio::test]
async fn urls_are_of_a_mail_server() {
    for good in [
        "smtp://127.0.0.1:2525",
        "smtp://mail.example",
        "smtp://user:p%40ss@mail.example:587",
        "smtps://user:password@mail.example",
    ] {
        assert!(smtp(good).is_ok(), "{good}");
    }
    for (url, expected) in [
        ("smtp://127.0.0.1:2525", Encryption::None),
        ("smtp://user:password@[::1]", Encryption::None),
        ("smtp://localhost", Encryption::None),
        ("smtp://mail.example", Encryption::IfOffered),
        ("smtp://user:password@mail.example", Encryption::Required),
        ("smtps://127.0.0.1", Encryption::FromStart),
    ] {
        let url: Url = url.parse().unwrap();
        let found = Encryption::of(&url, url.host_str().unwrap()).unwrap();
        assert_eq!(found, expected, "{url}");
    }
    for bad in ["http://mail.example", "smtp:mail", "ftp://mail.example"] {
        assert!(smtp(bad).is_err(), "{bad}");
    }
    let from = Smtp::new(&"smtp://h".parse().unwrap(), "nobody", Clock::system());
    assert!(matches!(from, Err(SmtpConfigError::From(_))));
}

#[test]
fn escapes_in_credentials_are_undone() {
    for (written, meant) in [
        ("user", "user"),
        ("a%40b", "a@b"),
        ("%C3%A9", "é"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("%4", "%4"),
    ] {
        assert_eq!(percent_decode(written), meant);
    }
}

#[tokio::test]
async fn an_email_has_both_forms_and_can_be_unsubscribed_from_with_one_click() {
    let smtp = smtp("smtp://127.0.0.1:2525").unwrap();
    let email = Email {
        to: "ada@example.com",
        name: Some("Ada \"A\" Löwe\r\nBcc: x@example.com"),
        id: "ntf_1",
        subject: "Bestellung bestätigt\r\nBcc: y@example.com",
        text: "Hallo",
        html: "<p>Hallo</p>",
        unsubscribe: Some("https://shop.example/unsubscribe/token"),
    };
    let written = smtp.message(&email).unwrap().formatted();
    let written = String::from_utf8(written).unwrap();
    let (head, body) = written.split_once("\r\n\r\n").unwrap();
    for line in [
        "From: Shop <orders@shop.example>",
        "Message-ID: <ntf_1@shop.example>",
        "List-Unsubscribe: <https://shop.example/unsubscribe/token>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Auto-Submitted: auto-generated",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    let headers = head
        .split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']));
    for name in headers.filter_map(|line| line.split(':').next()) {
        assert!(!name.eq_ignore_ascii_case("bcc"), "{head}");
    }
    assert!(body.find("text/plain").unwrap() < body.find("text/html").unwrap());
    let nowhere = Email {
        to: "not an address",
        ..email
    };
    assert!(matches!(smtp.message(&nowhere), Err(SmtpError::Refused(_))));
}
