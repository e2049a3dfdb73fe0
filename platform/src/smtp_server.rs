//! The receiving side of SMTP (RFC 5321), for the sandbox and for tests. Without TLS, so for this machine only.

use std::io;

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

/// The longest command line that is read.
const LONGEST_LINE: u64 = 4_096;
/// The largest email that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// Decides about what a client sends.
#[async_trait]
pub trait MailHandler: Send + Sync {
    /// A command that is valid here, such as `RCPT` with a recipient's address; `DATA` is decided by
    /// [`Self::receive`].
    async fn command(&self, verb: &str, address: &str) -> Reaction;

    /// An email that was sent completely.
    async fn receive(&self, mail: ReceivedMail) -> Reaction;
}

/// The server's reaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    Accept,
    /// Answers with this code and text.
    Refuse(u16, String),
    /// Closes the connection without an answer.
    Disconnect,
}

/// An email with its envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMail {
    pub from: String,
    pub to: Vec<String>,
    /// As it was sent: headers and body.
    pub raw: Vec<u8>,
}

/// Serves one connection until the client leaves.
pub async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    handler: &dyn MailHandler,
) -> io::Result<()> {
    let mut session = Session::new(stream, handler);
    session.reply("220 sandbox ESMTP").await?;
    session.run().await
}

/// The same for a client that was greeted before its connection was encrypted.
pub async fn serve_greeted(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    handler: &dyn MailHandler,
) -> io::Result<()> {
    Session::new(stream, handler).run().await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Continue,
    Close,
}

struct Session<'a, S> {
    stream: BufReader<S>,
    handler: &'a dyn MailHandler,
    from: Option<String>,
    to: Vec<String>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin + Send> Session<'a, S> {
    fn new(stream: S, handler: &'a dyn MailHandler) -> Self {
        Self {
            stream: BufReader::new(stream),
            handler,
            from: None,
            to: Vec::new(),
        }
    }

    async fn run(&mut self) -> io::Result<()> {
        while let Some(line) = self.line().await? {
            if self.handle(&line).await? == Next::Close {
                break;
            }
        }
        Ok(())
    }

    async fn handle(&mut self, line: &str) -> io::Result<Next> {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let verb = verb.to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                self.start();
                let reply = format!(
                    "250-sandbox\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE {LARGEST}"
                );
                self.decided(&verb, argument, &reply).await
            }
            "HELO" | "RSET" => {
                self.start();
                self.decided(&verb, argument, "250 OK").await
            }
            "MAIL" => {
                self.start();
                let from = address(argument);
                let next = self.decided(&verb, &from, "250 2.1.0 OK").await?;
                self.from = Some(from);
                Ok(next)
            }
            "RCPT" if self.from.is_none() => self.reply("503 5.5.1 MAIL first").await,
            "RCPT" => {
                let to = address(argument);
                let handler = self.handler;
                match self.decision(handler.command(&verb, &to)).await {
                    Reaction::Accept => {
                        self.to.push(to);
                        self.reply("250 2.1.5 OK").await
                    }
                    other => self.react(other, "").await,
                }
            }
            "DATA" if self.to.is_empty() => self.reply("503 5.5.1 RCPT first").await,
            "DATA" => self.data().await,
            "AUTH" => self.authenticate(argument).await,
            "NOOP" | "VRFY" => self.reply("250 OK").await,
            "QUIT" => {
                self.reply("221 2.0.0 Bye").await?;
                Ok(Next::Close)
            }
            _ => self.reply("500 5.5.2 Unknown command").await,
        }
    }

    fn start(&mut self) {
        self.from = None;
        self.to.clear();
    }

    /// Answers with `accepted` unless the handler decides otherwise.
    async fn decided(&mut self, verb: &str, address: &str, accepted: &str) -> io::Result<Next> {
        let handler = self.handler;
        let reaction = self.decision(handler.command(verb, address)).await;
        self.react(reaction, accepted).await
    }

    /// What the handler decides, unless the client leaves meanwhile.
    async fn decision(&mut self, deciding: impl Future<Output = Reaction>) -> Reaction {
        tokio::pin!(deciding);
        let has_left = tokio::select! {
            biased;
            reaction = &mut deciding => return reaction,
            read = self.stream.fill_buf() => read.map_or(true, <[u8]>::is_empty),
        };
        if has_left {
            return Reaction::Disconnect;
        }
        // It has sent the next command already.
        deciding.await
    }

    async fn react(&mut self, reaction: Reaction, accepted: &str) -> io::Result<Next> {
        match reaction {
            Reaction::Accept => self.reply(accepted).await,
            Reaction::Refuse(code, text) => {
                self.reply(&format!("{code} {text}")).await?;
                // A server that says 421 closes the connection.
                Ok(if code == 421 {
                    Next::Close
                } else {
                    Next::Continue
                })
            }
            Reaction::Disconnect => Ok(Next::Close),
        }
    }

    async fn data(&mut self) -> io::Result<Next> {
        self.reply("354 End with a line that has only a dot")
            .await?;
        let mut raw = Vec::new();
        loop {
            let start = raw.len();
            let mut limited = (&mut self.stream).take(LARGEST + 1 - start as u64);
            if limited.read_until(b'\n', &mut raw).await? == 0 {
                return Ok(Next::Close);
            }
            if raw.len() as u64 > LARGEST {
                self.reply("552 5.3.4 Too large").await?;
                return Ok(Next::Close);
            }
            match &raw[start..] {
                b".\r\n" | b".\n" => {
                    raw.truncate(start);
                    break;
                }
                // A dot at the start of a line is doubled for transport.
                [b'.', ..] => {
                    raw.remove(start);
                }
                _ => {}
            }
        }
        let mail = ReceivedMail {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            raw,
        };
        let handler = self.handler;
        let reaction = self.decision(handler.receive(mail)).await;
        self.react(reaction, "250 2.0.0 OK").await
    }

    /// Accepts any credentials, in the two forms that clients use.
    async fn authenticate(&mut self, argument: &str) -> io::Result<Next> {
        let (mechanism, initial) = argument.split_once(' ').unwrap_or((argument, ""));
        let questions = match (mechanism.to_ascii_uppercase().as_str(), initial) {
            ("PLAIN", "") => &["334 "][..],
            ("PLAIN", _) => &[],
            // "Username:" and "Password:".
            ("LOGIN", "") => &["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"],
            ("LOGIN", _) => &["334 UGFzc3dvcmQ6"],
            _ => return self.reply("504 5.5.4 Unknown mechanism").await,
        };
        for question in questions {
            self.reply(question).await?;
            if self.line().await?.is_none() {
                return Ok(Next::Close);
            }
        }
        self.decided("AUTH", "", "235 2.7.0 OK").await
    }

    /// The next line, without its end.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(LONGEST_LINE);
        if limited.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    async fn reply(&mut self, text: &str) -> io::Result<Next> {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        stream.flush().await?;
        Ok(Next::Continue)
    }
}

/// The address in `FROM:<ada@example.com> SIZE=100`.
fn address(argument: &str) -> String {
    let (_, path) = argument.split_once(':').unwrap_or(("", argument));
    let path = path.trim_start();
    match path.strip_prefix('<').and_then(|path| path.split_once('>')) {
        Some((address, _)) => address.to_owned(),
        None => path.split(' ').next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[derive(Default)]
    struct Sink(Mutex<Vec<ReceivedMail>>);

    #[async_trait]
    impl MailHandler for Sink {
        async fn command(&self, verb: &str, address: &str) -> Reaction {
            match (verb, address) {
                ("RCPT", "nobody@example.com") => Reaction::Refuse(550, "5.1.1 Unknown".to_owned()),
                _ => Reaction::Accept,
            }
        }

        async fn receive(&self, mail: ReceivedMail) -> Reaction {
            self.0.lock().push(mail);
            Reaction::Accept
        }
    }

    /// The answers to these lines, each as its codes.
    async fn session(sink: &Sink, sent: &str) -> Vec<String> {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        client.write_all(sent.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        serve(server, sink).await.unwrap();
        let mut answers = String::new();
        client.read_to_string(&mut answers).await.unwrap();
        answers.lines().map(|line| line[..3].to_owned()).collect()
    }

    #[tokio::test]
    async fn emails_are_received_as_they_were_sent() {
        let sink = Sink::default();
        let codes = session(
            &sink,
            "HELO me\r\nMAIL FROM:<a@example.com> SIZE=20\r\nRCPT TO:<nobody@example.com>\r\nRCPT TO:<b@example.com>\r\n\
             DATA\r\nSubject: x\r\n\r\n..dot\r\nend\r\n.\r\nQUIT\r\n",
        )
        .await;
        assert_eq!(
            codes,
            ["220", "250", "250", "550", "250", "354", "250", "221"]
        );
        let mail = ReceivedMail {
            from: "a@example.com".to_owned(),
            to: vec!["b@example.com".to_owned()],
            raw: b"Subject: x\r\n\r\n.dot\r\nend\r\n".to_vec(),
        };
        assert_eq!(*sink.0.lock(), [mail]);
    }

    /// Never decides.
    struct Hanging;

    #[async_trait]
    impl MailHandler for Hanging {
        async fn command(&self, verb: &str, _: &str) -> Reaction {
            match verb {
                "MAIL" => std::future::pending().await,
                _ => Reaction::Accept,
            }
        }

        async fn receive(&self, _: ReceivedMail) -> Reaction {
            Reaction::Accept
        }
    }

    #[tokio::test]
    async fn a_client_that_leaves_while_it_waits_costs_no_connection() {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn(async move { serve(server, &Hanging).await });
        client
            .write_all(b"HELO me\r\nMAIL FROM:<a@example.com>\r\n")
            .await
            .unwrap();
        let mut answers = [0; 256];
        while !String::from_utf8_lossy(&answers).contains("250") {
            assert!(client.read(&mut answers).await.unwrap() > 0);
        }
        drop(client);
        serving.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_comes_out_of_order_or_breaks_off_is_no_email() {
        let sink = Sink::default();
        assert_eq!(
            session(
                &sink,
                "DATA\r\nRCPT TO:<b@example.com>\r\nWHAT\r\nAUTH PLAIN AAA\r\n"
            )
            .await,
            ["220", "503", "503", "500", "235"]
        );
        let cut = "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nSubject: x\r\n";
        assert_eq!(session(&sink, cut).await, ["220", "250", "250", "354"]);
        assert!(sink.0.lock().is_empty());
    }
}
