//! What `vantage check` prints: a line for each violation, notes, progress on a terminal, and a summary.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use platform::invariants::{Progress, Violation};
use serde_json::{Value, json};

use crate::output;

/// How often the display moves while a page is read.
const TICK: Duration = Duration::from_millis(200);

/// Prints while a check runs.
pub(super) struct Report {
    json: bool,
    /// Drawn on standard error, and only on a terminal.
    bar: ProgressBar,
    part: &'static str,
    /// Rows by name.
    checked: BTreeMap<&'static str, u64>,
    violations: u64,
    skipped: Vec<(&'static str, &'static str)>,
    unprinted: Option<anyhow::Error>,
}

impl Report {
    pub(super) fn new(json: bool) -> anyhow::Result<Self> {
        let style = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]")?;
        let bar = ProgressBar::new_spinner().with_style(style);
        bar.enable_steady_tick(TICK);
        Ok(Self {
            json,
            bar,
            part: "",
            checked: BTreeMap::new(),
            violations: 0,
            skipped: Vec::new(),
            unprinted: None,
        })
    }

    /// What follows is about this part.
    pub(super) fn begin(&mut self, part: &'static str) {
        self.part = part;
        self.bar.set_message(part);
    }

    /// This part is not checked, and why.
    pub(super) fn skip(&mut self, part: &'static str, why: &'static str) {
        self.skipped.push((part, why));
        self.bar
            .suspend(|| output::note(&format!("note: {part} not checked: {why}")));
    }

    pub(super) fn add(&mut self, progress: Progress) {
        match progress {
            Progress::Checked(rows, count) => {
                let so_far = self.checked.entry(rows).or_default();
                *so_far += count;
                let message = format!("{}: {} {rows}", self.part, HumanCount(*so_far));
                self.bar.set_message(message);
            }
            Progress::Violated(violation) => {
                self.violations += 1;
                let line = self.line(&violation);
                let printed = self.bar.suspend(|| output::line(&line));
                self.unprinted = self.unprinted.take().or(printed.err());
            }
        }
    }

    fn line(&self, violation: &Violation) -> String {
        if !self.json {
            return violation.to_string();
        }
        let mut line = json!(violation);
        line["part"] = json!(self.part);
        line.to_string()
    }

    /// Prints the summary, and returns how many violations there are.
    pub(super) fn finish(self) -> anyhow::Result<u64> {
        self.bar.finish_and_clear();
        if let Some(error) = self.unprinted {
            return Err(error);
        }
        let line = match self.json {
            true => self.summary_json().to_string(),
            false => self.summary(),
        };
        output::line(&line)?;
        Ok(self.violations)
    }

    fn summary_json(&self) -> Value {
        let skipped = self.skipped.iter();
        let skipped = skipped.map(|(part, why)| json!({ "part": part, "reason": why }));
        json!({
            "checked": self.checked,
            "violations": self.violations,
            "skipped": skipped.collect::<Value>(),
        })
    }

    fn summary(&self) -> String {
        let rows = self.checked.iter();
        let rows = rows.map(|(rows, count)| format!("{} {rows}", HumanCount(*count)));
        let rows = rows.collect::<Vec<_>>().join(", ");
        let violations = match self.violations {
            0 => "nothing is wrong".to_owned(),
            1 => "1 violation".to_owned(),
            count => format!("{} violations", HumanCount(count)),
        };
        format!("checked {rows}: {violations}")
    }
}
