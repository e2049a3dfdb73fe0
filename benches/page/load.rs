//! Load over keep-alive connections from a client with minimal overhead: requests are prepared bytes, and responses are
//! read by length without decoding.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::future::try_join_all;
use parking_lot::Mutex;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

/// End of a response head.
const END: &[u8] = b"\r\n\r\n";

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A keep-alive connection.
pub(crate) struct Connection {
    socket: TcpStream,
    address: String,
    read: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            address: address.to_owned(),
            read: Vec::with_capacity(64 * 1024),
        })
    }

    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        let (status, body) = self.send(request.as_bytes()).await?;
        let body = body.to_vec();
        Ok(Answer { status, body })
    }

    /// Sends a request and reads status and body of the response.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        self.socket.write_all(request).await?;
        self.read.clear();
        let body = loop {
            if self.socket.read_buf(&mut self.read).await? == 0 {
                bail!("the connection was closed within a response");
            }
            if let Some(end) = self.read.windows(END.len()).position(|four| four == END) {
                break end + END.len();
            }
        };
        let head = std::str::from_utf8(&self.read[..body])?.to_ascii_lowercase();
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .context("a response without content-length")?
            .trim()
            .parse()?;
        while self.read.len() < body + length {
            if self.socket.read_buf(&mut self.read).await? == 0 {
                bail!("the connection was closed within a response");
            }
        }
        Ok((status, &self.read[body..]))
    }
}

/// A GraphQL request, as prepared bytes.
#[derive(Clone)]
pub(crate) struct Page(Vec<u8>);

impl Page {
    pub(crate) fn new(query: &str, token: Option<&str>) -> Self {
        Self::with_variables(query, &json!({}), token)
    }

    pub(crate) fn with_variables(query: &str, variables: &Value, token: Option<&str>) -> Self {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let length = body.len();
        let signed_in = token.map(|token| format!("authorization: Bearer {token}\r\n"));
        let signed_in = signed_in.unwrap_or_default();
        Self(
            format!(
                "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                 {signed_in}content-length: {length}\r\n\r\n{body}"
            )
            .into_bytes(),
        )
    }

    /// Fetches the page; fails unless it is complete.
    pub(crate) async fn fetch(&self, connection: &mut Connection) -> anyhow::Result<Vec<u8>> {
        let (status, body) = connection.send(&self.0).await?;
        let answer: Value = serde_json::from_slice(body)?;
        if status != 200 || answer.get("errors").is_some() {
            bail!("not the page: {status} {answer:#}");
        }
        Ok(body.to_vec())
    }

    /// Sends the request and reads any response.
    pub(crate) async fn send(&self, connection: &mut Connection) -> anyhow::Result<u16> {
        let (status, _) = connection.send(&self.0).await?;
        Ok(status)
    }

    /// Requests the page repeatedly over this many connections.
    pub(crate) async fn load(
        &self,
        address: &str,
        connections: usize,
        time: Duration,
    ) -> anyhow::Result<Run> {
        Self::load_each(std::slice::from_ref(self), address, connections, time).await
    }

    /// Requests pages repeatedly over this many connections, each of them one of the pages.
    pub(crate) async fn load_each(
        pages: &[Self],
        address: &str,
        connections: usize,
        time: Duration,
    ) -> anyhow::Result<Run> {
        let begun = Instant::now();
        let workers = pages.iter().cycle().take(connections).map(|page| {
            let (page, address) = (page.clone(), address.to_owned());
            let worker = tokio::spawn(async move {
                let mut connection = Connection::open(&address).await?;
                // A response with errors would have a different length.
                let expected = page.fetch(&mut connection).await?.len();
                let mut latencies = Vec::new();
                while begun.elapsed() < time {
                    let sent = Instant::now();
                    let (status, body) = connection.send(&page.0).await?;
                    if status != 200 || body.len() != expected {
                        bail!("not the page: {status}, {} bytes", body.len());
                    }
                    latencies.push(sent.elapsed());
                }
                anyhow::Ok(latencies)
            });
            async move { worker.await? }
        });
        let latencies = try_join_all(workers).await?.concat();
        Ok(Run::new(latencies, begun.elapsed()))
    }
}

/// A page, and the length of its response. One with errors would have another.
#[derive(Clone)]
pub(crate) struct Expected {
    page: Page,
    length: usize,
}

impl Expected {
    pub(crate) async fn fetch(page: Page, connection: &mut Connection) -> anyhow::Result<Self> {
        let length = page.fetch(connection).await?.len();
        Ok(Self { page, length })
    }
}

/// A response that takes longer is worth nothing to a client.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What became of requests that arrived at a rate. Latencies count from the moment of arrival.
pub(crate) struct Offered {
    pub(crate) served: Run,
    /// With 503.
    pub(crate) refused: Run,
    /// Too late, or not answered as expected.
    pub(crate) failed: usize,
}

enum Outcome {
    Served(Duration),
    Refused(Duration),
    Failed,
}

/// Sends these pages in turn at random moments, `rate` per second on average, whether earlier ones have been answered or
/// not. What arrives in the warm-up is not part of the result.
pub(crate) async fn offer(
    pages: &[Expected],
    address: &str,
    rate: f64,
    warm_up: Duration,
    time: Duration,
) -> anyhow::Result<Offered> {
    let address: Arc<str> = address.into();
    let idle: Arc<Mutex<Vec<Connection>>> = Arc::default();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut requests = JoinSet::new();
    let begun = Instant::now();
    let mut after = Duration::ZERO;
    for page in pages.iter().cycle() {
        // Gaps between independent arrivals are distributed exponentially.
        let part: f64 = random.random_range(f64::EPSILON..1.0);
        after += Duration::from_secs_f64(-part.ln() / rate);
        if after >= warm_up + time {
            break;
        }
        let arrival = begun + after;
        sleep_until(arrival.into()).await;
        let counts = after >= warm_up;
        let request = request(page.clone(), address.clone(), idle.clone(), arrival);
        requests.spawn(async move { (counts, request.await) });
    }
    let (mut served, mut refused, mut failed) = (Vec::new(), Vec::new(), 0);
    while let Some(ended) = requests.join_next().await {
        match ended? {
            (false, _) => {}
            (true, Outcome::Served(latency)) => served.push(latency),
            (true, Outcome::Refused(latency)) => refused.push(latency),
            (true, Outcome::Failed) => failed += 1,
        }
    }
    Ok(Offered {
        served: Run::new(served, time),
        refused: Run::new(refused, time),
        failed,
    })
}

/// Sends one request over an idle connection, or a new one.
async fn request(
    expected: Expected,
    address: Arc<str>,
    idle: Arc<Mutex<Vec<Connection>>>,
    arrival: Instant,
) -> Outcome {
    let answer = async {
        let connection = idle.lock().pop();
        let mut connection = match connection {
            Some(connection) => connection,
            None => Connection::open(&address).await?,
        };
        let (status, body) = connection.send(&expected.page.0).await?;
        let answer = (status, body.len());
        idle.lock().push(connection);
        anyhow::Ok(answer)
    };
    match timeout(TIMEOUT, answer).await {
        Ok(Ok((200, length))) if length == expected.length => Outcome::Served(arrival.elapsed()),
        Ok(Ok((503, _))) => Outcome::Refused(arrival.elapsed()),
        _ => Outcome::Failed,
    }
}

/// Measurements of one run.
pub(crate) struct Run {
    latencies: Vec<Duration>,
    time: Duration,
}

impl Run {
    pub(crate) fn new(mut latencies: Vec<Duration>, time: Duration) -> Self {
        latencies.sort_unstable();
        Self { latencies, time }
    }

    pub(crate) fn requests(&self) -> usize {
        self.latencies.len()
    }

    /// Requests per second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests() as f64 / self.time.as_secs_f64()
    }

    /// The latency quantile, in milliseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        let latency = self.latencies.get(index).copied().unwrap_or_default();
        latency.as_secs_f64() * 1e3
    }
}
