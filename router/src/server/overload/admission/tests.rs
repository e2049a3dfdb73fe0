//! A simulated process whose processors are shared by everything that runs.

use std::collections::HashMap;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::prepare::UsualDuration;

const PROCESSORS: f64 = 2.0;
const STEP: Duration = Duration::from_micros(500);
/// What an operation needs of a processor.
const DEMAND: Duration = Duration::from_millis(4);
/// Operations per second that the processors can do.
const CAPACITY: f64 = 500.0;
const MAX_RUNNING: usize = 200;
const MAX_WAIT: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// A request, by its number.
type Request = usize;

struct Simulation {
    control: AdmissionControl<Request>,
    usual: UsualDuration,
    random: ChaCha8Rng,
    now: Instant,
    arrivals: Vec<(ClientKey, Instant)>,
    waiting: HashMap<Request, Ticket>,
    running: Vec<Running>,
    /// Latencies from arrivals to ends.
    served: HashMap<ClientKey, Vec<Duration>>,
    refused: usize,
}

struct Running {
    request: Request,
    since: Instant,
    left: Duration,
    started: Started,
}

impl Simulation {
    fn new() -> Self {
        let now = Instant::now();
        let limit = ConcurrencyLimit::new(4, MAX_RUNNING, Duration::from_millis(20), now);
        Self {
            control: AdmissionControl::new(limit, MAX_WAIT, MAX_RUNNING),
            usual: UsualDuration::default(),
            random: ChaCha8Rng::seed_from_u64(1),
            now,
            arrivals: Vec::new(),
            waiting: HashMap::new(),
            running: Vec::new(),
            served: HashMap::new(),
            refused: 0,
        }
    }

    /// Lets clients send so many requests per second on average, at random moments. Returns those served since the call.
    fn run(
        &mut self,
        time: Duration,
        rates: &[(ClientKey, f64)],
    ) -> HashMap<ClientKey, Vec<Duration>> {
        self.served.clear();
        let end = self.now + time;
        while self.now < end {
            self.now += STEP;
            for (client, rate) in rates {
                let mut left = rate * STEP.as_secs_f64();
                while left > 0.0 {
                    if self.random.random_range(0.0..1.0) < left.min(1.0) {
                        self.arrive(*client);
                    }
                    left -= 1.0;
                }
            }
            self.give_up();
            self.work();
            assert!(self.control.running() <= MAX_RUNNING);
            assert!(self.control.waiting() <= MAX_RUNNING);
            assert_eq!(self.control.running(), self.running.len());
            assert_eq!(self.control.waiting(), self.waiting.len());
        }
        std::mem::take(&mut self.served)
    }

    fn arrive(&mut self, client: ClientKey) {
        let request = self.arrivals.len();
        self.arrivals.push((client, self.now));
        if let Some(started) = self.control.start(client) {
            return self.start(request, started);
        }
        let displaced = match self.control.join(client, request, self.now) {
            Joined::Waiting(ticket, displaced) => {
                self.waiting.insert(request, ticket);
                displaced
            }
            Joined::Refused(displaced) => {
                self.refused += 1;
                displaced
            }
        };
        for other in displaced {
            assert!(self.waiting.remove(&other).is_some());
            self.refused += 1;
        }
    }

    fn start(&mut self, request: Request, started: Started) {
        self.running.push(Running {
            request,
            since: self.now,
            left: DEMAND,
            started,
        });
    }

    fn give_up(&mut self) {
        let late = |request: &Request| self.now - self.arrivals[*request].1 >= MAX_WAIT;
        let late: Vec<_> = self.waiting.keys().copied().filter(late).collect();
        for request in late {
            if let Some(ticket) = self.waiting.remove(&request) {
                self.control.leave(self.arrivals[request].0, ticket);
                self.refused += 1;
            }
        }
    }

    fn work(&mut self) {
        let share = (PROCESSORS / self.running.len().max(1) as f64).min(1.0);
        let done = STEP.mul_f64(share);
        for running in &mut self.running {
            running.left = running.left.saturating_sub(done);
        }
        let (ended, running): (Vec<_>, Vec<_>) = std::mem::take(&mut self.running)
            .into_iter()
            .partition(|running| running.left.is_zero());
        self.running = running;
        for ended in ended {
            let took = self.now - ended.since;
            let usual = self.usual.get();
            if ended.started.is_quiet {
                self.usual.add(took);
            }
            self.control.finished(took, usual, self.now);
            let (client, arrived) = self.arrivals[ended.request];
            let latency = self.now - arrived;
            self.served.entry(client).or_default().push(latency);
            for (_, request, started) in self.control.end(client) {
                assert!(self.waiting.remove(&request).is_some());
                self.start(request, started);
            }
        }
    }
}

fn p99(latencies: &[Duration]) -> Duration {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() - 1) * 99 / 100]
}

#[test]
fn goodput_and_latency_stay_past_saturation() {
    const A: ClientKey = 1;
    let mut simulation = Simulation::new();
    simulation.run(3 * SECOND, &[(A, CAPACITY)]);
    let saturated = simulation.run(10 * SECOND, &[(A, CAPACITY)]);
    for load in [2.0, 5.0] {
        let overloaded = simulation.run(10 * SECOND, &[(A, load * CAPACITY)]);
        let (goodput, most) = (overloaded[&A].len(), saturated[&A].len());
        assert!(goodput * 10 >= most * 9, "{load}: {goodput} of {most}");
        let (slow, usual) = (p99(&overloaded[&A]), p99(&saturated[&A]));
        assert!(slow <= 2 * usual, "{load}: {slow:?}, {usual:?}");
    }
    assert!(simulation.refused > 0);
}

#[test]
fn half_the_load_is_served_without_refusals_also_after_an_overload() {
    const A: ClientKey = 1;
    let half = [(A, CAPACITY / 2.0)];
    let mut simulation = Simulation::new();
    simulation.run(2 * SECOND, &half);
    simulation.refused = 0;
    let before = simulation.run(5 * SECOND, &half);
    assert_eq!(simulation.refused, 0);
    simulation.run(5 * SECOND, &[(A, 4.0 * CAPACITY)]);
    assert!(simulation.refused > 0);
    simulation.run(SECOND, &half);
    simulation.refused = 0;
    let after = simulation.run(5 * SECOND, &half);
    assert_eq!(simulation.refused, 0);
    let (before, after) = (p99(&before[&A]), p99(&after[&A]));
    assert!(after <= 2 * before, "{after:?}, {before:?}");
}

#[test]
fn a_burst_that_can_be_served_in_time_is_not_refused() {
    let mut simulation = Simulation::new();
    simulation.run(2 * SECOND, &[(1, CAPACITY / 4.0)]);
    simulation.refused = 0;
    for _ in 0..30 {
        simulation.arrive(1);
    }
    simulation.run(SECOND, &[]);
    assert_eq!(simulation.refused, 0);
    assert_eq!(
        simulation.control.running() + simulation.control.waiting(),
        0
    );
}

#[test]
fn a_client_with_a_hundred_times_the_load_takes_nothing_of_anothers_share() {
    const GREEDY: ClientKey = 1;
    const MODEST: ClientKey = 2;
    let modest = CAPACITY / 5.0;
    let mut simulation = Simulation::new();
    let rates = [(GREEDY, 100.0 * modest), (MODEST, modest)];
    simulation.run(3 * SECOND, &rates);
    let begun = simulation.now;
    let served = simulation.run(10 * SECOND, &rates);
    let requests = simulation.arrivals.iter();
    let requests = requests.filter(|(client, at)| *client == MODEST && *at > begun);
    let (requests, modest) = (requests.count(), served[&MODEST].len());
    assert!(modest * 100 >= requests * 98, "{modest} of {requests}");
    let all = (served[&GREEDY].len() + modest) as f64;
    assert!(all >= 0.9 * 10.0 * CAPACITY, "{all}");
}

#[test]
fn it_counts_as_overloaded_for_a_while_after_a_refusal() {
    let mut simulation = Simulation::new();
    let (control, now) = (&mut simulation.control, simulation.now);
    assert!(!control.is_overloaded(now));
    assert!(control.refused(now));
    assert!(!control.refused(now + SECOND));
    assert!(control.is_overloaded(now + SECOND));
    assert!(!control.is_overloaded(now + SECOND + OVERLOADED));
}

#[test]
fn clients_that_want_more_than_there_is_get_the_same() {
    let mut simulation = Simulation::new();
    let rates: Vec<_> = (0..5)
        .map(|n| (n, CAPACITY * 2.0_f64.powi(n as i32 - 1)))
        .collect();
    simulation.run(3 * SECOND, &rates);
    let served = simulation.run(10 * SECOND, &rates);
    let counts: Vec<_> = (0..5).map(|n| served[&n].len()).collect();
    let (least, most) = (counts.iter().min(), counts.iter().max());
    let (least, most) = (
        least.copied().unwrap_or_default(),
        most.copied().unwrap_or_default(),
    );
    assert!(least * 10 >= most * 8, "{counts:?}");
}
