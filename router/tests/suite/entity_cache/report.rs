//! Requests may learn what came from the cache.

use platform::caller::Caller;
use router::{GraphQLRequest, Invalidation, RequestContext};
use serde_json::json;

use super::{Cached, PRICES, execute};

#[tokio::test]
async fn whoever_asks_learns_what_came_from_the_cache_and_why_not() {
    let cached = Cached::of_shop().await;
    for (name, router, cache) in cached.each() {
        let report = async |ids: &[&str]| {
            let request = GraphQLRequest::new(PRICES).with_variables(json!({ "ids": ids }));
            let context = RequestContext {
                shows_cache: true,
                ..RequestContext::default()
            };
            let response = router.execute(request, context).await;
            let uses = response.extensions["entityCache"].as_array().cloned();
            let mut uses = uses.expect("a list").into_iter();
            uses.find(|used| used["subgraph"] == "shop")
                .expect("a fetch")
        };
        let used = |hits: usize, invalidated: usize, misses: usize| {
            json!({ "subgraph": "shop", "type": "Product", "hits": hits, "misses": misses,
                "expired": 0, "invalidated": invalidated })
        };
        assert_eq!(report(&["1"]).await, used(0, 0, 1), "over {name}");
        assert_eq!(report(&["1", "2", "3"]).await, used(1, 0, 2), "over {name}");
        cache.invalidate(&Invalidation {
            types: vec!["Product".to_owned()],
            ..Invalidation::default()
        });
        assert_eq!(report(&["1", "2", "3"]).await, used(0, 3, 3), "over {name}");
        cache.suspend();
        let bypassed = json!({ "subgraph": "shop", "bypassed": "suspended" });
        assert_eq!(report(&["1"]).await, bypassed, "over {name}");
        let plain = execute(router, PRICES, &["1"], Caller::default()).await;
        assert!(plain.extensions.is_empty(), "over {name}");
    }
}
