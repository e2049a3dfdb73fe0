//! Deeply nested pages against the running binary, in every layout: rejected for their cost, or, where configuration
//! allows them, bounded by the resolver limits.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::{FIXED_RATES, Graph, layouts};
use crate::wait::{until, until_it};

/// A business customer with more than a hundred orders.
const OFFICE: &str = "customer1@vantage.example";

/// The largest page a client may request.
const ACCOUNT: &str = "{ me { orders(first: 100) { totalCount nodes { id status total { formatted } totalUsd { amount } \
    items { productName product { title price(currency: EUR) { current { amount { formatted } exchangeRate { freshness } } } } \
    returnEligibility { eligible returnDeadline reasons { code } } } shipments { carrier status } returns { status nextStep } } } } }";

fn attack(levels: usize) -> String {
    let open = "orders(first: 100) { nodes { customer { ".repeat(levels);
    format!("{{ me {{ {open} id {} }} }}", "} } }".repeat(levels))
}

fn code(answer: &Value) -> &Value {
    &answer["errors"][0]["extensions"]["code"]
}

#[tokio::test]
async fn pages_of_pages_are_refused_by_what_they_cost() {
    for layout in layouts() {
        let graph = Graph::start(layout, &[("VANTAGE_DEMO__ORDERS", "1500")], &[]).await;
        let token = graph.run(&["token", "--customer", OFFICE]).await;
        let before = graph.statements().await;
        for levels in [3, 4] {
            let answer = graph.query(Some(&token), &attack(levels), json!({})).await;
            assert_eq!(code(&answer), "OPERATION_TOO_COMPLEX", "{answer}");
            let extensions = &answer["errors"][0]["extensions"];
            assert!(extensions["cost"].as_u64() > extensions["limit"].as_u64());
        }
        assert_eq!(graph.statements().await, before);
        let page = graph.query(Some(&token), ACCOUNT, json!({})).await;
        assert_eq!(page["errors"], Value::Null, "{page}");
        let orders = page["data"]["me"]["orders"]["nodes"].as_array().unwrap();
        assert_eq!(orders.len(), 100);
        graph.stop().await;
    }
}

#[tokio::test]
async fn pages_of_pages_that_are_let_in_are_bounded_by_what_they_resolve() {
    let settings = [
        ("VANTAGE_DEMO__ORDERS", "1500"),
        ("VANTAGE_ROUTER__LIMITS__COST", "1000000000"),
        // So that all of them run concurrently.
        ("VANTAGE_ROUTER__LIMITS__CONCURRENT_COST", "4000000000"),
        // The time limit must not be what ends them.
        ("VANTAGE_ROUTER__DEADLINE", "60s"),
        ("VANTAGE_SUBGRAPHS__LIMITS__DEADLINE", "60s"),
        FIXED_RATES[0],
        FIXED_RATES[1],
    ];
    for layout in layouts() {
        let graph = Graph::start(layout, &settings, &[]).await;
        let token = graph.run(&["token", "--customer", OFFICE]).await;
        let page = graph.query(Some(&token), ACCOUNT, json!({})).await;
        let before = graph.memory();
        let text = attack(3);
        let attacks = [0; 4].map(|_| graph.query(Some(&token), &text, json!({})));
        let (answers, beside) = futures::join!(
            futures::future::join_all(attacks),
            graph.query(Some(&token), ACCOUNT, json!({}))
        );
        for answer in answers {
            assert_eq!(code(&answer), "OPERATION_TOO_COMPLEX", "{answer}");
        }
        assert_eq!(beside, page);
        let grown = graph.memory().saturating_sub(before);
        assert!(grown < 300, "{grown} MB");
        graph.stop().await;
    }
}

/// Processor time that shows an attack is running.
const BUSY: Duration = Duration::from_secs(1);
/// Processor time an abandoned attack may still use. Left alone, it takes more than a minute.
const REST: Duration = Duration::from_secs(10);
/// How long processes are watched, and the part of one processor (1/n) that idle ones use at most.
const WATCHED: Duration = Duration::from_millis(500);
const IDLE: u32 = 2;
/// Megabytes an attack may leave in use, over all processes.
const KEPT: u64 = 50;

#[tokio::test]
async fn the_work_of_an_attack_ends_when_its_clients_leave() {
    let settings = [
        ("VANTAGE_DEMO__ORDERS", "1500"),
        // Only disconnecting ends it.
        ("VANTAGE_ROUTER__LIMITS__COST", "1000000000"),
        ("VANTAGE_ROUTER__LIMITS__CONCURRENT_COST", "4000000000"),
        ("VANTAGE_ROUTER__LIMITS__ENTITIES", "1000000000"),
        ("VANTAGE_ROUTER__LIMITS__RESPONSE_BYTES", "4000000000"),
        ("VANTAGE_ROUTER__DEADLINE", "60s"),
        ("VANTAGE_SUBGRAPHS__LIMITS__ROWS", "1000000000"),
        ("VANTAGE_SUBGRAPHS__LIMITS__DEADLINE", "60s"),
    ];
    for layout in layouts() {
        let graph = Graph::start(layout, &settings, &[]).await;
        let token = graph.run(&["token", "--customer", OFFICE]).await;
        // Warm up the processes, so that their caches are allocated.
        let page = graph.query(Some(&token), ACCOUNT, json!({})).await;
        assert_eq!(page["errors"], Value::Null, "{page}");
        let (before, small) = (graph.processor_time(), graph.memory());
        let text = attack(3);
        let attacks = [0; 4].map(|_| graph.query(Some(&token), &text, json!({})));
        tokio::select! {
            answers = futures::future::join_all(attacks) => panic!("{answers:?}"),
            () = until("the attack", async || {
                (graph.processor_time() > before + BUSY).then_some(())
            }) => {}
        }
        let left = graph.processor_time();
        let mut seen = (Instant::now(), left);
        until("the end of the attack", async || {
            let (since, used) = (seen.0.elapsed(), graph.processor_time() - seen.1);
            if since < WATCHED {
                return None;
            }
            seen = (Instant::now(), graph.processor_time());
            (used <= since / IDLE).then_some(())
        })
        .await;
        let rest = graph.processor_time() - left;
        assert!(rest <= REST, "{layout:?}: {rest:?}");
        assert_eq!(graph.active_requests().await, 0, "{layout:?}");
        let kept = async || graph.memory().saturating_sub(small);
        until_it(kept, |kept| *kept <= KEPT).await;
        graph.stop().await;
    }
}
