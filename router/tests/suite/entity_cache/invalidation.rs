//! What is invalidated is fetched again, also what is being fetched; others wait for it.

use std::pin::pin;

use futures::{StreamExt, poll};
use platform::caller::Caller;
use platform::config::Duration;
use platform::testing::until;
use router::{EntityCacheConfig, GraphQLRequest, InvalidEntity, Invalidation, RequestContext};
use serde_json::json;
use tokio::sync::watch;

use super::{Cached, PRICES, execute, expected, json_of, prices, shop};

#[tokio::test]
async fn what_was_invalidated_is_fetched_again_and_nothing_else() {
    let cached = Cached::of_shop().await;
    for (name, router, cache) in cached.each() {
        let all = ["1", "2"];
        let check = async |invalid: Invalidation, fetched: &[&[&str]]| {
            prices(router, &all).await;
            cached.requested();
            cache.invalidate(&invalid);
            prices(router, &all).await;
            assert_eq!(cached.requested(), fetched, "over {name}: {invalid:?}");
        };
        let entity = |type_name: &str, id: &str| Invalidation {
            entities: vec![InvalidEntity::new(type_name, "id", id)],
            ..Invalidation::default()
        };
        let of = |subgraph: &str, invalid: Invalidation| Invalidation {
            subgraphs: vec![subgraph.to_owned()],
            ..invalid
        };
        let products = || Invalidation {
            types: vec!["Product".to_owned()],
            ..Invalidation::default()
        };
        check(entity("Product", "1"), &[&["1"]]).await;
        check(entity("Product", "3"), &[]).await;
        check(entity("Order", "1"), &[]).await;
        check(products(), &[&all]).await;
        check(of("catalog", products()), &[]).await;
        check(of("shop", products()), &[&all]).await;
        check(of("shop", entity("Product", "2")), &[&["2"]]).await;
        check(of("shop", Invalidation::default()), &[&all]).await;
        // Entities that were requested by another key may be any.
        let by_number = Invalidation {
            entities: vec![InvalidEntity::new("Product", "number", 7)],
            ..Invalidation::default()
        };
        check(by_number, &[&all]).await;
        prices(router, &all).await;
        cache.clear();
        prices(router, &all).await;
        assert_eq!(cached.requested(), [all], "over {name}");
    }
}

/// A shop that responds once the gate opens.
async fn gated() -> (Cached, watch::Sender<bool>) {
    let (gate, closed) = watch::channel(false);
    let cached = Cached::new(shop().behind(closed), EntityCacheConfig::default()).await;
    (cached, gate)
}

#[tokio::test]
async fn a_response_that_was_on_its_way_during_an_invalidation_is_not_used_again() {
    let (cached, gate) = gated().await;
    for (name, router, cache) in cached.each() {
        prices(router, &["9"]).await;
        cached.requested();
        gate.send_replace(true);
        let mut first = pin!(prices(router, &["1"]));
        // Each request that waits has a receiver of its own.
        let idle = gate.receiver_count();
        while gate.receiver_count() == idle {
            assert!(poll!(&mut first).is_pending(), "over {name}");
            tokio::task::yield_now().await;
        }
        cache.invalidate(&Invalidation {
            entities: vec![InvalidEntity::new("Product", "id", "1")],
            ..Invalidation::default()
        });
        gate.send_replace(false);
        assert_eq!(first.await, expected(&[1]), "over {name}");
        prices(router, &["1"]).await;
        assert_eq!(cached.requested(), [["1"], ["1"]], "over {name}");
        prices(router, &["1"]).await;
        assert!(cached.requested().is_empty(), "over {name}");
    }
}

#[tokio::test]
async fn a_hundred_misses_at_once_are_one_fetch() {
    let (cached, gate) = gated().await;
    for (name, router, _) in cached.each() {
        prices(router, &["9"]).await;
        cached.requested();
        gate.send_replace(true);
        let callers = (0..100).map(|number| {
            // Requests of the same caller would share the whole answer.
            let caller = Caller::customer(format!("usr_{number}"));
            execute(router, PRICES, &["1", "2"], caller)
        });
        let mut answers = pin!(futures::future::join_all(callers));
        assert!(poll!(&mut answers).is_pending(), "over {name}");
        gate.send_replace(false);
        for answer in &answers.await {
            assert_eq!(json_of(answer), expected(&[1, 2]), "over {name}");
        }
        assert_eq!(cached.requested(), [["1", "2"]], "over {name}");
    }
}

#[tokio::test]
async fn nobody_waits_for_a_value_that_may_be_stale_unless_it_was_invalidated() {
    let config = EntityCacheConfig {
        max_age: Duration::from_millis(1),
        stale_while_revalidate: Duration::from_secs(3_600),
        ..EntityCacheConfig::default()
    };
    let (gate, closed) = watch::channel(false);
    let cached = Cached::new(shop().behind(closed), config).await;
    for (name, router, cache) in cached.each() {
        let read = async || execute(router, "{ day(number: 1) }", &[], Caller::default()).await;
        let expected = json!({ "data": { "day": 1 } });
        gate.send_replace(false);
        assert_eq!(json_of(&read().await), expected, "over {name}");
        cached.graph.requests("shop");
        gate.send_replace(true);
        // Fetched anew once it is stale; each request that waits has a receiver of its own.
        let idle = gate.receiver_count();
        until("it is fetched anew", async || {
            assert_eq!(json_of(&read().await), expected, "over {name}");
            gate.receiver_count() != idle
        })
        .await;
        for _ in 0..10 {
            assert_eq!(json_of(&read().await), expected, "over {name}");
        }
        gate.send_replace(false);
        until("the fetch is answered", async || {
            let requests = cached.graph.requests("shop");
            assert!(requests.len() <= 1, "over {name}: {requests:?}");
            !requests.is_empty()
        })
        .await;
        gate.send_replace(true);
        cache.clear();
        let mut reading = pin!(read());
        assert!(poll!(&mut reading).is_pending(), "over {name}");
        gate.send_replace(false);
        assert_eq!(json_of(&reading.await), expected, "over {name}");
        cached.graph.requests("shop");
    }
}

#[tokio::test]
async fn whoever_has_changed_something_reads_past_the_cache() {
    let cached = Cached::of_shop().await;
    for (name, router, _) in cached.each() {
        let (merchant, other) = (Caller::customer("usr_1"), Caller::customer("usr_2"));
        execute(router, PRICES, &["1"], merchant.clone()).await;
        let request = GraphQLRequest::new("mutation { touch(id: \"1\") { id } }");
        let context = RequestContext::for_caller(merchant.clone());
        router.execute(request, context).await;
        cached.requested();
        execute(router, PRICES, &["1"], merchant).await;
        assert_eq!(cached.requested(), [["1"]], "over {name}");
        execute(router, PRICES, &["1"], other).await;
        assert!(cached.requested().is_empty(), "over {name}");
    }
}

#[tokio::test]
async fn so_does_whoever_gets_the_response_to_a_mutation_in_parts() {
    let cached = Cached::of_shop().await;
    for (name, router, _) in cached.each() {
        let merchant = Caller::customer("usr_1");
        execute(router, PRICES, &["1"], merchant.clone()).await;
        let document = "mutation { touch(id: \"1\") { id ... @defer { price } } }";
        let context = RequestContext::for_caller(merchant.clone());
        let running = router.execute_incremental(GraphQLRequest::new(document), context);
        let later = running.await.later.expect("the price follows");
        assert_eq!(later.count().await, 1, "over {name}");
        cached.requested();
        execute(router, PRICES, &["1"], merchant).await;
        assert_eq!(cached.requested(), [["1"]], "over {name}");
    }
}
