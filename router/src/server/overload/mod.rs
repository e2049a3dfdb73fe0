//! Refuses operations when there are more than can run in time, fairly by client. Live updates, health checks, metrics
//! and webhooks do not pass through here.

mod admission;
mod limit;
mod queue;

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::timeout;

use self::admission::{AdmissionControl, Joined, Started};
use self::limit::ConcurrencyLimit;
use self::queue::{ClientKey, Ticket};
use super::address_limit::network;
use super::config::OverloadConfig;
use super::refusal::Refusal;
use crate::clients::ClientIdentity;
use crate::prepare::PreparedOperation;

/// So many operations for each processor do not slow each other down: some of them wait for databases or subgraphs.
const QUIET_PER_PROCESSOR: usize = 2;

/// The overload protection of this process. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Overload {
    /// `None` if disabled.
    inner: Option<Arc<Inner>>,
}

#[derive(Debug)]
struct Inner {
    control: Mutex<AdmissionControl<oneshot::Sender<Slot>>>,
    max_wait: Duration,
    hashes: RandomState,
}

/// Who shares the slots fairly.
#[derive(Hash)]
enum Sharer<'a> {
    /// A registered client that has authenticated, whoever its users are.
    Client(&'a str),
    Customer(&'a str),
    Address(Option<IpAddr>),
}

/// An operation that may run, until dropped.
#[derive(Debug)]
pub(super) struct Permit {
    slot: Option<Slot>,
}

#[derive(Debug)]
struct Slot {
    inner: Arc<Inner>,
    client: ClientKey,
    started: Started,
}

/// An operation in the queue. Dropping it leaves the queue.
struct Waiting<'a> {
    inner: &'a Inner,
    client: ClientKey,
    ticket: Ticket,
}

enum Arrival {
    Running(Started),
    Waiting(Ticket, oneshot::Receiver<Slot>),
    Refused,
}

impl Overload {
    pub(super) fn new(config: &OverloadConfig, development: bool) -> Self {
        if !config.is_enabled(development) {
            return Self { inner: None };
        }
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let min = QUIET_PER_PROCESSOR * processors;
        let delay = config.target_delay.get();
        let limit = ConcurrencyLimit::new(min, config.max_running, delay, Instant::now());
        let max_wait = config.max_wait.get();
        let control = AdmissionControl::new(limit, max_wait, config.max_running);
        report(&control);
        Self {
            inner: Some(Arc::new(Inner {
                control: Mutex::new(control),
                max_wait,
                hashes: RandomState::new(),
            })),
        }
    }

    /// Waits until an operation may run: of a registered client that has authenticated, else of a customer, else from
    /// an address.
    ///
    /// # Errors
    /// If it would have to wait too long.
    pub(super) async fn admit(
        &self,
        client: &ClientIdentity,
        subject: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<Permit, Refusal> {
        let Some(inner) = &self.inner else {
            return Ok(Permit { slot: None });
        };
        let client = inner.hashes.hash_one(sharer(client, subject, address));
        let slot = match inner.arrive(client) {
            Arrival::Running(started) => Slot {
                inner: Arc::clone(inner),
                client,
                started,
            },
            Arrival::Refused => return Err(inner.refuse("full")),
            Arrival::Waiting(ticket, slot) => {
                let waiting = Waiting {
                    inner,
                    client,
                    ticket,
                };
                let granted = timeout(inner.max_wait, slot).await;
                drop(waiting);
                match granted {
                    Ok(Ok(slot)) => slot,
                    Ok(Err(_)) => return Err(inner.refuse("displaced")),
                    Err(_) => return Err(inner.refuse("waited")),
                }
            }
        };
        Ok(Permit { slot: Some(slot) })
    }

    /// For operators: what runs and waits, if operations have been refused lately.
    pub(super) fn description(&self) -> Option<String> {
        let control = self.inner.as_ref()?.control.lock();
        control.is_overloaded(Instant::now()).then(|| {
            format!(
                "overloaded: {} operations run, {} wait, and others are refused",
                control.running(),
                control.waiting()
            )
        })
    }
}

fn sharer<'a>(
    client: &'a ClientIdentity,
    subject: Option<&'a str>,
    address: Option<IpAddr>,
) -> Sharer<'a> {
    let registered = client.client.as_ref().filter(|_| client.is_authenticated);
    match (registered, subject) {
        (Some(client), _) => Sharer::Client(&client.name),
        (None, Some(subject)) => Sharer::Customer(subject),
        (None, None) => Sharer::Address(address.map(network)),
    }
}

impl Inner {
    fn arrive(&self, client: ClientKey) -> Arrival {
        let mut control = self.control.lock();
        let arrival = match control.start(client) {
            Some(started) => Arrival::Running(started),
            None => {
                let (sender, slot) = oneshot::channel();
                let (arrival, displaced) = match control.join(client, sender, Instant::now()) {
                    Joined::Waiting(ticket, displaced) => {
                        (Arrival::Waiting(ticket, slot), displaced)
                    }
                    Joined::Refused(displaced) => (Arrival::Refused, displaced),
                };
                // They notice that their senders are gone.
                drop(displaced);
                arrival
            }
        };
        report(&control);
        arrival
    }

    fn refuse(&self, reason: &'static str) -> Refusal {
        metrics::counter!("router_overload_refused_total", "reason" => reason).increment(1);
        let mut control = self.control.lock();
        if control.refused(Instant::now()) {
            tracing::warn!(
                running = control.running(),
                waiting = control.waiting(),
                limit = control.limit(),
                "overloaded: operations are refused"
            );
        }
        Refusal::overloaded()
    }
}

impl Permit {
    /// Ends a successful operation that took so long, or a subscription that took so long to start.
    pub(super) fn finish(self, operation: &PreparedOperation, took: Duration) {
        let Some(slot) = &self.slot else {
            return;
        };
        let usual = operation.usual_duration.get();
        if slot.started.is_quiet {
            operation.usual_duration.add(took);
        }
        let mut control = slot.inner.control.lock();
        control.finished(took, usual, Instant::now());
    }

    /// Ends an operation whose client has gone after so long.
    pub(super) fn abandon(self, operation: &PreparedOperation, after: Duration) {
        if let Some(slot) = &self.slot {
            let usual = operation.usual_duration.get();
            let mut control = slot.inner.control.lock();
            control.abandoned(after, usual, Instant::now());
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut control = self.inner.control.lock();
        let next = control.end(self.client);
        report(&control);
        drop(control);
        for (client, waiter, started) in next {
            let slot = Self {
                inner: Arc::clone(&self.inner),
                client,
                started,
            };
            // If the waiter has just given up, the slot is dropped here and goes to another.
            drop(waiter.send(slot));
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut control = self.inner.control.lock();
        control.leave(self.client, self.ticket);
        report(&control);
    }
}

fn report<T>(control: &AdmissionControl<T>) {
    metrics::gauge!("router_overload_limit").set(control.limit() as f64);
    metrics::gauge!("router_overload_running").set(control.running() as f64);
    metrics::gauge!("router_overload_waiting").set(control.waiting() as f64);
}
