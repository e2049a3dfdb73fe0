//! Sends requests, and sums up how long they took.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::Arguments;

/// Requests before those that are measured.
const WARM_UP: u64 = 100;

/// How long requests of one kind took.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Ascending.
    times: Vec<Duration>,
    /// Results of all requests.
    results: u64,
    failed: u64,
    /// Requests a second.
    rate: f64,
}

impl Report {
    pub(crate) const HEADER: &str = "                                  p50 ms     p99 ms     max ms  a second    results   failed";

    /// A row of the table.
    pub(crate) fn line(&self, name: &str) -> String {
        let answered = (self.times.len() as u64).max(1);
        format!(
            "{name:<30}{:>10.2} {:>10.2} {:>10.2} {:>9.0} {:>10} {:>8}",
            self.percentile(50),
            self.percentile(99),
            self.percentile(100),
            self.rate,
            self.results / answered,
            self.failed
        )
    }

    /// In milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let index = (self.times.len() * percent).div_ceil(100).saturating_sub(1);
        let time = self.times.get(index).copied().unwrap_or_default();
        time.as_secs_f64() * 1_000.0
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }
}

/// The answer to one request.
pub(crate) struct Answered {
    /// Without preparing the request.
    pub took: Duration,
    /// `None` if the request failed.
    pub results: Option<u64>,
}

/// Sends the requests with these numbers, as many at a time as the arguments say. Those that fail count as long as they
/// took.
pub(crate) async fn run<F>(
    arguments: &Arguments,
    request: impl Fn(u64) -> F,
) -> anyhow::Result<Report>
where
    F: Future<Output = anyhow::Result<Answered>> + Send + 'static,
{
    let (mut report, mut begun) = (Report::default(), Instant::now());
    let total = WARM_UP + arguments.requests;
    let mut next = 0;
    let mut running = tokio::task::JoinSet::new();
    while next < total || !running.is_empty() {
        while next < total && (running.len() as u64) < arguments.clients {
            if next == WARM_UP {
                begun = Instant::now();
            }
            let (number, answer) = (next, request(next));
            running.spawn(async move { (number, answer.await) });
            next += 1;
        }
        let Some(finished) = running.join_next().await else {
            break;
        };
        let (number, answered) = finished?;
        let answered = answered?;
        if number >= WARM_UP {
            report.times.push(answered.took);
            match answered.results {
                Some(results) => report.results += results,
                None => report.failed += 1,
            }
        }
    }
    report.rate = crate::rate(arguments.requests, begun.elapsed());
    report.times.sort_unstable();
    Ok(report)
}

/// A line of a process's status, in megabytes.
pub(crate) fn memory(process: &str, line: &str) -> anyhow::Result<u64> {
    let file = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(&file).context(file)?;
    let value = status.lines().find_map(|text| text.strip_prefix(line));
    let kilobytes = value
        .context("no such line")?
        .trim()
        .trim_end_matches(" kB");
    Ok(kilobytes.parse::<u64>()? / 1_000)
}
