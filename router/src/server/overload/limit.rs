//! How many operations may run at once, by how much they slow each other down.

use std::time::{Duration, Instant};

/// The limit is revised once per window of at least this length, in which as many operations have ended as may run at once,
/// within these bounds.
const WINDOW: Duration = Duration::from_millis(100);
const MIN_SAMPLES: usize = 8;
const MAX_SAMPLES: usize = 64;

/// A window lowers the limit to this share of itself at most.
const MIN_SHARE: f64 = 0.7;

/// The limit rises by this share of itself and one, while operations are far from slowing each other down.
const GROWTH: f64 = 0.1;

/// The same before the limit has fallen for the first time.
const FIRST_GROWTH: f64 = 0.5;

/// While it is not in use, the limit returns to this multiple of the lowest, so that there is room for a burst, by this
/// share in each window.
const RESTING: f64 = 16.0;
const RETURN: f64 = 0.01;

/// The limit counts as in use if this share of it was running at once.
const IN_USE: f64 = 0.9;

/// A limit on concurrency. The number of operations that run at once determines how long they take (Little's law), so
/// the limit falls in proportion to how much longer that is than allowed. It begins at the lowest, where operations take
/// as long as they usually do.
#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    current: f64,
    growth: f64,
    min: f64,
    max: f64,
    target_delay: Duration,
    window: Window,
}

/// What finished since the limit was last revised.
#[derive(Debug)]
struct Window {
    began: Instant,
    samples: u32,
    /// Those whose usual duration is known.
    known: u32,
    /// Those that took half as long again as usual.
    stretched: u32,
    took: Duration,
    usual: Duration,
    /// The most that ran at once.
    peak: usize,
}

impl Window {
    fn new(now: Instant) -> Self {
        Self {
            began: now,
            samples: 0,
            known: 0,
            stretched: 0,
            took: Duration::ZERO,
            usual: Duration::ZERO,
            peak: 0,
        }
    }
}

impl ConcurrencyLimit {
    /// Never below `min`, the concurrency at which operations do not slow each other down, and never above `max`.
    pub(super) fn new(min: usize, max: usize, target_delay: Duration, now: Instant) -> Self {
        let max = max.max(1) as f64;
        let min = (min.max(1) as f64).min(max);
        Self {
            current: min,
            growth: FIRST_GROWTH,
            min,
            max,
            target_delay,
            window: Window::new(now),
        }
    }

    pub(super) fn current(&self) -> usize {
        self.current as usize
    }

    /// Whether so many running operations cannot be the reason why one is slow.
    pub(super) fn is_quiet(&self, running: usize) -> bool {
        running as f64 <= self.min
    }

    /// Notes how many run, after one has started.
    pub(super) fn started(&mut self, running: usize) {
        self.window.peak = self.window.peak.max(running);
    }

    /// Notes how long an operation took, and usually takes.
    pub(super) fn finished(
        &mut self,
        took: Duration,
        usual: Option<Duration>,
        running: usize,
        now: Instant,
    ) {
        let window = &mut self.window;
        window.samples += 1;
        if let Some(usual) = usual {
            window.known += 1;
            window.stretched += u32::from(is_stretched(took, usual));
            window.took = window.took.saturating_add(took);
            window.usual = window.usual.saturating_add(usual);
        }
        let length = now.saturating_duration_since(window.began);
        if length >= WINDOW && self.window.samples as usize >= self.required_samples() {
            self.revise();
            self.window = Window {
                peak: running,
                ..Window::new(now)
            };
        }
    }

    /// Notes an operation that was not awaited longer. Nobody knows how long it would have taken, but if that is more than
    /// usual already, it is as bad as one that has ended: clients that give up are the first to see that all is slow.
    pub(super) fn abandoned(
        &mut self,
        after: Duration,
        usual: Option<Duration>,
        running: usize,
        now: Instant,
    ) {
        if usual.is_some_and(|usual| is_stretched(after, usual)) {
            self.finished(after, usual, running, now);
        }
    }

    /// Fewer say little about operations whose durations vary.
    fn required_samples(&self) -> usize {
        self.current().clamp(MIN_SAMPLES, MAX_SAMPLES)
    }

    fn revise(&mut self) {
        let Window {
            known,
            stretched,
            took,
            usual,
            peak,
            ..
        } = self.window;
        if known == 0 {
            // Nothing is known until fewer run.
            return self.lower(MIN_SHARE);
        }
        let (took, usual) = (took / known, usual / known);
        let delay = self.target_delay.max(usual);
        let allowed = usual + delay;
        // Where something is scarce, most operations are stretched. If only some are, their subgraph is slow: the others
        // need not suffer from that.
        if took > allowed && 2 * stretched >= known {
            // With so few, it is not their number.
            if !self.is_quiet(peak) {
                self.lower(allowed.as_secs_f64() / took.as_secs_f64());
            }
        } else if peak as f64 >= IN_USE * self.current.floor() {
            let is_far = took < usual + delay / 2 || 4 * stretched < known;
            let growth = if is_far {
                self.growth * self.current
            } else {
                0.0
            };
            self.current = (self.current + growth + 1.0).min(self.max);
        } else {
            let resting = (RESTING * self.min).min(self.max);
            let returned = self.current + RETURN * resting;
            self.current = returned.min(resting).max(self.current);
        }
    }

    fn lower(&mut self, share: f64) {
        self.current = (self.current * share.max(MIN_SHARE)).max(self.min);
        self.growth = GROWTH;
    }
}

/// Whether an operation took half as long again as usual.
fn is_stretched(took: Duration, usual: Duration) -> bool {
    took > usual + usual / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(20);
    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn limit(now: Instant) -> ConcurrencyLimit {
        ConcurrencyLimit::new(4, 200, TARGET, now)
    }

    /// A limit that was 32, after windows in which so many operations ran at once and took so long.
    fn after(windows: u32, running: usize, took: Duration, usual: Option<Duration>) -> usize {
        let mut now = Instant::now();
        let mut limit = limit(now);
        limit.current = 32.0;
        limit.growth = GROWTH;
        for _ in 0..windows {
            limit.started(running);
            now += WINDOW;
            for _ in 0..limit.required_samples() {
                limit.finished(took, usual, running, now);
            }
        }
        limit.current()
    }

    #[test]
    fn it_falls_while_operations_slow_each_other_down_and_not_below_the_lowest() {
        let usual = Some(MS(5));
        assert_eq!(after(0, 32, MS(200), usual), 32);
        assert_eq!(after(1, 32, MS(200), usual), 22);
        assert_eq!(after(1, 32, MS(30), usual), 26);
        assert_eq!(after(50, 32, MS(200), usual), 4);
    }

    #[test]
    fn it_rises_while_it_is_in_use_and_nothing_is_slow() {
        let usual = Some(MS(5));
        assert_eq!(after(1, 32, MS(5), usual), 36);
        assert_eq!(after(1, 32, MS(20), usual), 33);
        assert_eq!(after(100, 200, MS(5), usual), 200);
    }

    #[test]
    fn while_it_is_not_in_use_it_returns_to_where_it_rests() {
        let usual = Some(MS(5));
        assert_eq!(after(1, 20, MS(5), usual), 32);
        assert_eq!(after(10, 20, MS(5), usual), 38);
        assert_eq!(after(500, 20, MS(5), usual), 64);
    }

    #[test]
    fn it_begins_low_and_rises_fast_until_it_falls() {
        let mut now = Instant::now();
        let mut limit = limit(now);
        let mut seen = vec![limit.current()];
        for took in [5, 5, 5, 90, 5] {
            limit.started(limit.current());
            now += WINDOW;
            for _ in 0..limit.required_samples() {
                limit.finished(MS(took), Some(MS(5)), 0, now);
            }
            seen.push(limit.current());
        }
        assert_eq!(seen, [4, 7, 11, 18, 12, 15]);
    }

    #[test]
    fn slow_operations_that_are_few_or_always_slow_do_not_lower_it() {
        assert_eq!(after(50, 4, MS(900), Some(MS(5))), 32);
        assert!(after(50, 32, MS(390), Some(MS(200))) >= 32);
    }

    #[test]
    fn one_slow_subgraph_does_not_lower_it_for_the_others() {
        let after = |slow: usize| {
            let mut now = Instant::now();
            let mut limit = limit(now);
            for _ in 0..20 {
                limit.started(limit.current());
                now += WINDOW;
                for sample in 0..limit.required_samples() {
                    let took = if sample % 10 < slow { MS(2_000) } else { MS(5) };
                    limit.finished(took, Some(MS(5)), 0, now);
                }
            }
            limit.current()
        };
        assert_eq!(after(0), 200);
        assert_eq!(after(1), 200);
        assert!(after(3) > 20);
        assert_eq!(after(8), 4);
    }

    #[test]
    fn it_falls_until_the_usual_durations_become_known() {
        assert_eq!(after(1, 32, MS(5), None), 22);
        assert_eq!(after(50, 32, MS(5), None), 4);
    }

    #[test]
    fn it_falls_while_clients_give_up_on_what_takes_longer_than_usual() {
        let after_all_gave_up = |after: Duration| {
            let now = Instant::now();
            let mut limit = limit(now);
            limit.current = 32.0;
            limit.started(32);
            for _ in 0..limit.required_samples() {
                limit.abandoned(after, Some(MS(5)), 32, now + WINDOW);
            }
            limit.current()
        };
        assert_eq!(after_all_gave_up(MS(200)), 22);
        assert_eq!(
            after_all_gave_up(MS(6)),
            32,
            "they might have ended in time"
        );
    }

    #[test]
    fn a_few_operations_decide_nothing() {
        let begun = Instant::now();
        let mut limit = limit(begun);
        limit.current = 32.0;
        limit.started(32);
        let later = begun + MS(1_000);
        for _ in 1..32 {
            limit.finished(MS(900), Some(MS(5)), 32, later);
        }
        assert_eq!(limit.current(), 32);
        limit.finished(MS(900), Some(MS(5)), 32, later);
        assert_eq!(limit.current(), 22);
    }
}
