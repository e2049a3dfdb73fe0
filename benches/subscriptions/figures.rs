//! The table that is printed, beside the figures of the system that this one follows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Arguments;

/// What client processes have seen. Times are in microseconds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// From the first packet to `connection_ack`.
    pub(crate) connects: Vec<u32>,
    /// From publishing to reading.
    pub(crate) events: Vec<u32>,
    /// Of each client, the number of the last change it was told of.
    pub(crate) last: Vec<u32>,
    /// Changes that were told twice or left out before others.
    pub(crate) misnumbered: u64,
    pub(crate) reconnects: u64,
}

impl Report {
    pub(crate) fn add(&mut self, other: Self) {
        self.connects.extend(other.connects);
        self.events.extend(other.events);
        self.last.extend(other.last);
        self.misnumbered += other.misnumbered;
        self.reconnects += other.reconnects;
    }
}

pub(crate) struct Figures<'a> {
    pub(crate) arguments: &'a Arguments,
    /// Resident memory of the instances: before the clients came, with all of them, and after the load.
    pub(crate) idle: u64,
    pub(crate) connected: u64,
    pub(crate) loaded: u64,
    /// Processor time of the instances while changes were published, and how long that took.
    pub(crate) cpu: Duration,
    pub(crate) busy: Duration,
    pub(crate) published: u64,
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
        let connects = sorted(&mut self.report.connects);
        let rows = [
            ("connections", connections.to_string(), "49,847", ""),
            ("events a second", format!("{rate:.0}"), "1,661", ""),
            ("event to client p50", quantile(events, 0.5), "3 ms", "1 ms"),
            (
                "event to client p99",
                quantile(events, 0.99),
                "18 ms",
                "18 ms",
            ),
            ("connect p50", quantile(connects, 0.5), "45 ms", ""),
            ("connect p99", quantile(connects, 0.99), "312 ms", "312 ms"),
            (
                "KB a connection",
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
        println!(
            "\n| {:<26} | {:>12} | {:>13} | {:>9} |",
            "what", "found", "source system", "wanted"
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
