//! What a server's answers mean for the email, for the next one, and for calls of the server.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::server::{Offers, Server, certificate};
use super::*;

pub(super) fn email<'a>(to: &'a str, id: &'a str) -> Email<'a> {
    Email {
        to,
        name: None,
        id,
        subject: "Your order is on its way",
        text: "Hello",
        html: "<p>Hello</p>",
        unsubscribe: None,
    }
}

fn client(address: std::net::SocketAddr) -> Smtp {
    let url = format!("smtp://{address}").parse().unwrap();
    Smtp::new(&url, "orders@shop.example", Clock::system()).unwrap()
}

async fn plain() -> (Server, Smtp) {
    let server = Server::start(Offers::Nothing, &certificate(&["mail.example"])).await;
    let smtp = client(server.address);
    (server, smtp)
}

#[tokio::test]
async fn a_refused_recipient_costs_their_email_and_no_other() {
    let (server, smtp) = plain().await;
    for to in ["unknown@example.com", "spam@example.com"] {
        let error = smtp.send(&email(to, "ntf_1")).await.unwrap_err();
        let SmtpError::Refused(reason) = &error else {
            panic!("{to}: {error:?}");
        };
        assert!(!reason.contains('@'), "{reason}");
    }
    smtp.send(&email("ada@example.com", "ntf_2")).await.unwrap();
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn greylisting_puts_an_email_off_and_stops_no_other() {
    let (server, smtp) = plain().await;
    // More often than an outage would need to stop the calls.
    for _ in 0..5 {
        for to in ["greylisted@example.com", "full@example.com"] {
            let error = smtp.send(&email(to, "ntf_1")).await.unwrap_err();
            assert!(matches!(error, SmtpError::Deferred(_)), "{to}: {error:?}");
        }
    }
    smtp.send(&email("ada@example.com", "ntf_2")).await.unwrap();
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_server_that_shuts_down_has_not_accepted_the_email() {
    let (_server, smtp) = plain().await;
    let error = smtp.send(&email("busy@example.com", "ntf_1")).await;
    let Err(SmtpError::Unavailable { in_doubt, .. }) = error else {
        panic!("{error:?}");
    };
    assert!(!in_doubt);
}

#[tokio::test]
async fn a_lost_answer_leaves_it_open_whether_the_email_was_accepted() {
    let (server, smtp) = plain().await;
    let error = smtp.send(&email("silent@example.com", "ntf_1")).await;
    let Err(SmtpError::Unavailable { in_doubt, .. }) = error else {
        panic!("{error:?}");
    };
    assert!(in_doubt);
    // It was, here. The next attempt has the same identity.
    assert_eq!(server.mails().len(), 1);
}

/// A server that greets like this, answers each line with the next of these, and then closes the connection.
async fn scripted(greeting: &'static str, answers: &'static [&'static str]) -> Smtp {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp = client(listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(greeting.as_bytes()).await.unwrap();
            for answer in answers {
                let mut command = [0; 1_024];
                if stream.read(&mut command).await.unwrap_or(0) == 0 {
                    break;
                }
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    smtp
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_an_email_is_in_doubt() {
    let answers = &["250 mail\r\n", "250 OK\r\n", "250 OK\r\n", "354 Go on\r\n"];
    let smtp = scripted("220 mail ESMTP\r\n", answers).await;
    let error = smtp.send(&email("ada@example.com", "ntf_1")).await;
    let Err(SmtpError::Unavailable { in_doubt, .. }) = error else {
        panic!("{error:?}");
    };
    assert!(in_doubt);
}

#[tokio::test]
async fn a_server_that_refuses_us_at_the_door_refuses_no_email() {
    for (greeting, answers) in [
        ("554 5.7.1 Your address is on a list\r\n", &[][..]),
        ("220 mail ESMTP\r\n", &["550 5.7.1 Access denied\r\n"][..]),
    ] {
        let smtp = scripted(greeting, answers).await;
        let error = smtp.send(&email("ada@example.com", "ntf_1")).await;
        let Err(SmtpError::Unavailable { reason, in_doubt }) = error else {
            panic!("{greeting}: {error:?}");
        };
        assert!(!in_doubt);
        assert!(reason.contains("5.7.1"), "{reason}");
    }
}
