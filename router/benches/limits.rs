//! What it costs to refuse an operation that exceeds a limit: `cargo bench -p router --bench limits`.
//!
//! Each attack is the largest body that the edge admits and keeps within every limit that is looked at before its
//! own; those that are parsed are as large as a document may be. A server in a process of its own is asked one request after the other over a kept connection; the number of
//! requests for each attack (200) can be given after `--`. The table shows the latency a client sees, with 1 MB to
//! send, and the processor time of the server.

mod server;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::{EmptyMutation, EmptySubscription, Object, SDLExportOptions, Schema};
use router::server::ServerConfig;
use router::{LocalTransport, OperationLimits, Router};
use serde_json::json;

use server::{Failure, Server};

/// What a refusal may take.
const WANTED: Duration = Duration::from_millis(5);

fn main() -> Result<(), Failure> {
    if server::is_server() {
        return tokio::runtime::Runtime::new()?.block_on(serve());
    }
    let requests = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(200);
    let server = Server::start()?;
    let mut connection = Connection::open(&server.address)?;
    println!(
        "{:<32} {:>9} {:>8} {:>8} {:>8}  refused with",
        "attack", "bytes", "p50 ms", "p99 ms", "cpu ms"
    );
    let mut slow = 0;
    for attack in attacks() {
        let measured = measure(&server, &mut connection, &attack, requests)?;
        slow += usize::from(measured.p99 > WANTED);
        println!(
            "{:<32} {:>9} {:>8.2} {:>8.2} {:>8.2}  {}",
            attack.name,
            attack.body.len(),
            milliseconds(measured.p50),
            milliseconds(measured.p99),
            milliseconds(measured.cpu),
            attack.refusal,
        );
    }
    println!("{slow} of them above {WANTED:?}");
    Ok(())
}

/// A body, and what its refusal must contain.
struct Attack {
    name: &'static str,
    body: String,
    refusal: &'static str,
    /// Only the head is sent.
    announced: bool,
}

fn attacks() -> Vec<Attack> {
    let limits = OperationLimits::default();
    let room = ServerConfig::default().max_body_bytes - 64;
    let parsed = limits.document_bytes - 64;
    let attack = |name, refusal, document: String| Attack {
        name,
        refusal,
        body: json!({ "query": document }).to_string(),
        announced: false,
    };
    // Names take what is left of the body, so that the parser has to read it all.
    let padded = |room: usize, count: usize, each: &str| "a".repeat(room / count - each.len());
    let mut attacks = Vec::new();

    let tokens = limits.tokens + 4;
    let name = padded(room, tokens, "12345 ");
    let mut document = String::from("{x{");
    for index in 0..tokens {
        let _ = write!(document, "{name}{index:05} ");
    }
    attacks.push(attack("tokens", "`tokens`", document + "}}"));
    let brackets = limits.tokens / 2 - 4;
    attacks.push(attack("depth: brackets", "`depth`", "{a".repeat(brackets)));
    let list = format!("{{ a(b: {}) }}", "[".repeat(limits.tokens - 16));
    attacks.push(attack("depth: lists in an argument", "`depth`", list));
    // Three tokens an alias.
    let aliases = limits.tokens / 3 - 4;
    let name = padded(room, aliases, "1234:a ");
    let mut document = String::from("{x{");
    for index in 0..aliases {
        let _ = write!(document, "{name}{index:04}:a ");
    }
    attacks.push(attack("aliases", "`aliases`", document + "}}"));
    let roots = limits.tokens - 4;
    let name = padded(room, roots, "12345 ");
    let mut document = String::from("{");
    for index in 0..roots {
        let _ = write!(document, "{name}{index:05} ");
    }
    attacks.push(attack("root_fields", "`root_fields`", document + "}"));
    let directives = limits.tokens / 2 - 4;
    let name = padded(room, directives, "@ ");
    let document = format!("{{a {}}}", format!("@{name} ").repeat(directives));
    attacks.push(attack("directives", "`directives`", document));
    let repeated = limits.tokens - 8;
    let name = padded(room, repeated, " ");
    let document = format!("{{a{{{}}}}}", format!("{name} ").repeat(repeated));
    attacks.push(attack("repeated_fields", "`repeated_fields`", document));
    let comment = format!("{{a}} #{}", "a".repeat(room - 8));
    attacks.push(attack(
        "document_bytes: a comment",
        "`document_bytes`",
        comment,
    ));
    let string = format!("{{a(b: \"{}\")}}", "\\q".repeat(room / 3 - 8));
    attacks.push(attack(
        "document_bytes: wrong escapes",
        "`document_bytes`",
        string,
    ));
    // The most that can be written before a selection repeats a key too often: each fragment spreads the next
    // one in two fields.
    let fragments = (limits.tokens - 8) / 17;
    let name = padded(
        parsed,
        3 * fragments + 4,
        " fragment on Query { a{...} b{...} }1234",
    );
    let mut document = format!("{{...{name}0}}");
    for index in 0..fragments {
        let next = index + 1;
        let _ = write!(
            document,
            " fragment {name}{index} on Query{{a{{...{name}{next}}}b{{...{name}{next}}}}}"
        );
    }
    let _ = write!(document, " fragment {name}{fragments} on Query{{a}}");
    attacks.push(attack("depth: a chain of fragments", "`depth`", document));
    let wide = wide_expansion(&limits, parsed);
    attacks.push(attack("fields: spread fragments", "`fields`", wide));
    // Its length says enough: no byte of it is sent.
    attacks.push(Attack {
        name: "body",
        refusal: "longer than",
        body: "a".repeat(room + 65),
        announced: true,
    });
    attacks
}

/// Twenty levels of fragments that each spread the next as often as the limits of tokens and depth allow.
fn wide_expansion(limits: &OperationLimits, room: usize) -> String {
    const LEVELS: usize = 20;
    let spreads = (limits.tokens - 16) / LEVELS / 2 - 8;
    let name = "a".repeat(room / (LEVELS * (spreads + 2)) - 8);
    let mut document = format!("{{...{name}00}}");
    for level in 0..LEVELS {
        let next = format!("...{name}{:02} ", level + 1);
        let _ = write!(
            document,
            " fragment {name}{level:02} on Query{{a {}}}",
            next.repeat(spreads)
        );
    }
    let _ = write!(document, " fragment {name}{LEVELS:02} on Query{{a}}");
    document
}

struct Measured {
    p50: Duration,
    p99: Duration,
    cpu: Duration,
}

fn measure(
    server: &Server,
    connection: &mut Connection,
    attack: &Attack,
    requests: usize,
) -> Result<Measured, Failure> {
    let answer = connection.post(attack)?;
    if !answer.contains(attack.refusal) {
        let shown: String = answer.chars().take(300).collect();
        return Err(format!("{}: not refused by its limit: {shown}", attack.name).into());
    }
    let before = server.cpu()?;
    let mut latencies = Vec::with_capacity(requests);
    for _ in 0..requests {
        let asked = Instant::now();
        connection.post(attack)?;
        latencies.push(asked.elapsed());
    }
    let used = server.cpu()?.saturating_sub(before);
    latencies.sort_unstable();
    let quantile = |share: f64| latencies[((requests - 1) as f64 * share).round() as usize];
    Ok(Measured {
        p50: quantile(0.5),
        p99: quantile(0.99),
        cpu: used / u32::try_from(requests)?,
    })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A kept connection, opened again where the server has closed it.
struct Connection {
    address: String,
    socket: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: &str) -> Result<Self, Failure> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(Self {
            address: address.to_owned(),
            socket: BufReader::new(socket),
        })
    }

    fn post(&mut self, attack: &Attack) -> Result<String, Failure> {
        let (answer, ended) = self.ask(attack)?;
        if ended || attack.announced {
            *self = Self::open(&self.address)?;
        }
        Ok(answer)
    }

    /// The answer, and whether the connection ends with it.
    fn ask(&mut self, attack: &Attack) -> Result<(String, bool), Failure> {
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            attack.body.len()
        );
        let request = self.socket.get_mut();
        request.write_all(head.as_bytes())?;
        if !attack.announced {
            request.write_all(attack.body.as_bytes())?;
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
    /// Processor time that its threads have used so far.
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

async fn serve() -> Result<(), Failure> {
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription)
        .enable_federation()
        .finish();
    let sdl = schema.sdl_with_options(SDLExportOptions::new().federation());
    let transport = Arc::new(LocalTransport::new("small", Arc::new(schema)));
    let router = Router::builder()
        .subgraph("small", &sdl, transport)
        .build()?;
    server::serve(router, ServerConfig::default()).await
}

struct Query;

#[Object]
impl Query {
    async fn a(&self) -> &Self {
        self
    }

    async fn hello(&self) -> &str {
        "hello"
    }
}
