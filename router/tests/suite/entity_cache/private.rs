//! Private data is stored for its caller alone, where that is declared.

use std::collections::BTreeMap;

use platform::caller::Caller;
use router::{EntityCacheConfig, InvalidEntity, Invalidation};

use super::{Cached, PRICES, execute, expected, json_of, shop};

fn declared(subgraph: &str, names: &[&str]) -> EntityCacheConfig {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    EntityCacheConfig {
        private: BTreeMap::from([(subgraph.to_owned(), names)]),
        ..EntityCacheConfig::default()
    }
}

#[tokio::test]
async fn each_caller_finds_their_own_and_visitors_find_nothing() {
    let config = declared("shop", &["Product", "Query.day"]);
    let cached = Cached::new(shop().cacheable(60, false), config).await;
    for (name, router, cache) in cached.each() {
        let is_fetched = async |caller: &Caller| {
            let response = execute(router, PRICES, &["1"], caller.clone()).await;
            assert_eq!(json_of(&response), expected(&[1]), "over {name}");
            !cached.requested().is_empty()
        };
        let (ada, bob, visitor) = (
            Caller::customer("usr_1"),
            Caller::customer("usr_2"),
            Caller::default(),
        );
        for caller in [&ada, &bob] {
            assert!(is_fetched(caller).await, "over {name}");
            for _ in 0..3 {
                assert!(is_fetched(&visitor).await, "over {name}");
                assert!(!is_fetched(caller).await, "over {name}");
            }
        }
        // What a response may depend on makes another caller.
        let elsewhere = Caller {
            ip: Some([192, 0, 2, 1].into()),
            ..ada.clone()
        };
        assert!(is_fetched(&elsewhere).await, "over {name}");
        cache.invalidate(&Invalidation {
            callers: vec!["usr_1".to_owned()],
            ..Invalidation::default()
        });
        assert!(!is_fetched(&bob).await, "over {name}");
        assert!(is_fetched(&ada).await, "over {name}");
        assert!(is_fetched(&elsewhere).await, "over {name}");
        cache.invalidate(&Invalidation {
            entities: vec![InvalidEntity::new("Product", "id", "1")],
            ..Invalidation::default()
        });
        for caller in [&ada, &bob] {
            assert!(is_fetched(caller).await, "over {name}");
            assert!(!is_fetched(caller).await, "over {name}");
        }
    }
}

#[tokio::test]
async fn a_stored_private_value_makes_the_answer_private() {
    let config = declared("shop", &["Query.day"]);
    let cached = Cached::new(shop().cacheable(60, false), config).await;
    for (name, router, _) in cached.each() {
        for number in 0..3 {
            let caller = Caller::customer("usr_1");
            let response = execute(router, "{ day(number: 1) }", &[], caller).await;
            let policy = response.cache.expect("the client may store it");
            assert!(!policy.public && policy.max_age > 0, "over {name}");
            let is_fetched = !cached.graph.requests("shop").is_empty();
            assert_eq!(is_fetched, number == 0, "over {name}");
        }
    }
}

#[tokio::test]
async fn what_is_not_declared_is_not_stored() {
    for (subgraph, types) in [
        ("shop", ["Order"]),
        ("catalog", ["Product"]),
        ("shop", ["Query.day"]),
    ] {
        let config = declared(subgraph, &types);
        let cached = Cached::new(shop().cacheable(60, false), config).await;
        for (name, router, cache) in cached.each() {
            for _ in 0..3 {
                let caller = Caller::customer("usr_1");
                execute(router, PRICES, &["1"], caller).await;
                assert_eq!(cached.requested(), [["1"]], "over {name}");
            }
            assert_eq!(cache.size().0, 0, "over {name}");
        }
    }
}
