//! The task that sends webhooks: in order for each endpoint unless a fault says otherwise, with retries.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::endpoint::Webhook;
use super::signature::sign;
use crate::faults::Effect;
use crate::provider::Provider;
use crate::sandbox::Sandbox;

/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 6;
/// Maximum number of recorded deliveries; the oldest are dropped first.
const MAX_DELIVERIES: usize = 10_000;

/// One attempt.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Delivery {
    at: DateTime<Utc>,
    provider: Provider,
    event: String,
    id: String,
    url: String,
    attempt: u32,
    /// The receiver's response, or why there was none.
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Status(u16),
    Error(String),
    Dropped(bool),
}

/// Recorded deliveries.
#[derive(Debug, Default)]
pub(crate) struct Deliveries(Mutex<VecDeque<Delivery>>);

impl Deliveries {
    pub(crate) fn list(&self) -> Vec<Delivery> {
        self.0.lock().iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }

    fn record(&self, notice: &Webhook, at: DateTime<Utc>, attempt: u32, outcome: Outcome) {
        let mut kept = self.0.lock();
        if kept.len() == MAX_DELIVERIES {
            kept.pop_front();
        }
        kept.push_back(Delivery {
            at,
            provider: notice.provider,
            event: notice.event.clone(),
            id: notice.id.clone(),
            url: notice.endpoint.url.clone(),
            attempt,
            outcome,
        });
    }
}

/// Webhooks waiting to be sent in another order.
#[derive(Debug)]
struct ReorderBuffer {
    notices: Vec<Webhook>,
    window: usize,
    until: Instant,
}

/// Sends until the sandbox is dropped.
pub(crate) async fn send(sandbox: &Sandbox, notices: &mut mpsc::UnboundedReceiver<Webhook>) {
    let http = reqwest::Client::new();
    let mut queues: HashMap<String, mpsc::UnboundedSender<Webhook>> = HashMap::new();
    let mut senders = JoinSet::new();
    let mut held: HashMap<Provider, ReorderBuffer> = HashMap::new();
    loop {
        let flush = held.values().map(|held| held.until).min();
        let next = tokio::select! {
            next = notices.recv() => next,
            () = async {
                match flush {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            } => {
                for notice in drain_ready(sandbox, &mut held) {
                    enqueue(sandbox, &http, &mut queues, &mut senders, notice);
                }
                continue;
            }
        };
        let Some(notice) = next else { return };
        for notice in apply_faults(sandbox, &mut held, notice) {
            enqueue(sandbox, &http, &mut queues, &mut senders, notice);
        }
    }
}

/// What to send after applying this webhook's faults.
fn apply_faults(
    sandbox: &Sandbox,
    held: &mut HashMap<Provider, ReorderBuffer>,
    notice: Webhook,
) -> Vec<Webhook> {
    let effects = sandbox.faults().for_webhook(notice.provider, &notice.event);
    if effects.contains(&Effect::Drop) {
        let now = sandbox.clock().now();
        sandbox
            .deliveries()
            .record(&notice, now, 0, Outcome::Dropped(true));
        return Vec::new();
    }
    let mut copies = vec![notice];
    let mut reorder = None;
    for effect in effects {
        match effect {
            Effect::Duplicate { times } => copies = vec![copies[0].clone(); times as usize],
            Effect::Reorder { window, hold } => reorder = Some((window, hold)),
            _ => {}
        }
    }
    let Some((window, hold)) = reorder else {
        return copies;
    };
    let waiting = held
        .entry(copies[0].provider)
        .or_insert_with(|| ReorderBuffer {
            notices: Vec::new(),
            window,
            until: Instant::now() + hold.get(),
        });
    waiting.notices.append(&mut copies);
    drain_ready(sandbox, held)
}

/// Takes webhooks that have waited long enough, shuffled.
fn drain_ready(sandbox: &Sandbox, held: &mut HashMap<Provider, ReorderBuffer>) -> Vec<Webhook> {
    let now = Instant::now();
    let mut ready = Vec::new();
    held.retain(|_, held| {
        let keeps = held.notices.len() < held.window && held.until > now;
        if !keeps {
            let mut notices = std::mem::take(&mut held.notices);
            sandbox.faults().shuffle(&mut notices);
            ready.append(&mut notices);
        }
        keeps
    });
    ready
}

/// Appends it to the queue of its endpoint.
fn enqueue(
    sandbox: &Sandbox,
    http: &reqwest::Client,
    queues: &mut HashMap<String, mpsc::UnboundedSender<Webhook>>,
    senders: &mut JoinSet<()>,
    notice: Webhook,
) {
    while senders.try_join_next().is_some() {}
    let url = notice.endpoint.url.clone();
    let mut start = || {
        let (queue, waiting) = mpsc::unbounded_channel();
        senders.spawn(send_in_order(sandbox.clone(), http.clone(), waiting));
        queue
    };
    let queue = queues.entry(url).or_insert_with(&mut start);
    // A panicked task receives nothing more: start another one.
    if let Err(mpsc::error::SendError(notice)) = queue.send(notice) {
        *queue = start();
        queue.send(notice).ok();
    }
}

async fn send_in_order(
    sandbox: Sandbox,
    http: reqwest::Client,
    mut waiting: mpsc::UnboundedReceiver<Webhook>,
) {
    let mut retries = JoinSet::new();
    while let Some(notice) = waiting.recv().await {
        while retries.try_join_next().is_some() {}
        if !attempt(&sandbox, &http, &notice, 1).await {
            // Later webhooks do not wait for it.
            retries.spawn(retry(sandbox.clone(), http.clone(), notice));
        }
    }
}

async fn retry(sandbox: Sandbox, http: reqwest::Client, notice: Webhook) {
    let mut pause = sandbox.world(|world| world.config.webhook_retry.get());
    for number in 2..=ATTEMPTS {
        sleep(pause).await;
        if attempt(&sandbox, &http, &notice, number).await {
            return;
        }
        pause *= 2;
    }
}

/// Whether the receiver accepted it.
async fn attempt(sandbox: &Sandbox, http: &reqwest::Client, notice: &Webhook, number: u32) -> bool {
    let now = sandbox.clock().now();
    let mut request = http
        .post(&notice.endpoint.url)
        .header("content-type", "application/json")
        .header("user-agent", "Vantage-Sandbox/1.0")
        .timeout(TIMEOUT)
        .body(notice.body.clone());
    let secret = &notice.endpoint.secret;
    if !secret.is_empty() {
        let (name, signature) = sign(notice.provider, secret, now, &notice.body);
        request = request.header(name, signature);
    }
    let (taken, outcome) = match request.send().await {
        Ok(response) => (
            response.status().is_success(),
            Outcome::Status(response.status().as_u16()),
        ),
        Err(error) => (false, Outcome::Error(error.without_url().to_string())),
    };
    sandbox.deliveries().record(notice, now, number, outcome);
    taken
}
