//! A client that sends one request at a time and measures it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::Attack;
use crate::server::{Failure, Server};

pub(crate) struct Measurement {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) cpu: Duration,
    /// The last response.
    pub(crate) answer: String,
}

pub(crate) fn measure(
    server: &Server,
    connection: &mut Connection,
    attack: &Attack,
    requests: usize,
) -> Result<Measurement, Failure> {
    let mut body = attack.body.clone().into_bytes();
    let mut latencies = Vec::with_capacity(requests);
    let mut answer = connection.post(attack, &body)?;
    if !answer.contains(attack.answer) {
        let shown: String = answer.chars().take(300).collect();
        return Err(format!("{}: not refused by its limit: {shown}", attack.name).into());
    }
    let before = server.cpu()?;
    for number in 1..=requests {
        number_document(&mut body, number);
        let asked = Instant::now();
        answer = connection.post(attack, &body)?;
        latencies.push(asked.elapsed());
    }
    let used = server.cpu()?.saturating_sub(before);
    latencies.sort_unstable();
    let quantile = |share: f64| latencies[((requests - 1) as f64 * share).round() as usize];
    Ok(Measurement {
        p50: quantile(0.5),
        p99: quantile(0.99),
        cpu: used / u32::try_from(requests)?,
        answer,
    })
}

/// Writes the counter at the end of a document that has one.
fn number_document(body: &mut [u8], number: usize) {
    let digits = format!("#{number:08}\"}}");
    let Some(start) = body.len().checked_sub(digits.len()) else {
        return;
    };
    if body[start] == b'#' {
        body[start..].copy_from_slice(digits.as_bytes());
    }
}

/// A keep-alive connection, reopened when the server has closed it.
pub(crate) struct Connection {
    address: String,
    socket: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(address: &str) -> Result<Self, Failure> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(Self {
            address: address.to_owned(),
            socket: BufReader::new(socket),
        })
    }

    fn post(&mut self, attack: &Attack, body: &[u8]) -> Result<String, Failure> {
        let (answer, ended) = self.exchange(attack, body)?;
        if ended || attack.announced {
            *self = Self::open(&self.address)?;
        }
        Ok(answer)
    }

    /// The response, and whether the server closes the connection.
    fn exchange(&mut self, attack: &Attack, body: &[u8]) -> Result<(String, bool), Failure> {
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let request = self.socket.get_mut();
        request.write_all(head.as_bytes())?;
        if !attack.announced {
            request.write_all(body)?;
        }
        let mut closed = false;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.socket.read_line(&mut line)? == 0 {
                return Err("the connection was closed without an answer".into());
            }
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(bytes) = line.strip_prefix("content-length:") {
                length = bytes.trim().parse()?;
            }
            closed |= line == "connection: close";
        }
        let mut answer = vec![0; length];
        self.socket.read_exact(&mut answer)?;
        Ok((String::from_utf8(answer)?, closed))
    }
}

impl Server {
    /// Processor time used by its threads so far.
    fn cpu(&self) -> Result<Duration, Failure> {
        let mut nanoseconds = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let usage = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            nanoseconds += usage
                .split(' ')
                .next()
                .ok_or("no schedstat")?
                .parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }
}
