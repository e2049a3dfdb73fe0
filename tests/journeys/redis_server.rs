//! Redis servers for one test each. On a shared server, graphs would take each other's events: their consumers have the same
//! names.

use std::process::Stdio;

use platform::testing::ports::free_port;
use tokio::process::{Child, Command};

use crate::wait::until;

/// An in-memory server, which can be killed and started again at the same port.
pub(crate) struct Redis {
    port: u16,
    process: Child,
}

impl Redis {
    pub(crate) async fn start() -> Self {
        Self::start_at(free_port()).await
    }

    pub(crate) async fn start_at(port: u16) -> Self {
        let start = |program| {
            Command::new(program)
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
                .args(["--save", "", "--appendonly", "no"])
                .stdout(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .ok()
        };
        let process = start("redis-server").or_else(|| start("valkey-server"));
        let redis = Self {
            port,
            process: process.expect("a Redis server on the PATH"),
        };
        until("Redis answers", async || redis.commands().await).await;
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn commands(&self) -> Option<redis::aio::MultiplexedConnection> {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.ok()
    }

    /// Kills it as in a machine crash, losing its data, and returns its port.
    pub(crate) async fn kill(mut self) -> u16 {
        self.process.kill().await.unwrap();
        self.port
    }
}
