//! A mail server for tests, which keeps what it receives.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::net::TcpListener;

use crate::smtp_server::{self, MailHandler, Reaction, ReceivedMail};

/// The server, until it is dropped.
#[derive(Debug)]
pub struct MailSink {
    pub address: SocketAddr,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    mails: Mutex<Vec<ReceivedMail>>,
    reactions: Mutex<VecDeque<Reaction>>,
}

#[async_trait]
impl MailHandler for State {
    async fn command(&self, _: &str, _: &str) -> Reaction {
        Reaction::Accept
    }

    async fn receive(&self, mail: ReceivedMail) -> Reaction {
        let reaction = self
            .reactions
            .lock()
            .pop_front()
            .unwrap_or(Reaction::Accept);
        // A connection that breaks after the email was accepted.
        if matches!(reaction, Reaction::Accept | Reaction::Disconnect) {
            self.mails.lock().push(mail);
        }
        reaction
    }
}

impl MailSink {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let serving = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = serving.clone();
                tokio::spawn(async move { smtp_server::serve(stream, &*state).await });
            }
        });
        Self {
            address,
            state,
            task,
        }
    }

    /// How it reacts to the next emails, one after the other; then it accepts again.
    pub fn react(&self, reactions: impl IntoIterator<Item = Reaction>) {
        self.state.reactions.lock().extend(reactions);
    }

    /// What it has accepted so far.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        self.state.mails.lock().clone()
    }
}

impl Drop for MailSink {
    fn drop(&mut self) {
        self.task.abort();
    }
}
