//! Email over SMTP: pooled connections, TLS, and answers classified by what the caller should do next.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters, TlsParametersBuilder};
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
    /// The server has put this email off, such as by greylisting, or cannot take one like it.
    #[error("the mail server put the email off: {0}")]
    Deferred(String),
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
        let host = url.host_str().ok_or(SmtpConfigError::Url)?;
        let encryption = Encryption::of(url, host)?;
        let tls = TlsParameters::builder(host.to_owned());
        Self::connect(url, encryption, tls, from, clock)
    }

    fn connect(
        url: &Url,
        encryption: Encryption,
        tls: TlsParametersBuilder,
        from: &str,
        clock: Clock,
    ) -> Result<Self, SmtpConfigError> {
        let host = url.host_str().ok_or(SmtpConfigError::Url)?;
        let from: Mailbox = from
            .parse()
            .map_err(|_| SmtpConfigError::From(from.to_owned()))?;
        let tls = || tls.build().map_err(SmtpConfigError::Tls);
        let (tls, default_port) = match encryption {
            Encryption::None => (Tls::None, 25),
            Encryption::IfOffered => (Tls::Opportunistic(tls()?), 25),
            Encryption::Required => (Tls::Required(tls()?), 587),
            Encryption::FromStart => (Tls::Wrapper(tls()?), 465),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(url.port().unwrap_or(default_port))
            .tls(tls)
            .timeout(Some(COMMAND))
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS).idle_timeout(IDLE));
        if !url.username().is_empty() {
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
        let answer = tokio::time::timeout(DEADLINE, self.hand_over(message)).await;
        let (result, outcome) = match answer {
            Ok(Ok(())) => {
                admission.answered();
                (Ok(()), "ok")
            }
            Ok(Err(error @ (SmtpError::Refused(_) | SmtpError::Deferred(_)))) => {
                admission.answered();
                (Err(error), "rejected")
            }
            Ok(Err(error)) => {
                if admission.failed(self.0.clock.now()) {
                    report_open_circuit();
                }
                (Err(error), "unavailable")
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

    async fn hand_over(&self, message: Message) -> Result<(), SmtpError> {
        let transport = &self.0.transport;
        let Err(error) = transport.send(message).await else {
            return Ok(());
        };
        let error = classify(&error);
        if !matches!(error, SmtpError::Refused(_)) {
            return Err(error);
        }
        // A server that refuses us before it has seen an email says nothing of the email.
        match transport.test_connection().await {
            Ok(_) => Err(error),
            Err(refused) => Err(SmtpError::Unavailable {
                reason: redact(&describe(&refused)),
                in_doubt: false,
            }),
        }
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

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encryption {
    None,
    /// By STARTTLS, if the server offers it.
    IfOffered,
    Required,
    FromStart,
}

impl Encryption {
    fn of(url: &Url, host: &str) -> Result<Self, SmtpConfigError> {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_local = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        match url.scheme() {
            "smtps" => Ok(Self::FromStart),
            // A server on this machine has no certificate that anybody has signed.
            "smtp" if is_local => Ok(Self::None),
            "smtp" if url.username().is_empty() => Ok(Self::IfOffered),
            "smtp" => Ok(Self::Required),
            _ => Err(SmtpConfigError::Url),
        }
    }
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
    if (error.is_transient() && !is_ours) || error.is_client() {
        return SmtpError::Deferred(reason);
    }
    // The crate tells a failure to connect from a later one only by its text.
    let is_connected = !error.is_tls() && !error.to_string().starts_with("Connection error");
    SmtpError::Unavailable {
        reason,
        // An answer says that it was not accepted.
        in_doubt: error.status().is_none() && is_connected,
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
mod tests;
