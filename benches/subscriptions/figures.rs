//! The printed results table, beside the source system's figures.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::Arguments;

/// Observations of client processes. Times are in microseconds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) connects: Vec<Connect>,
    /// From publishing to reading.
    pub(crate) events: Vec<u32>,
    /// Last change number received by each client.
    pub(crate) last: Vec<u32>,
    /// Changes received twice or out of order.
    pub(crate) misnumbered: u64,
    pub(crate) reconnects: u64,
    /// When the last change was received.
    pub(crate) settled: Option<SystemTime>,
}

/// From the first packet to `connection_ack`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Connect {
    pub(crate) took: u32,
    pub(crate) began: SystemTime,
}

impl Report {
    pub(crate) fn add(&mut self, other: Self) {
        self.connects.extend(other.connects);
        self.events.extend(other.events);
        self.last.extend(other.last);
        self.misnumbered += other.misnumbered;
        self.reconnects += other.reconnects;
        self.settled = self.settled.max(other.settled);
    }
}

/// Processor time of instances and clients, and elapsed time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) instances: Duration,
    pub(crate) clients: Duration,
    pub(crate) took: Duration,
}

impl Work {
    fn shares(self) -> String {
        let share = |cpu: Duration| 100.0 * cpu.as_secs_f64() / self.took.as_secs_f64();
        format!(
            "{:.0} + {:.0} %",
            share(self.instances),
            share(self.clients)
        )
    }
}

pub(crate) struct Figures<'a> {
    pub(crate) arguments: &'a Arguments,
    /// Resident memory of the instances: before connecting, with all clients connected, and after the load.
    pub(crate) idle: u64,
    pub(crate) connected: u64,
    pub(crate) loaded: u64,
    /// While the clients connected.
    pub(crate) connecting: Work,
    /// Processor time of the instances while changes were published, and elapsed time.
    pub(crate) cpu: Duration,
    pub(crate) busy: Duration,
    pub(crate) published: u64,
    /// When the killed component was available again.
    pub(crate) restored: Option<SystemTime>,
    pub(crate) report: Report,
}

impl Figures<'_> {
    pub(crate) fn print(mut self) {
        let reached: u64 = self.report.last.iter().map(|&last| u64::from(last)).sum();
        let lost = self.published.saturating_sub(reached);
        let connections = self.arguments.connections as u64;
        let kilobytes = |memory: u64| memory.saturating_sub(self.idle) / 1024 / connections;
        let rate = self.published as f64 / self.busy.as_secs_f64();
        let cpu = 100.0 * self.cpu.as_secs_f64() / self.busy.as_secs_f64();
        let events = sorted(&mut self.report.events);
        let began = self.report.connects.iter().map(|connect| connect.began);
        let slowest = self.report.connects.iter().max();
        let slowest = slowest.zip(began.min()).map(|(slowest, first)| {
            let after = slowest.began.duration_since(first).unwrap_or_default();
            format!("after {:.0} s", after.as_secs_f64())
        });
        let mut connects: Vec<u32> = self
            .report
            .connects
            .iter()
            .map(|connect| connect.took)
            .collect();
        let connects = sorted(&mut connects);
        // Changes go to the orders in turn; clients report in the same order.
        let of_order = |order: u64| {
            self.published / connections + u64::from(order < self.published % connections)
        };
        let last = self.report.last.iter().zip(0..);
        let complete = last.filter(|(last, order)| u64::from(**last) == of_order(*order));
        let recovered = self
            .report
            .settled
            .zip(self.restored)
            .map(|(settled, restored)| {
                let after = settled.duration_since(restored).unwrap_or_default();
                format!("{:.1} s", after.as_secs_f64())
            });
        let mut rows = vec![
            ("connections", connections.to_string(), "49,847", ""),
            ("events per second", format!("{rate:.0}"), "1,661", ""),
            ("event to client p50", quantile(events, 0.5), "3 ms", "1 ms"),
            (
                "event to client p99",
                quantile(events, 0.99),
                "18 ms",
                "18 ms",
            ),
            ("connect p50", quantile(connects, 0.5), "45 ms", ""),
            ("connect p99", quantile(connects, 0.99), "312 ms", "312 ms"),
            ("connect, slowest", quantile(connects, 1.0), "", ""),
            ("  started at", slowest.unwrap_or_default(), "", ""),
            (
                "  CPU, instances + clients",
                self.connecting.shares(),
                "",
                "",
            ),
            (
                "KB per connection",
                kilobytes(self.connected).to_string(),
                "72",
                "8",
            ),
            (
                "  after the load",
                kilobytes(self.loaded).to_string(),
                "",
                "",
            ),
            ("CPU of all instances", format!("{cpu:.0} %"), "65 %", ""),
            ("changes lost", lost.to_string(), "", "0"),
            (
                "clients with their last change",
                complete.count().to_string(),
                "",
                "all",
            ),
            (
                "out of order or repeated",
                self.report.misnumbered.to_string(),
                "",
                "0",
            ),
            (
                "reconnects",
                self.report.reconnects.to_string(),
                "1,189",
                "",
            ),
        ];
        if let Some(recovered) = recovered {
            rows.push(("caught up after the fault", recovered, "", ""));
        }
        println!(
            "\n| {:<26} | {:>12} | {:>13} | {:>9} |",
            "measurement", "result", "source system", "target"
        );
        println!("|{:-<28}|{:->14}|{:->15}|{:->11}|", "", ":", ":", ":");
        for (what, found, source, wanted) in rows {
            println!("| {what:<26} | {found:>12} | {source:>13} | {wanted:>9} |");
        }
    }
}

fn sorted(times: &mut [u32]) -> &[u32] {
    times.sort_unstable();
    times
}

fn quantile(sorted: &[u32], quantile: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index below the length"
    )]
    let at = (sorted.len().saturating_sub(1) as f64 * quantile) as usize;
    match sorted.get(at) {
        Some(microseconds) => format!("{:.2} ms", f64::from(*microseconds) / 1_000.0),
        None => "none".to_owned(),
    }
}
