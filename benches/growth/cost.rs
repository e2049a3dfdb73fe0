//! What a request costs: latency, and processor time of the server.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;

use crate::compare::Loaded;
use crate::graph::Graph;
use crate::load::{Connection, Run};
use crate::requests::Kind;

/// Share of the time that is spent before measuring, when caches fill and statements are prepared.
const WARM_UP: f64 = 0.3;

/// In milliseconds.
pub(crate) struct Cost {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Of the server, for each request.
    pub(crate) cpu: f64,
    requests: usize,
}

impl fmt::Display for Cost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "cpu {:6.3} ms, p50 {:6.3}, p99 {:6.3}, {} requests",
            self.cpu, self.p50, self.p99, self.requests
        )
    }
}

/// Sends requests of this kind, one after the other.
pub(crate) async fn measure(
    graph: &Graph,
    kind: &Kind<'_>,
    time: Duration,
) -> anyhow::Result<Cost> {
    let mut connection = Connection::open(graph.address()).await?;
    let mut number = 0;
    check(&mut connection, kind, &mut number).await?;
    repeat(&mut connection, kind, &mut number, time.mul_f64(WARM_UP)).await?;
    let before = graph.cpu()?;
    let run = repeat(&mut connection, kind, &mut number, time).await?;
    let used = graph.cpu()? - before;
    // Orders can run out of stock.
    check(&mut connection, kind, &mut number).await?;
    Ok(Cost {
        p50: run.quantile(0.5),
        p99: run.quantile(0.99),
        cpu: used.as_secs_f64() * 1e3 / run.requests() as f64,
        requests: run.requests(),
    })
}

/// Fails unless the next response is what it should be.
async fn check(
    connection: &mut Connection,
    kind: &Kind<'_>,
    number: &mut usize,
) -> anyhow::Result<()> {
    let body = kind.request(*number).fetch(connection).await?;
    *number += 1;
    let answer: Value = serde_json::from_slice(&body)?;
    let found = answer.pointer(kind.expected);
    let is_there = found.is_some_and(|found| !found.is_null() && *found != Value::Array(vec![]));
    ensure!(is_there, "{}: {answer:#}", kind.name);
    Ok(())
}

async fn repeat(
    connection: &mut Connection,
    kind: &Kind<'_>,
    number: &mut usize,
    time: Duration,
) -> anyhow::Result<Run> {
    let begun = Instant::now();
    let mut latencies = Vec::new();
    while begun.elapsed() < time || latencies.is_empty() {
        let request = kind.request(*number);
        *number += 1;
        let sent = Instant::now();
        let status = request.send(connection).await?;
        latencies.push(sent.elapsed());
        ensure!(status == 200, "{}: {status}", kind.name);
    }
    Ok(Run::new(latencies, begun.elapsed()))
}

/// Processor time that background work takes, in milliseconds each second.
pub(crate) async fn background(graph: &Graph, time: Duration) -> anyhow::Result<f64> {
    let before = graph.cpu()?;
    tokio::time::sleep(time).await;
    let used = graph.cpu()? - before;
    Ok(used.as_secs_f64() * 1e3 / time.as_secs_f64())
}
