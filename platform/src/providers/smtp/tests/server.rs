//! A mail server that decides by address, with TLS if that is wanted.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::smtp_server::{self, MailHandler, Reaction, ReceivedMail};

/// How a server starts encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offers {
    Nothing,
    StartTls,
    Tls,
}

/// Accepts email, except to some addresses. Clones are the same server.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    mails: Mutex<Vec<ReceivedMail>>,
    /// Reactions to credentials and to senders.
    auth: Mutex<Option<Reaction>>,
    /// How often the client has connected.
    connections: Mutex<usize>,
}

#[async_trait]
impl MailHandler for State {
    async fn command(&self, verb: &str, address: &str) -> Reaction {
        let refuse = |code, text: &str| Reaction::Refuse(code, text.to_owned());
        match (verb, address.split('@').next().unwrap_or_default()) {
            ("AUTH", _) => self.auth.lock().clone().unwrap_or(Reaction::Accept),
            ("RCPT", "unknown") => refuse(550, "5.1.1 <unknown@example.com> does not exist"),
            ("RCPT", "greylisted") => refuse(451, "4.7.1 Greylisted, try again in 300 seconds"),
            ("RCPT", "full") => refuse(452, "4.2.2 Mailbox full"),
            ("RCPT", "busy") => refuse(421, "4.3.2 Shutting down"),
            _ => Reaction::Accept,
        }
    }

    async fn receive(&self, mail: ReceivedMail) -> Reaction {
        let to = mail.to[0].clone();
        if to.starts_with("spam") {
            return Reaction::Refuse(554, "5.7.1 Rejected as spam".to_owned());
        }
        self.mails.lock().push(mail);
        if to.starts_with("silent") {
            return Reaction::Disconnect;
        }
        Reaction::Accept
    }
}

/// A certificate for these names.
pub(super) fn certificate(names: &[&str]) -> CertifiedKey<KeyPair> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    generate_simple_self_signed(names).unwrap()
}

impl Server {
    pub(super) async fn start(offers: Offers, certified: &CertifiedKey<KeyPair>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
        };
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certified.cert.der().clone()],
                PrivateKeyDer::Pkcs8(key),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *serving.state.connections.lock() += 1;
                let (state, acceptor) = (serving.state.clone(), acceptor.clone());
                tokio::spawn(async move {
                    // A client that does not trust the certificate leaves.
                    let _ = serve(stream, offers, &acceptor, &state).await;
                });
            }
        });
        server
    }

    pub(super) fn mails(&self) -> Vec<ReceivedMail> {
        self.state.mails.lock().clone()
    }

    pub(super) fn connections(&self) -> usize {
        *self.state.connections.lock()
    }

    pub(super) fn refuse_credentials(&self, code: u16, text: &str) {
        *self.state.auth.lock() = Some(Reaction::Refuse(code, text.to_owned()));
    }
}

async fn serve(
    stream: TcpStream,
    offers: Offers,
    acceptor: &TlsAcceptor,
    state: &State,
) -> std::io::Result<()> {
    match offers {
        Offers::Nothing => smtp_server::serve(stream, state).await,
        Offers::Tls => smtp_server::serve(acceptor.accept(stream).await?, state).await,
        Offers::StartTls => {
            let stream = start_tls(stream).await?;
            smtp_server::serve_greeted(acceptor.accept(stream).await?, state).await
        }
    }
}

/// Talks until the client asks for TLS. Nothing may be sent before that.
async fn start_tls<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> std::io::Result<S> {
    stream.write_all(b"220 mail ESMTP\r\n").await?;
    let mut lines = BufReader::new(&mut stream);
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let answer: &[u8] = match line.split_whitespace().next() {
            Some("EHLO") => b"250-mail\r\n250-STARTTLS\r\n250 8BITMIME\r\n",
            Some("STARTTLS") => b"220 2.0.0 Ready\r\n",
            Some("QUIT") => b"221 Bye\r\n",
            _ => b"530 5.7.0 Must issue a STARTTLS command first\r\n",
        };
        lines.get_mut().write_all(answer).await?;
        if line.starts_with("STARTTLS") {
            return Ok(stream);
        }
    }
}
