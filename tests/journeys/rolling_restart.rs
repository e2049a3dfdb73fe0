//! Replaces instances behind a load balancer that checks `/readyz`, without a failed request.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::kit::{Process, vantage};
use crate::wait::until;

const LOOK_EVERY: Duration = Duration::from_millis(50);
const CLIENTS: usize = 4;

/// Sends each request to the next ready instance, over keep-alive connections.
#[derive(Clone, Default)]
struct Balancer {
    instances: Arc<Mutex<Vec<Arc<Instance>>>>,
    next: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
    http: reqwest::Client,
}

struct Instance {
    base: String,
    is_ready: AtomicBool,
}

impl Balancer {
    fn add(&self, base: &str) {
        let is_ready = AtomicBool::new(false);
        let base = base.to_owned();
        let instance = Arc::new(Instance { base, is_ready });
        self.instances.lock().unwrap().push(instance);
    }

    fn all(&self) -> Vec<Arc<Instance>> {
        self.instances.lock().unwrap().clone()
    }

    fn is_ready(&self, base: &str) -> bool {
        let of_base = |instance: &Arc<Instance>| {
            instance.base == base && instance.is_ready.load(Ordering::SeqCst)
        };
        self.all().iter().any(of_base)
    }

    async fn probe(self) {
        loop {
            for instance in self.all() {
                let url = format!("{}/readyz", instance.base);
                let ready = self.http.get(url).send().await;
                let is_ready = ready.is_ok_and(|response| response.status() == 200);
                instance.is_ready.store(is_ready, Ordering::SeqCst);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Sends queries until one fails, and returns the failure.
    async fn query_until_failure(self) -> String {
        let query =
            json!({ "query": "{ productSearch(query: \"earbuds\", first: 1) { totalCount } }" });
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            let mut ready = self.all();
            ready.retain(|instance| instance.is_ready.load(Ordering::SeqCst));
            let Some(instance) = ready.get(number % ready.len().max(1)) else {
                return "no instance is ready".to_owned();
            };
            let url = format!("{}/graphql", instance.base);
            let answer = match self.http.post(url).json(&query).send().await {
                Ok(answer) => answer,
                Err(error) => return format!("{error:?}"),
            };
            let answer = match answer.json::<Value>().await {
                Ok(answer) => answer,
                Err(error) => return format!("{error:?}"),
            };
            if !answer["data"]["productSearch"]["totalCount"].is_u64() {
                return answer.to_string();
            }
            self.answered.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A client task that has ended has seen a failure.
fn none_failed(clients: &mut JoinSet<String>) {
    if let Some(failure) = clients.try_join_next() {
        panic!("a request failed: {}", failure.unwrap());
    }
}

async fn instance(data: &Path, balancer: &Balancer) -> Process {
    let mut command = vantage(data);
    command
        .env("VANTAGE_DEMO__ORDERS", "60")
        // Longer than the balancer looks away on a busy machine.
        .env("VANTAGE_SERVER__DRAIN_DELAY", "10s")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let process = Process::start(command).await;
    balancer.add(&process.base);
    until("the new instance receives requests", async || {
        balancer.is_ready(&process.base).then_some(())
    })
    .await;
    process
}

#[tokio::test]
async fn a_rolling_restart_behind_a_balancer_fails_no_request() {
    let data: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let balancer = Balancer::default();
    let looking = tokio::spawn(balancer.clone().probe());
    let mut old = Vec::new();
    for data in &data[..2] {
        old.push(instance(data.path(), &balancer).await);
    }
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(balancer.clone().query_until_failure());
    }
    let mut new = Vec::new();
    for (mut replaced, data) in old.into_iter().zip(&data[2..]) {
        new.push(instance(data.path(), &balancer).await);
        let base = replaced.base.clone();
        let stopping = tokio::spawn(async move { replaced.stop().await });
        until("the balancer drops the instance", async || {
            (!balancer.is_ready(&base)).then_some(())
        })
        .await;
        // Clients that ignore /readyz are still served, but asked to close the connection.
        let late = reqwest::Client::new().get(format!("{base}/healthz")).send();
        let late = late.await.expect("it still accepts connections");
        assert_eq!(late.headers()["connection"], "close");
        let readyz = reqwest::get(format!("{base}/readyz")).await.unwrap();
        assert_eq!(readyz.status(), 503);
        assert_eq!(
            readyz.text().await.unwrap(),
            "not ready: the process is stopping\n"
        );
        assert_eq!(stopping.await.unwrap().code(), Some(0));
        let before = balancer.answered.load(Ordering::SeqCst);
        until("requests continue", async || {
            none_failed(&mut clients);
            (balancer.answered.load(Ordering::SeqCst) > before + 2 * CLIENTS).then_some(())
        })
        .await;
    }
    looking.abort();
    none_failed(&mut clients);
}
