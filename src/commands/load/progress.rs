//! Shows a run while it lasts: live on a terminal, otherwise a line from time to time.

use std::time::Duration;

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::latencies::Latencies;
use super::recorder::{Measured, Recorder};
use super::scenario::Scenario;
use crate::output;

/// How often a terminal is updated.
const TICK: Duration = Duration::from_millis(250);
/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// The latency that is shown is that of the last requests.
const RECENT: Duration = Duration::from_secs(10);

/// Drawn on standard error.
pub(super) struct Display {
    bars: MultiProgress,
    /// The time of the whole run.
    time: ProgressBar,
    scenarios: Vec<(Scenario, ProgressBar)>,
    begin: Instant,
    warm_up: Duration,
}

impl Display {
    /// A display of a run that begins at this time and lasts for these times.
    pub(super) fn new(
        scenarios: impl Iterator<Item = Scenario>,
        begin: Instant,
        warm_up: Duration,
        duration: Duration,
    ) -> anyhow::Result<Self> {
        let length = (warm_up + duration).as_secs().max(1);
        let bars = MultiProgress::new();
        let time_style = ProgressStyle::with_template("{bar:30} {pos} of {len} s  {msg}")?;
        let line_style = ProgressStyle::with_template("{prefix:10} {msg}")?;
        let time = bars.add(ProgressBar::new(length).with_style(time_style));
        let scenarios = scenarios.map(|scenario| {
            let bar = ProgressBar::new_spinner().with_style(line_style.clone());
            (scenario, bars.add(bar.with_prefix(scenario.name())))
        });
        let scenarios = scenarios.collect();
        Ok(Self {
            bars,
            time,
            scenarios,
            begin,
            warm_up,
        })
    }

    /// Shows the run as long as it is polled.
    pub(super) async fn show(&self, recorder: &Recorder) {
        let is_terminal = !self.bars.is_hidden();
        let interval = if is_terminal { TICK } else { LINE_INTERVAL };
        let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
        loop {
            ticks.tick().await;
            if is_terminal {
                self.draw(recorder);
            } else {
                output::note(&self.line(recorder));
            }
        }
    }

    /// Removes it from the terminal.
    pub(super) fn clear(&self) {
        // A terminal that is gone needs no clearing.
        let _ = self.bars.clear();
        // Otherwise the bars would be drawn once more when they are dropped, over the results.
        self.bars.set_draw_target(ProgressDrawTarget::hidden());
    }

    fn is_warm_up(&self) -> bool {
        self.begin.elapsed() < self.warm_up
    }

    /// How long it has been measuring.
    fn measured_for(&self) -> Duration {
        self.begin.elapsed().saturating_sub(self.warm_up)
    }

    fn draw(&self, recorder: &Recorder) {
        self.time.set_position(self.begin.elapsed().as_secs());
        let running = recorder.in_flight();
        let state = if self.is_warm_up() { "warm-up, " } else { "" };
        self.time
            .set_message(format!("{state}{} running", HumanCount(running)));
        recorder.read(|measured| {
            for (scenario, bar) in &self.scenarios {
                bar.set_message(describe(measured, &[*scenario], self.measured_for()));
            }
        });
    }

    fn line(&self, recorder: &Recorder) -> String {
        let seconds = self.begin.elapsed().as_secs();
        let running = HumanCount(recorder.in_flight());
        if self.is_warm_up() {
            return format!("{seconds} s: warm-up, {running} running");
        }
        let all: Vec<_> = self
            .scenarios
            .iter()
            .map(|(scenario, _)| *scenario)
            .collect();
        let described = recorder.read(|measured| describe(measured, &all, self.measured_for()));
        format!("{seconds} s: {described}, {running} running")
    }
}

/// The state of scenarios: requests, their rate, the latency of the last ones, and what went wrong.
fn describe(measured: &Measured, scenarios: &[Scenario], time: Duration) -> String {
    let records = measured.scenarios.iter();
    let records = records.filter(|(scenario, _)| scenarios.contains(scenario));
    let (mut requests, mut failures, mut dropped) = (0, 0, 0);
    for (_, record) in records {
        requests += record.requests();
        failures += record.failures();
        dropped += record.dropped();
    }
    let rate = requests as f64 / time.as_secs_f64().max(1.0);
    let mut text = format!("{} requests, {rate:.1}/s", HumanCount(requests));
    if let Some(latency) = recent(measured, scenarios).quantile(0.95) {
        text += &format!(", p95 {latency:.0} ms");
    }
    text += &format!(", {} failed", HumanCount(failures));
    if dropped > 0 {
        text += &format!(", {} dropped", HumanCount(dropped));
    }
    text
}

fn recent(measured: &Measured, scenarios: &[Scenario]) -> Latencies {
    let timeline = &measured.timeline;
    let count = RECENT
        .as_millis()
        .div_ceil(timeline.width().as_millis().max(1));
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut latencies = Latencies::default();
    for (_, interval) in timeline.intervals().rev().take(count) {
        for (scenario, one) in interval {
            if scenarios.contains(scenario) {
                latencies.merge(&one.latencies);
            }
        }
    }
    latencies
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use indicatif::TermLike;

    use super::*;
    use crate::commands::load::failure::Failure;
    use crate::commands::load::recorder::Sample;

    #[test]
    fn a_line_says_what_is_measured_and_what_goes_wrong() {
        let from = Instant::now();
        let recorder = Recorder::new(Scenario::ALL.into_iter(), from);
        for result in [Ok(()), Err(Failure::Timeout)] {
            recorder.add(Sample {
                scenario: Scenario::Browse,
                step: "search",
                due: from,
                ended: from + Duration::from_millis(40),
                result,
                is_timed: true,
            });
        }
        let line = |scenario| {
            recorder.read(|measured| describe(measured, &[scenario], Duration::from_secs(4)))
        };
        assert_eq!(
            line(Scenario::Browse),
            "2 requests, 0.5/s, p95 40 ms, 1 failed"
        );
        assert_eq!(line(Scenario::Account), "0 requests, 0.0/s, 0 failed");
    }

    /// A terminal that counts what is done to it.
    #[derive(Clone, Debug, Default)]
    struct Terminal(Arc<AtomicUsize>);

    impl Terminal {
        fn count(&self) -> io::Result<()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            self.count()
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            self.count()
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            self.count()
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            self.count()
        }

        fn write_line(&self, _: &str) -> io::Result<()> {
            self.count()
        }

        fn write_str(&self, _: &str) -> io::Result<()> {
            self.count()
        }

        fn clear_line(&self) -> io::Result<()> {
            self.count()
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_is_drawn_after_the_display_was_cleared() {
        let begin = Instant::now();
        let second = Duration::from_secs(1);
        let scenarios = [Scenario::Browse, Scenario::Account].into_iter();
        let recorder = Recorder::new(scenarios.clone(), begin);
        let display = Display::new(scenarios, begin, Duration::ZERO, second).unwrap();
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        display.bars.set_draw_target(target);
        display.draw(&recorder);
        display.clear();
        let drawn = terminal.0.load(Ordering::Relaxed);
        assert!(drawn > 0);
        drop(display);
        assert_eq!(terminal.0.load(Ordering::Relaxed), drawn);
    }
}
