//! The limiter's contract, in process and over the Redis server named by `VANTAGE_TEST_REDIS_URL`.

use crate::redis_server::RedisServer;
use std::time::{Duration, Instant};

use chrono::DateTime;
use proptest::prelude::*;
use uuid::Uuid;

use super::bucket::State;
use super::*;

/// Refills too slowly to matter during a test.
const SLOW: Quota = Quota {
    cost_per_minute: 1,
    burst: 10,
};
/// A thousand per second.
const FAST: Quota = Quota {
    cost_per_minute: 60_000,
    burst: 10,
};

fn limiters() -> Vec<RateLimiter> {
    let mut limiters = vec![RateLimiter::in_process(Clock::system(), 100)];
    if let Ok(url) = std::env::var("VANTAGE_TEST_REDIS_URL") {
        limiters.push(patient(&url));
    }
    limiters
}

/// Waits longer than a request would, since a shared test server may be busy.
fn patient(url: &str) -> RateLimiter {
    let limiter = RateLimiter::redis(&RedisServer::open(url).unwrap());
    limiter.with_timeout(Duration::from_secs(60))
}

fn bucket(quota: Quota) -> Bucket {
    let key = format!("test:{}", Uuid::now_v7());
    Bucket { key, quota }
}

async fn take(limiter: &RateLimiter, buckets: &[Bucket], cost: u32) -> Decision {
    limiter.acquire(buckets, cost).await.expect("a decision")
}

#[tokio::test]
async fn a_bucket_gives_its_burst_and_then_refuses_until_it_is_fuller() {
    for limiter in limiters() {
        let buckets = [bucket(SLOW)];
        for left in [6, 2] {
            let decision = take(&limiter, &buckets, 4).await;
            assert!(decision.is_allowed());
            assert_eq!((decision.remaining, decision.quota), (left, SLOW));
        }
        let refused = take(&limiter, &buckets, 4).await;
        assert!(!refused.is_allowed());
        assert_eq!(refused.remaining, 2, "a refusal takes nothing");
        let (wait, reset) = (refused.retry_after.expect("a wait"), refused.reset);
        assert!(
            wait > Duration::from_secs(60) && wait <= Duration::from_secs(120),
            "{wait:?}"
        );
        assert!(
            reset > Duration::from_secs(420) && reset <= Duration::from_secs(480),
            "{reset:?}"
        );
        assert!(take(&limiter, &buckets, 2).await.is_allowed());
    }
}

#[tokio::test]
async fn a_bucket_fills_again() {
    for limiter in limiters() {
        let buckets = [bucket(FAST)];
        // Before the bucket is emptied, since it fills from then on.
        let started = Instant::now();
        assert!(take(&limiter, &buckets, 10).await.is_allowed());
        while !take(&limiter, &buckets, 10).await.is_allowed() {
            assert!(started.elapsed() < Duration::from_secs(60));
            tokio::task::yield_now().await;
        }
        assert!(
            started.elapsed() >= Duration::from_millis(5),
            "ten cost ten milliseconds"
        );
    }
}

#[tokio::test]
async fn what_one_bucket_refuses_costs_the_others_nothing() {
    for limiter in limiters() {
        let (narrow, wide) = (bucket(SLOW), bucket(Quota { burst: 100, ..SLOW }));
        let both = [narrow.clone(), wide.clone()];
        assert_eq!(
            take(&limiter, &both, 8).await.remaining,
            2,
            "the tightest is shown"
        );
        assert!(!take(&limiter, &both, 8).await.is_allowed());
        assert_eq!(take(&limiter, &[wide], 1).await.remaining, 91);
        assert_eq!(take(&limiter, &[narrow], 1).await.remaining, 1);
    }
}

#[tokio::test]
async fn what_is_dearer_than_a_full_bucket_leaves_a_debt() {
    for limiter in limiters() {
        let buckets = [bucket(SLOW)];
        let decision = take(&limiter, &buckets, 25).await;
        assert!(decision.is_allowed());
        assert_eq!(decision.remaining, 0);
        let refused = take(&limiter, &buckets, 1).await;
        let wait = refused.retry_after.expect("a wait");
        assert!(wait > Duration::from_secs(15 * 60), "{wait:?}");
    }
}

#[tokio::test]
async fn two_instances_share_a_bucket() {
    let Ok(url) = std::env::var("VANTAGE_TEST_REDIS_URL") else {
        return;
    };
    let (first, second) = (patient(&url), patient(&url));
    let buckets = [bucket(SLOW)];
    assert!(take(&first, &buckets, 6).await.is_allowed());
    assert!(!take(&second, &buckets, 6).await.is_allowed());
    assert_eq!(take(&second, &buckets, 3).await.remaining, 1);
}

#[tokio::test]
async fn requests_pass_while_redis_does_not_answer() {
    // It listens but never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address");
    let limiter = RateLimiter::redis(&RedisServer::open(&format!("redis://{address}")).unwrap());
    for _ in 0..3 {
        assert_eq!(limiter.acquire(&[bucket(SLOW)], 100).await, None);
    }
}

#[tokio::test]
async fn a_process_keeps_a_bounded_number_of_buckets() {
    let limiter = RateLimiter::in_process(Clock::system(), 10);
    for _ in 0..1_000 {
        take(&limiter, &[bucket(SLOW)], 1).await;
    }
    let Store::Local(local) = &limiter.0 else {
        unreachable!("it is in the process");
    };
    assert!(local.len() <= 10);
}

proptest! {
    /// For any requests at any times, no more is admitted than the burst plus the refill, except for the debt of one
    /// request.
    #[test]
    fn the_rate_holds(
        requests in prop::collection::vec((0u64..5_000_000, 1u32..50), 1..100),
        cost_per_minute in 1u32..10_000,
        burst in 1u32..100,
    ) {
        let quota = Quota { cost_per_minute, burst };
        let clock = Clock::manual(DateTime::UNIX_EPOCH + chrono::Duration::days(1));
        let start = clock.now();
        let limiter = LocalBuckets::new(clock.clone(), 10);
        let buckets = [Bucket { key: "one".to_owned(), quota }];
        let mut taken = 0;
        for (micros, cost) in requests {
            clock.advance(chrono::Duration::microseconds(i64::try_from(micros).expect("few")));
            let elapsed = (clock.now() - start).num_microseconds().expect("few");
            let decision = limiter.acquire(&buckets, cost).expect("a decision");
            if decision.is_allowed() {
                taken += u64::from(cost);
                let came_back = elapsed as f64 * f64::from(cost_per_minute) / 60e6;
                let debt = f64::from(cost.saturating_sub(burst));
                prop_assert!(taken as f64 <= f64::from(burst) + came_back + debt + 1e-6);
            } else {
                // A request that waits as long as it is told to is admitted.
                let wait = decision.retry_after.expect("a wait").as_micros();
                clock.advance(chrono::Duration::microseconds(i64::try_from(wait).expect("short")));
                prop_assert!(limiter.acquire(&buckets, cost).expect("a decision").is_allowed());
                taken += u64::from(cost);
            }
        }
    }

    /// A request never takes more from a bucket than its cost.
    #[test]
    fn a_bucket_lacks_what_was_taken(debt in 0u64..1_000_000_000, cost in 0u32..1_000) {
        let quota = Quota { cost_per_minute: 600, burst: 100 };
        let before = State { now: 7, full_at: 7 + debt };
        let after = before.after(quota, cost);
        prop_assert_eq!(after.full_at - before.full_at, u64::from(cost) * 100_000);
    }
}
