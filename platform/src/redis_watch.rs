//! Watches Redis, whatever a process uses it for.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::redis_connection::{Connection, TIMEOUT};
use crate::redis_server::RedisServer;
use crate::supervisor::Supervisor;
use crate::watch::Watched;

struct Redis(Connection);

impl Watched for Redis {
    const PART: &str = "Redis";
    const GAUGE: Option<&'static str> = Some("vantage_redis_up");
    const INTERVAL: Duration = Duration::from_secs(2);

    async fn check(&mut self) -> Result<(), String> {
        let ping = redis::cmd("PING");
        let answer = ping.query_async::<()>(&mut self.0).await;
        answer.map_err(|error| error.to_string())
    }

    fn log(problem: Option<&str>) {
        match problem {
            Some(error) => tracing::warn!(
                error,
                "Redis does not answer, live updates wait and shared limits are skipped"
            ),
            None => tracing::info!("Redis answers again"),
        }
    }
}

/// Reports in `/readyz`, in the log and in a metric when the server stops answering and when it answers again, until told
/// to stop.
pub async fn watch(server: RedisServer, supervisor: Supervisor, stop: CancellationToken) {
    let redis = Redis(Connection::lazy(&server, TIMEOUT));
    crate::watch::watch(redis, supervisor, stop).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::Stage;
    use crate::testing::until;

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_reported() {
        let server = RedisServer::open("redis://127.0.0.1:1").unwrap();
        let supervisor = Supervisor::new();
        let stop = supervisor.stop_token(Stage::Support);
        let watching = watch(server, supervisor.clone(), stop);
        let told = until("the outage is told", async || {
            !supervisor.degraded().is_empty()
        });
        tokio::select! {
            () = watching => panic!("nobody told it to stop"),
            () = told => {}
        }
        let degraded = supervisor.degraded();
        assert!(degraded[0].starts_with("Redis: "), "{degraded:?}");
    }
}
