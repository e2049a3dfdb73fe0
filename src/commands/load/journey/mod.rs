//! Journeys of customers: sequences of requests with pauses, each of which is measured from when it was due.

mod account;
mod browse;
mod checkout;
mod returns;
mod tracking;

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::graphql::GraphqlClient;
use super::operations::Operation;
use super::pace::Think;
use super::recorder::{Dropped, JourneyEnd, Recorder, Sample};
use super::scenario::Scenario;
use super::shop::{Customer, Shop};
use super::socket::Sockets;

/// What all journeys of a run share.
pub(super) struct Context {
    pub(super) client: GraphqlClient,
    pub(super) sockets: Sockets,
    pub(super) shop: Shop,
    pub(super) recorder: Recorder,
    pub(super) think: Think,
    /// How long a subscription is kept open.
    pub(super) hold: Duration,
    pub(super) payment_method: String,
    /// Cancelled when the run ends: journeys then finish without pauses.
    pub(super) ended: CancellationToken,
}

/// A journey of one customer.
struct Journey<'a> {
    context: &'a Context,
    scenario: Scenario,
    /// Counts journeys, so that customers take turns.
    number: u64,
    /// When the next request should be sent.
    due: Instant,
    /// When the request that failed should have been sent.
    failed: Option<Instant>,
}

/// Counts a journey as running until it is dropped, also if its task is aborted.
struct Running<'a> {
    recorder: &'a Recorder,
    scenario: Scenario,
    due: Instant,
    end: JourneyEnd,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.recorder.finish(self.scenario, self.due, self.end);
    }
}

/// A request without an answer. If its journey is aborted then, it has failed, after at least the time that it took so
/// far: what a server that hangs leaves unanswered would otherwise count nowhere.
struct Unanswered<'a> {
    recorder: &'a Recorder,
    scenario: Scenario,
    step: &'static str,
    due: Instant,
    is_answered: bool,
}

impl Unanswered<'_> {
    fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if self.is_answered {
            return;
        }
        self.recorder.add(Sample {
            scenario: self.scenario,
            step: self.step,
            due: self.due,
            ended: Instant::now(),
            result: Err(Failure::Aborted),
            is_timed: true,
        });
    }
}

/// Runs a journey that is due at this time; returns whether there was one to run.
pub(super) async fn run(context: &Context, scenario: Scenario, number: u64, due: Instant) -> bool {
    let returnable = if scenario == Scenario::Returns {
        let Some(returnable) = context.shop.take_returnable() else {
            let why = Dropped::NothingToReturn;
            context.recorder.drop_journey(scenario, due, why);
            return false;
        };
        Some(returnable)
    } else {
        None
    };
    context.recorder.start(due);
    let mut running = Running {
        recorder: &context.recorder,
        scenario,
        due,
        end: JourneyEnd::Unfinished,
    };
    let mut journey = Journey {
        context,
        scenario,
        number,
        due,
        failed: None,
    };
    let result = match scenario {
        Scenario::Browse => browse::run(&mut journey).await,
        Scenario::Account => account::run(&mut journey).await,
        Scenario::Checkout => checkout::run(&mut journey).await,
        Scenario::Tracking => tracking::run(&mut journey).await,
        Scenario::Returns => match &returnable {
            Some(returnable) => returns::run(&mut journey, returnable).await,
            None => Ok(()),
        },
    };
    running.end = match result {
        Ok(()) => JourneyEnd::Succeeded,
        Err(_) => context.recorder.end_of_failed(journey.failed),
    };
    // A unit whose return failed may still be in a return.
    if let Some(returnable) = returnable.filter(|_| running.end == JourneyEnd::Succeeded) {
        context.shop.give_back(returnable);
    }
    true
}

impl<'a> Journey<'a> {
    /// Sends an operation as a step, and reads what it is about from its `data`. An answer that cannot be read is a
    /// failure of the step.
    async fn request<T>(
        &mut self,
        step: &'static str,
        operation: &Operation,
        variables: Value,
        token: Option<&str>,
        read: impl FnOnce(Value) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let unanswered = self.begin(step);
        let sent = self.context.client.send(operation, &variables, token).await;
        unanswered.answered();
        let result = sent.and_then(read);
        self.record(step, &result, true);
        result
    }

    /// A step begins whose time is a latency.
    fn begin(&self, step: &'static str) -> Unanswered<'a> {
        Unanswered {
            recorder: &self.context.recorder,
            scenario: self.scenario,
            step,
            due: self.due,
            is_answered: false,
        }
    }

    /// Records a step that was due and has ended now. The next one is due at once.
    fn record<T>(&mut self, step: &'static str, result: &Result<T, Failure>, is_timed: bool) {
        let ended = Instant::now();
        self.context.recorder.add(Sample {
            scenario: self.scenario,
            step,
            due: self.due,
            ended,
            result: result.as_ref().map(|_| ()).map_err(Failure::clone),
            is_timed,
        });
        if result.is_err() {
            self.failed = Some(self.due);
        }
        self.due = ended;
    }

    /// Pauses before the next step. A step is due at the end of the pause, whenever this task continues.
    async fn think(&mut self) {
        self.due += self.context.think.pause();
        tokio::select! {
            biased;
            () = self.context.ended.cancelled() => self.due = Instant::now(),
            () = tokio::time::sleep_until(self.due) => {}
        }
    }

    /// The customer whose turn it is.
    fn customer(&self) -> Result<&'a Customer, Failure> {
        let shop = &self.context.shop;
        let position = shop.customer(self.number);
        let customer = position.and_then(|position| shop.customers.get(position));
        customer.ok_or(Failure::Unexpected("no customer"))
    }
}

/// The text at a place of an answer, which must be there.
fn text(data: &Value, pointer: &str) -> Result<String, Failure> {
    let text = data.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or(Failure::Unexpected("a field is missing"))
}

/// The objects at a place of an answer: at least one.
fn some(data: &Value, pointer: &str) -> Result<Vec<Value>, Failure> {
    let nodes = data.pointer(pointer).and_then(Value::as_array);
    match nodes {
        Some(nodes) if !nodes.is_empty() => Ok(nodes.clone()),
        _ => Err(Failure::Unexpected("nothing found")),
    }
}

/// An object of an answer, which must be there.
fn present(data: &Value, pointer: &str) -> Result<(), Failure> {
    match data.pointer(pointer) {
        Some(value) if !value.is_null() => Ok(()),
        _ => Err(Failure::Unexpected("a field is missing")),
    }
}

/// Whether the answer is about the object that was requested.
fn is_about(data: &Value, pointer: &str, requested: &str) -> Result<(), Failure> {
    if text(data, pointer)? == requested {
        Ok(())
    } else {
        Err(Failure::Unexpected("another object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unanswered_when_a_journey_is_aborted_has_failed() {
        let from = Instant::now();
        let recorder = Recorder::new([Scenario::Browse].into_iter(), from);
        let begin = || Unanswered {
            recorder: &recorder,
            scenario: Scenario::Browse,
            step: "search",
            due: from,
            is_answered: false,
        };
        begin().answered();
        drop(begin());
        recorder.read(|measured| {
            let search = &measured.scenarios[&Scenario::Browse].steps[0];
            assert_eq!((search.requests, search.failures), (1, 1));
            assert_eq!(search.reasons["aborted"], 1);
            assert_eq!(search.latencies.count(), 1);
        });
    }
}
