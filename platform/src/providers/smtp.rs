//! Email over SMTP: pooled connections, TLS, and answers classified by what the caller should do next.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use metrics::{counter, histogram};
use tokio::time::Instant;
use url::Url;

use crate::clock::Clock;
use crate::http::{CircuitBreaker, Policy, redact};

/// The name in logs and metrics.
const PROVIDER: &str = "smtp";
/// Time for one email, from connecting to the server's last answer.
const DEADLINE: Duration = Duration::from_secs(30);
/// Time for one command and its answer.
const COMMAND: Duration = Duration::from_secs(15);
/// Connections to the server at most.
const CONNECTIONS: u32 = 8;
/// Servers close idle connections after a few minutes.
const IDLE: Duration = Duration::from_secs(60);

/// Sends email through one server. Clones share connections and circuit breaker.
#[derive(Clone, Debug)]
pub struct Smtp(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    breaker: CircuitBreaker,
    clock: Clock,
}

/// An email to one recipient.
#[derive(Clone, Copy, Debug)]
pub struct Email<'a> {
    /// The recipient's address, and their name if it is known.
    pub to: &'a str,
    pub name: Option<&'a str>,
    /// Identifies the email: servers and clients that get it twice show it once. The part before `@`.
    pub id: &'a str,
    pub subject: &'a str,
    pub text: &'a str,
    pub html: &'a str,
    /// The address that unsubscribes on a POST, as RFC 8058 describes, and shows a page on a GET.
    pub unsubscribe: Option<&'a str>,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SmtpConfigError {
    #[error("it must be smtp://host:port or smtps://user:password@host")]
    Url,
    #[error("{0:?} is not an email address")]
    From(String),
    #[error("TLS could not be set up")]
    Tls(#[source] lettre::transport::smtp::Error),
}

/// Why an email was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The address or the email is refused for good.
    #[error("the mail server refused the email: {0}")]
    Refused(String),
    /// The server does not accept email from us now: it is not reachable, busy, or rejects our credentials.
    #[error("the mail server is not available: {reason}")]
    Unavailable {
        reason: String,
        /// The email was handed over, and whether it was accepted is unknown.
        in_doubt: bool,
    },
    /// It failed too often recently, so it was not called.
    #[error("the mail server failed too often recently")]
    CircuitOpen {
        /// When it is tried again.
        retry_in: Duration,
    },
}

impl Smtp {
    /// `url` is `smtp://host:port`, which uses STARTTLS if the server offers it, or `smtps://host` for TLS from the
    /// start. With credentials, as in `smtp://user:password@host`, TLS is required except on this machine. `from` is the
    /// sender, such as `Shop <orders@shop.example>`.
    pub fn new(url: &Url, from: &str, clock: Clock) -> Result<Self, SmtpConfigError> {
        let host = url.host_str().ok_or(SmtpConfigError::Url)?.to_owned();
        let from: Mailbox = from
            .parse()
            .map_err(|_| SmtpConfigError::From(from.to_owned()))?;
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_local = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        let has_credentials = !url.username().is_empty();
        let tls = || {
            TlsParameters::builder(host.clone())
                .certificate_store(CertificateStore::Default)
                .build()
                .map_err(SmtpConfigError::Tls)
        };
        let (tls, default_port) = match (url.scheme(), is_local) {
            ("smtps", _) => (Tls::Wrapper(tls()?), 465),
            // A server on this machine has no certificate that anybody has signed.
            ("smtp", true) => (Tls::None, 25),
            ("smtp", false) if has_credentials => (Tls::Required(tls()?), 587),
            ("smtp", false) => (Tls::Opportunistic(tls()?), 25),
            _ => return Err(SmtpConfigError::Url),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.as_str())
            .port(url.port().unwrap_or(default_port))
            .tls(tls)
            .timeout(Some(COMMAND))
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS).idle_timeout(IDLE));
        if has_credentials {
            let decode = |text: &str| percent_decode(text);
            builder = builder.credentials(Credentials::new(
                decode(url.username()),
                decode(url.password().unwrap_or_default()),
            ));
        }
        Ok(Self(Arc::new(Inner {
            transport: builder.build(),
            from,
            breaker: CircuitBreaker::new(Policy::default().breaker),
            clock,
        })))
    }

    /// The identity that an email with this id carries, its `Message-ID`.
    pub fn message_id(&self, id: &str) -> String {
        format!("<{id}@{}>", self.0.from.email.domain())
    }

    /// Hands the email over, and returns once the server has accepted it.
    pub async fn send(&self, email: &Email<'_>) -> Result<(), SmtpError> {
        let message = self.message(email)?;
        let now = self.0.clock.now();
        let admission = self
            .0
            .breaker
            .admit(now)
            .map_err(|retry_in| SmtpError::CircuitOpen { retry_in })?;
        let started = Instant::now();
        let answer = tokio::time::timeout(DEADLINE, self.0.transport.send(message)).await;
        let (result, outcome) = match answer {
            Ok(Ok(_)) => {
                admission.answered();
                (Ok(()), "ok")
            }
            Ok(Err(error)) => {
                let error = classify(&error);
                let is_refusal = matches!(error, SmtpError::Refused(_));
                if is_refusal {
                    admission.answered();
                } else if admission.failed(self.0.clock.now()) {
                    report_open_circuit();
                }
                (
                    Err(error),
                    if is_refusal {
                        "rejected"
                    } else {
                        "unavailable"
                    },
                )
            }
            Err(_) => {
                if admission.hung(self.0.clock.now()) {
                    report_open_circuit();
                }
                let reason = format!("no answer within {DEADLINE:?}");
                let error = SmtpError::Unavailable {
                    reason,
                    in_doubt: true,
                };
                (Err(error), "timed_out")
            }
        };
        counter!("vantage_external_calls_total", "provider" => PROVIDER, "operation" => "send_email", "outcome" => outcome)
            .increment(1);
        histogram!("vantage_external_call_duration_seconds", "provider" => PROVIDER, "operation" => "send_email")
            .record(started.elapsed().as_secs_f64());
        result
    }

    fn message(&self, email: &Email<'_>) -> Result<Message, SmtpError> {
        let refused = |what: &str| SmtpError::Refused(what.to_owned());
        let address: Address = email
            .to
            .parse()
            .map_err(|_| refused("the recipient's address is not valid"))?;
        let to = Mailbox::new(email.name.map(one_line), address);
        let mut builder = Message::builder()
            .from(self.0.from.clone())
            .to(to)
            .subject(one_line(email.subject))
            .message_id(Some(self.message_id(email.id)))
            .date(system_time(self.0.clock.now()))
            // Keeps out-of-office replies away.
            .raw_header(header("Auto-Submitted", "auto-generated".to_owned()));
        if let Some(url) = email.unsubscribe {
            builder = builder
                .raw_header(header("List-Unsubscribe", format!("<{url}>")))
                .raw_header(header(
                    "List-Unsubscribe-Post",
                    "List-Unsubscribe=One-Click".to_owned(),
                ));
        }
        builder
            .multipart(MultiPart::alternative_plain_html(
                email.text.to_owned(),
                email.html.to_owned(),
            ))
            .map_err(|_| refused("the email could not be written"))
    }
}

/// Without line breaks and other control characters, which a header cannot have.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

fn header(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

fn system_time(at: DateTime<Utc>) -> SystemTime {
    SystemTime::from(at)
}

fn report_open_circuit() {
    counter!("vantage_external_circuit_opened_total", "provider" => PROVIDER).increment(1);
    tracing::error!(
        provider = PROVIDER,
        "circuit breaker opened, the provider keeps failing"
    );
}

/// Codes for our credentials and our permission to send: somebody mends the configuration, and then the email can go.
const NOT_THE_EMAILS_FAULT: [&str; 6] = ["421", "454", "530", "534", "535", "538"];

fn classify(error: &lettre::transport::smtp::Error) -> SmtpError {
    let reason = redact(&describe(error));
    let code = error.status().map(|code| code.to_string());
    let is_ours = code
        .as_deref()
        .is_some_and(|code| NOT_THE_EMAILS_FAULT.contains(&code));
    if error.is_permanent() && !is_ours {
        return SmtpError::Refused(reason);
    }
    SmtpError::Unavailable {
        reason,
        // An answer says that it was not accepted.
        in_doubt: error.status().is_none() && !error.is_client() && !error.is_tls(),
    }
}

/// With the causes, as far as they add something.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// A user name or password as it was before it was written into a URL.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
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
}
