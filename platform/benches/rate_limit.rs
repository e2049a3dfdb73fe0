//! Throughput of the rate limiter, in process and in the Redis server named by `VANTAGE_TEST_REDIS_URL`: 64 concurrent
//! requests, each counted against one client bucket and one of 10,000 user buckets.
#![expect(clippy::print_stdout, reason = "prints measurements")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use platform::clock::Clock;
use platform::rate_limit::{Bucket, Quota, RateLimiter};
use platform::redis_server::RedisServer;

const TASKS: u64 = 64;
const USERS: u64 = 10_000;
const ROUND: Duration = Duration::from_secs(3);
/// Target, in decisions per second.
const WANTED: u64 = 10_000;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let local = RateLimiter::in_process(Clock::system(), 100_000);
    measure("in process", local).await;
    match std::env::var("VANTAGE_TEST_REDIS_URL") {
        Ok(url) => match RedisServer::open(&url) {
            Ok(server) => measure("in Redis", RateLimiter::redis(&server)).await,
            Err(error) => println!("in Redis: {error}"),
        },
        Err(_) => println!("in Redis: not measured, VANTAGE_TEST_REDIS_URL is not set"),
    }
}

async fn measure(place: &str, limiter: RateLimiter) {
    let (limiter, undecided) = (Arc::new(limiter), Arc::new(AtomicU64::new(0)));
    let end = Instant::now() + ROUND;
    let tasks = (0..TASKS).map(|task| {
        let (limiter, undecided) = (Arc::clone(&limiter), Arc::clone(&undecided));
        tokio::spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < end {
                let user = (task * 7_919 + times.len() as u64) % USERS;
                let buckets = [
                    bucket("client:bench".to_owned()),
                    bucket(format!("user:{user}")),
                ];
                let started = Instant::now();
                if limiter.acquire(&buckets, 1).await.is_none() {
                    undecided.fetch_add(1, Ordering::Relaxed);
                }
                times.push(started.elapsed());
                // The in-process limiter never suspends.
                tokio::task::yield_now().await;
            }
            times
        })
    });
    let mut times = Vec::new();
    for task in futures::future::join_all(tasks).await {
        times.extend(task.unwrap_or_default());
    }
    times.sort_unstable();
    let Some(last) = times.len().checked_sub(1) else {
        return println!("{place}: no decisions");
    };
    println!(
        "{place}: {} decisions per second (target: {WANTED}), p50 {:?}, p99 {:?}, {} undecided",
        times.len() as u64 / ROUND.as_secs(),
        times[last / 2],
        times[last * 99 / 100],
        undecided.load(Ordering::Relaxed),
    );
}

/// A bucket that never runs dry.
const fn bucket(key: String) -> Bucket {
    let quota = Quota {
        cost_per_minute: u32::MAX,
        burst: u32::MAX,
    };
    Bucket { key, quota }
}
