//! Watches Redis, so that an outage is told once, by `/readyz`, a metric and the log, whatever a process uses it for.

use std::time::Duration;

use redis::RedisError;
use tokio_util::sync::CancellationToken;

use crate::redis_connection::{Connection, TIMEOUT};
use crate::redis_server::RedisServer;
use crate::supervisor::Supervisor;

/// How often the server is asked.
const INTERVAL: Duration = Duration::from_secs(2);

/// The part that `/readyz` names.
const PART: &str = "Redis";

/// Reports in `/readyz`, in the log and in a metric when the server stops answering and when it answers again, until told
/// to stop.
pub async fn watch(server: RedisServer, supervisor: Supervisor, stop: CancellationToken) {
    let mut connection = Connection::lazy(&server, TIMEOUT);
    let mut is_down = false;
    while !stop.is_cancelled() {
        let Some(answered) = stop.run_until_cancelled(ping(&mut connection)).await else {
            return;
        };
        let problem = answered.err().map(|error| error.to_string());
        match (&problem, is_down) {
            (Some(error), false) => {
                tracing::warn!(
                    error,
                    "Redis does not answer, live updates wait and shared limits are skipped"
                );
            }
            (None, true) => tracing::info!("Redis answers again"),
            _ => {}
        }
        is_down = problem.is_some();
        metrics::gauge!("vantage_redis_up").set(if is_down { 0.0 } else { 1.0 });
        supervisor.set_degraded(PART, problem);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

async fn ping(connection: &mut Connection) -> Result<(), RedisError> {
    redis::cmd("PING").query_async(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::Stage;

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_reported() {
        // A port that was free a moment ago.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let server = RedisServer::open(&format!("redis://{address}")).unwrap();
        let supervisor = Supervisor::new();
        let stop = supervisor.stop_token(Stage::Support);
        let watching = watch(server, supervisor.clone(), stop);
        let told = async {
            while supervisor.degraded().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = watching => panic!("nobody told it to stop"),
            () = told => {}
        }
        let degraded = supervisor.degraded();
        assert!(degraded[0].starts_with("Redis: "), "{degraded:?}");
    }
}
