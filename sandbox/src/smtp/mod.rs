//! A mail server: accepts every email, and shows them on a page.

mod page;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use mail_parser::MessageParser;
use platform::smtp_server::{self, MailHandler, Reaction, ReceivedMail};
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::calls::Call;
use crate::faults::{Effect, Timing};
use crate::provider::Provider;
use crate::sandbox::Sandbox;

pub(crate) use page::routes;

/// Maximum number of emails kept; the oldest are dropped first.
const KEPT: usize = 1_000;
/// Connections served at once.
const CONNECTIONS: usize = 256;

/// The received emails.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    kept: VecDeque<Mail>,
    counted: u64,
}

/// An email as a reader sees it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Mail {
    pub(crate) id: u64,
    pub(crate) at: DateTime<Utc>,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    pub(crate) message_id: Option<String>,
    pub(crate) list_unsubscribe: Option<String>,
    pub(crate) list_unsubscribe_post: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) html: Option<String>,
    #[serde(skip)]
    pub(crate) source: String,
}

impl Mailbox {
    fn store(&mut self, mail: ReceivedMail, at: DateTime<Utc>) {
        self.counted += 1;
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Mail::read(self.counted, mail, at));
    }

    /// Oldest first.
    pub(crate) fn mails(&self) -> impl DoubleEndedIterator<Item = &Mail> {
        self.kept.iter()
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Mail> {
        self.kept.iter().find(|mail| mail.id == id)
    }
}

impl Mail {
    fn read(id: u64, mail: ReceivedMail, at: DateTime<Utc>) -> Self {
        let parsed = MessageParser::default().parse(&mail.raw);
        let parsed = parsed.as_ref();
        let header = |name: &'static str| {
            let header = parsed.and_then(|message| message.headers().get(name))?;
            let raw = String::from_utf8_lossy(header.raw_value());
            // Long headers are folded into several lines.
            Some(raw.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        Self {
            id,
            at,
            from: mail.from,
            to: mail.to,
            subject: parsed
                .and_then(|message| message.subject())
                .unwrap_or_default()
                .to_owned(),
            message_id: header("Message-ID"),
            list_unsubscribe: header("List-Unsubscribe"),
            list_unsubscribe_post: header("List-Unsubscribe-Post"),
            text: parsed
                .and_then(|message| message.body_text(0))
                .map(|text| text.into_owned()),
            html: parsed
                .and_then(|message| message.body_html(0))
                .map(|html| html.into_owned()),
            source: String::from_utf8_lossy(&mail.raw).into_owned(),
        }
    }
}

/// Serves SMTP.
pub(crate) async fn serve(sandbox: Sandbox, listener: TcpListener) -> std::io::Result<()> {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = connections.clone().acquire_owned().await else {
            return Ok(());
        };
        let (stream, _) = listener.accept().await?;
        let sandbox = sandbox.clone();
        tokio::spawn(async move {
            // A connection that breaks is the client's business.
            let _ = smtp_server::serve(stream, &Server(sandbox)).await;
            drop(permit);
        });
    }
}

struct Server(Sandbox);

#[async_trait]
impl MailHandler for Server {
    async fn command(&self, verb: &str, address: &str) -> Reaction {
        let effects = self.0.faults().for_call(Provider::Smtp, verb, address);
        apply(&effects, Timing::Before)
            .await
            .unwrap_or(Reaction::Accept)
    }

    async fn receive(&self, mail: ReceivedMail) -> Reaction {
        let recipient = mail.to.first().cloned().unwrap_or_default();
        let effects = self.0.faults().for_call(Provider::Smtp, "DATA", &recipient);
        let call = Call {
            id: 0,
            at: self.0.clock().now(),
            provider: Provider::Smtp,
            method: "DATA".to_owned(),
            path: recipient,
            query: None,
            idempotency_key: None,
            body: Value::Null,
            status: None,
            faults: effects.iter().map(Effect::name).collect(),
        };
        let call = self.0.calls().begin(call);
        let reaction = match apply(&effects, Timing::Before).await {
            Some(failed) => failed,
            None => {
                self.0.world(|world| {
                    let now = world.now;
                    world.mailbox.store(mail, now);
                });
                let failed = apply(&effects, Timing::After).await;
                let is_cut = effects
                    .iter()
                    .any(|effect| matches!(effect, Effect::Truncate { .. }));
                failed.unwrap_or(if is_cut {
                    Reaction::Disconnect
                } else {
                    Reaction::Accept
                })
            }
        };
        let status = match &reaction {
            Reaction::Accept => 250,
            Reaction::Refuse(code, _) => *code,
            Reaction::Disconnect => 0,
        };
        self.0.calls().record_response(call, status);
        reaction
    }
}

/// Applies the faults of this phase; `Some` replaces the server's answer.
async fn apply(effects: &[Effect], now: Timing) -> Option<Reaction> {
    for effect in effects {
        match effect {
            Effect::Delay { by, moment } if *moment == now => tokio::time::sleep(by.get()).await,
            Effect::Hang { moment } if *moment == now => {
                let never: Infallible = std::future::pending().await;
                match never {}
            }
            Effect::Status {
                status,
                body,
                moment,
                ..
            } if *moment == now => {
                let text = body.as_ref().and_then(Value::as_str);
                let text = text.unwrap_or("simulated failure").to_owned();
                return Some(Reaction::Refuse(*status, text));
            }
            _ => {}
        }
    }
    None
}
