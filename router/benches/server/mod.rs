//! The server measured by a benchmark: the same program in another process, so that its resources are measured
//! separately.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use platform::supervisor::Supervisor;
use router::Router;
use router::auth::{AuthConfig, JwtVerifier};
use router::server::{ServerConfig, ServerState, graphql_routes};

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Argument that makes the program the server.
const SERVE: &str = "serve";

/// Whether this process is the server.
pub(crate) fn is_server() -> bool {
    std::env::args().skip(1).any(|argument| argument == SERVE)
}

/// A listening server, stopped when dropped.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start() -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(SERVE)
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("no output")?;
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address)?;
        let address = address.trim().to_owned();
        Ok(Self { process, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves a router and prints its address for the parent process.
pub(crate) async fn serve(router: Router, mut config: ServerConfig) -> Result<(), Failure> {
    // What is measured is the load itself.
    config.overload.enabled = Some(false);
    let verifier = JwtVerifier::new(&AuthConfig::default(), false, &Supervisor::new())?;
    let state = ServerState::new(router, verifier, config)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let app = graphql_routes(state).into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, app).await?)
}
