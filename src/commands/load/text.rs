//! The results on standard output: scenarios, why requests failed, and thresholds.

use std::fmt::Write;

use indicatif::HumanCount;

use super::driver::RunEnd;
use super::format::{milliseconds, percent};
use super::summary::{Summary, Verdict};

pub(super) fn render(summary: &Summary) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    if summary.ended_by == RunEnd::Interrupted {
        let _ = writeln!(text, "interrupted after {} seconds", summary.seconds);
    }
    for scenario in &summary.scenarios {
        let latency = &scenario.latency;
        let _ = writeln!(
            text,
            "{:<10} {} requests, {:.1}/s, p50 {}, p95 {}, p99 {}, {} failed",
            scenario.name.name(),
            HumanCount(scenario.requests),
            scenario.requests_per_second,
            milliseconds(latency.p50),
            milliseconds(latency.p95),
            milliseconds(latency.p99),
            HumanCount(scenario.failures)
        );
        let unfinished = scenario.journeys.unfinished;
        if unfinished > 0 {
            let _ = writeln!(text, "  {} did not finish", counted(unfinished));
        }
        for step in &scenario.steps {
            for (reason, count) in &step.reasons {
                let name = scenario.name;
                let _ = writeln!(
                    text,
                    "  {name}.{}: {reason}: {}",
                    step.name,
                    HumanCount(*count)
                );
            }
        }
    }
    if summary.late_starts > 0 {
        let _ = writeln!(
            text,
            "{} started over 100 ms late: this machine cannot generate so much load",
            counted(summary.late_starts)
        );
    }
    for verdict in &summary.thresholds {
        let result = if verdict.passed { "met" } else { "missed" };
        let _ = writeln!(
            text,
            "{result:<7} {}: {}",
            verdict.threshold,
            measured(verdict)
        );
    }
    text
}

/// Journeys, with their number.
fn counted(journeys: u64) -> String {
    match journeys {
        1 => "1 journey".to_owned(),
        _ => format!("{} journeys", HumanCount(journeys)),
    }
}

fn measured(verdict: &Verdict) -> String {
    match (verdict.value, verdict.unit) {
        (None, _) => "not measured".to_owned(),
        (value, "ms") => milliseconds(value),
        (value, _) => percent(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::load::summary::tests::example;

    #[test]
    fn results_are_a_line_each() {
        let text = render(&example(&[]));
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[0].starts_with("browse     100 requests, 25.0/s, p50 "),
            "{text}"
        );
        assert_eq!(lines[1], "  browse.product: error <script>: 1");
        assert_eq!(lines[2], "  browse.product: timeout: 1");
        assert!(lines[3].starts_with("tracking   1 requests, "), "{text}");
        assert!(
            lines[3].ends_with("p50 –, p95 –, p99 –, 0 failed"),
            "{text}"
        );
        assert!(
            lines[4].starts_with("met     browse:p95<180ms: 9"),
            "{text}"
        );
        assert_eq!(lines[5], "missed  browse:errors<2%: 2.00 %");
        assert_eq!(lines[7], "missed  tracking:p95<320ms: not measured");
    }

    #[test]
    fn journeys_that_did_not_finish_or_started_late_are_told() {
        let mut summary = example(&[]);
        summary.scenarios[0].journeys.unfinished = 1;
        summary.late_starts = 2_000;
        let text = render(&summary);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "  1 journey did not finish");
        let late = "2,000 journeys started over 100 ms late";
        assert!(lines.iter().any(|line| line.starts_with(late)), "{text}");
    }
}
