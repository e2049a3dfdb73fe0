//! Public data of subgraphs is stored by entity.

mod invalidation;
mod private;
mod report;

use std::sync::{Arc, Mutex};

use platform::caller::Caller;
use platform::config::Duration;
use platform::testing::until;
use router::{
    EntityCache, EntityCacheConfig, GraphQLRequest, GraphQLResponse, Invalidation, RequestContext,
    Router,
};
use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph, failure};

const CATALOG: &str = r#"
    type Query { products(ids: [ID!]!): [Product!]! best: Product }
    type Mutation { touch(id: ID!): Product }
    type Product @key(fields: "id") { id: ID! }"#;
const SHOP: &str = r#"
    type Query { currencies: [String!] day(number: Int): Int }
    type Product @key(fields: "id") { id: ID! price: Int stock(at: String): Int }"#;

/// A router over each transport, and their caches.
struct Cached {
    graph: Graph,
    caches: Vec<EntityCache>,
}

fn catalog() -> Subgraph {
    let product = |arguments: &Value| json!({ "id": arguments["id"] });
    Subgraph::new("catalog", CATALOG)
        .resolve("products", |arguments| {
            let ids = arguments["ids"].as_array().expect("ids");
            ids.iter().map(|id| json!({ "id": id })).collect()
        })
        .root("best", json!({ "id": "1" }))
        .resolve("touch", product)
}

/// Its products cost ten times their id.
fn shop() -> Subgraph {
    Subgraph::new("shop", SHOP)
        .root("currencies", json!(["EUR", "USD"]))
        .resolve("day", |arguments| arguments["number"].clone())
        .entity("Product", |representation| {
            let id: i64 = representation["id"].as_str().unwrap().parse().unwrap();
            match id {
                0 => Value::Null,
                99 => panic!("a bug"),
                13 => json!({ "id": "13", "price": failure("no price", json!({ "code": "CONFLICT" })) }),
                _ => json!({ "id": representation["id"], "price": 10 * id, "stock": id }),
            }
        })
        .cacheable(60, true)
}

impl Cached {
    async fn new(shop: Subgraph, config: EntityCacheConfig) -> Self {
        let caches = Mutex::new(Vec::new());
        let graph = Graph::with([catalog(), shop], |builder| {
            let cache = EntityCache::new(config.clone());
            caches.lock().unwrap().push(cache.clone());
            builder.entity_cache(cache)
        });
        let graph = graph.await;
        let caches = caches.into_inner().unwrap();
        Self { graph, caches }
    }

    async fn of_shop() -> Self {
        Self::new(shop(), EntityCacheConfig::default()).await
    }

    /// The name of each transport, with its router and cache.
    fn each(&self) -> impl Iterator<Item = (&'static str, &Router, &EntityCache)> {
        let routers = self.graph.routers().into_iter().zip(&self.caches);
        routers.map(|((name, router), cache)| (name, router, cache))
    }

    /// The ids of the products that the shop was asked for since the last call, by request.
    fn requested(&self) -> Vec<Vec<String>> {
        let requests = self.graph.requests("shop").into_iter();
        requests.map(|(_, variables)| ids(&variables)).collect()
    }
}

fn ids(variables: &Value) -> Vec<String> {
    let lists = variables.as_object().into_iter().flatten();
    let lists = lists.filter_map(|(_, list)| list.as_array());
    lists
        .flatten()
        .filter_map(|representation| Some(representation["id"].as_str()?.to_owned()))
        .collect()
}

const PRICES: &str = "query($ids: [ID!]!) { products(ids: $ids) { id price } }";

async fn execute(router: &Router, query: &str, ids: &[&str], caller: Caller) -> GraphQLResponse {
    let request = GraphQLRequest::new(query).with_variables(json!({ "ids": ids }));
    let context = RequestContext::for_caller(caller);
    router.execute(request, context).await
}

fn json_of(response: &GraphQLResponse) -> Value {
    serde_json::from_slice(&response.to_bytes()).expect("JSON")
}

async fn prices(router: &Router, ids: &[&str]) -> Value {
    json_of(&execute(router, PRICES, ids, Caller::default()).await)
}

/// What the shop says of these products.
fn expected(ids: &[i64]) -> Value {
    let products = ids
        .iter()
        .map(|id| json!({ "id": id.to_string(), "price": 10 * id }));
    json!({ "data": { "products": products.collect::<Vec<_>>() } })
}

#[tokio::test]
async fn only_what_is_missing_is_fetched_and_everything_is_in_its_place() {
    let cached = Cached::of_shop().await;
    for (name, router, cache) in cached.each() {
        assert_eq!(
            prices(router, &["1", "2"]).await,
            expected(&[1, 2]),
            "{name}"
        );
        assert_eq!(cached.requested(), [["1", "2"]], "over {name}");
        assert_eq!(
            prices(router, &["2", "1"]).await,
            expected(&[2, 1]),
            "{name}"
        );
        assert_eq!(cached.requested(), [] as [[&str; 0]; 0], "over {name}");
        let mixed = prices(router, &["3", "1", "4", "2", "3"]).await;
        assert_eq!(mixed, expected(&[3, 1, 4, 2, 3]), "over {name}");
        assert_eq!(cached.requested(), [["3", "4"]], "over {name}");
        let (_, bytes) = cache.size();
        assert!(bytes < 100_000, "{bytes} bytes");
    }
}

#[tokio::test]
async fn another_selection_or_other_arguments_are_other_values() {
    const STOCK: &str =
        "query($ids: [ID!]!, $at: String) { products(ids: $ids) { id stock(at: $at) } }";
    let cached = Cached::of_shop().await;
    for (name, router, _) in cached.each() {
        prices(router, &["1"]).await;
        cached.requested();
        let stock = |at: &'static str| async move {
            let variables = json!({ "ids": ["1"], "at": at });
            let request = GraphQLRequest::new(STOCK).with_variables(variables);
            json_of(&router.execute(request, RequestContext::default()).await)
        };
        let expected = json!({ "data": { "products": [{ "id": "1", "stock": 1 }] } });
        assert_eq!(stock("here").await, expected, "over {name}");
        assert_eq!(stock("there").await, expected, "over {name}");
        assert_eq!(cached.requested().len(), 2, "over {name}");
        assert_eq!(stock("here").await, expected, "over {name}");
        assert!(cached.requested().is_empty(), "over {name}");
        // The same fetch of a document that names its keys differently.
        let other = "query($ids: [ID!]!) { x: best { id } products(ids: $ids) { price id } }";
        let response = execute(router, other, &["1"], Caller::default()).await;
        let product = json_of(&response)["data"]["products"][0].clone();
        assert_eq!(product, json!({ "price": 10, "id": "1" }), "over {name}");
        assert!(cached.requested().is_empty(), "over {name}");
    }
}

#[tokio::test]
async fn root_fields_are_stored_by_their_arguments() {
    let cached = Cached::of_shop().await;
    for (name, router, cache) in cached.each() {
        let day = |number: i32| async move {
            let request =
                GraphQLRequest::new("query($number: Int) { day(number: $number) currencies }")
                    .with_variables(json!({ "number": number }));
            router.execute(request, RequestContext::default()).await
        };
        for number in [1, 2, 1, 2] {
            let response = day(number).await;
            let data = json!({ "day": number, "currencies": ["EUR", "USD"] });
            assert_eq!(json_of(&response), json!({ "data": data }), "over {name}");
            let policy = response.cache.expect("it may be stored");
            assert!(policy.public && (59..=60).contains(&policy.max_age));
        }
        assert_eq!(cached.graph.requests("shop").len(), 2, "over {name}");
        cache.invalidate(&Invalidation {
            root_fields: vec!["currencies".to_owned()],
            ..Invalidation::default()
        });
        day(1).await;
        assert_eq!(cached.graph.requests("shop").len(), 1, "over {name}");
    }
}

#[tokio::test]
async fn errors_and_absent_entities_are_not_stored() {
    let cached = Cached::of_shop().await;
    for (name, router, _) in cached.each() {
        prices(router, &["1"]).await;
        cached.requested();
        let answer = prices(router, &["0", "1"]).await;
        let products = json!([{ "id": "0", "price": null }, { "id": "1", "price": 10 }]);
        assert_eq!(answer["data"]["products"], products, "over {name}");
        assert_eq!(cached.requested(), [["0"]], "over {name}");
        for _ in 0..2 {
            let answer = prices(router, &["1", "13"]).await;
            let path = json!(["products", 1, "price"]);
            assert_eq!(answer["errors"][0]["path"], path, "over {name}: {answer}");
            assert_eq!(answer["data"]["products"][0]["price"], 10, "over {name}");
            assert_eq!(cached.requested(), [["13"]], "over {name}");
        }
    }
}

#[tokio::test]
async fn private_responses_are_neither_stored_nor_waited_for() {
    let private = Cached::new(shop().cacheable(60, false), EntityCacheConfig::default()).await;
    let uncacheable = Cached::new(shop().cacheable(0, true), EntityCacheConfig::default()).await;
    for cached in [&private, &uncacheable] {
        for (name, router, cache) in cached.each() {
            for _ in 0..3 {
                assert_eq!(prices(router, &["1"]).await, expected(&[1]), "over {name}");
                assert_eq!(cached.requested(), [["1"]], "over {name}");
            }
            assert_eq!(cache.size().0, 0, "over {name}");
        }
    }
}

#[tokio::test]
async fn what_is_stored_is_served_when_the_rest_cannot_be_fetched() {
    let cached = Cached::of_shop().await;
    for (name, router, _) in cached.each() {
        prices(router, &["1"]).await;
        let answer = prices(router, &["99", "1"]).await;
        let products = json!([{ "id": "99", "price": null }, { "id": "1", "price": 10 }]);
        assert_eq!(
            answer["data"]["products"], products,
            "over {name}: {answer}"
        );
        let error = &answer["errors"][0];
        let code = &error["extensions"]["code"];
        assert_eq!(code, "SUBGRAPH_UNAVAILABLE", "over {name}");
        assert_eq!(error["path"], json!(["products"]), "over {name}");
    }
}

#[tokio::test]
async fn callers_of_one_class_share_values_and_those_of_another_have_their_own() {
    let cached = Cached::of_shop().await;
    let merchant = Caller {
        scopes: ["merchandising".to_owned()].into(),
        ..Caller::customer("usr_3")
    };
    let mut german = Caller::customer("usr_4");
    german.locale.country = Some("DE".to_owned());
    let callers = [
        (Caller::default(), true),
        (Caller::customer("usr_1"), true),
        (Caller::customer("usr_2"), false),
        (merchant, true),
        (german, true),
    ];
    for (name, router, _) in cached.each() {
        for (number, (caller, is_first)) in callers.iter().enumerate() {
            let answer = execute(router, PRICES, &["1"], caller.clone()).await;
            assert_eq!(json_of(&answer), expected(&[1]), "over {name}");
            // The subgraph over HTTP is foreign and does not see who asks.
            let is_fetched = if name == "local" {
                *is_first
            } else {
                number == 0
            };
            assert_eq!(
                !cached.requested().is_empty(),
                is_fetched,
                "{name} {number}"
            );
        }
    }
}

#[tokio::test]
async fn mutations_see_what_they_have_changed() {
    let cached = Cached::of_shop().await;
    for (name, router, _) in cached.each() {
        prices(router, &["1"]).await;
        cached.requested();
        let request = GraphQLRequest::new("mutation { touch(id: \"1\") { id price } }");
        let response = router.execute(request, RequestContext::default()).await;
        let product = json!({ "id": "1", "price": 10 });
        assert_eq!(json_of(&response), json!({ "data": { "touch": product } }));
        assert_eq!(cached.requested(), [["1"]], "over {name}");
    }
}

#[tokio::test]
async fn a_suspended_cache_is_not_used_and_begins_empty() {
    let cached = Cached::of_shop().await;
    for (name, router, cache) in cached.each() {
        prices(router, &["1"]).await;
        cache.suspend();
        cached.requested();
        for _ in 0..2 {
            prices(router, &["1"]).await;
            assert_eq!(cached.requested(), [["1"]], "over {name}");
        }
        cache.resume();
        prices(router, &["1"]).await;
        assert_eq!(cached.requested(), [["1"]], "over {name}");
        prices(router, &["1"]).await;
        assert!(cached.requested().is_empty(), "over {name}");
    }
}

#[tokio::test]
async fn values_are_not_used_after_their_time_or_from_excluded_subgraphs() {
    let short = EntityCacheConfig {
        max_age: Duration::from_millis(1),
        ..EntityCacheConfig::default()
    };
    let cached = Cached::new(shop(), short).await;
    for (_, router, _) in cached.each() {
        prices(router, &["1"]).await;
        cached.requested();
        until("it is fetched again", async || {
            prices(router, &["1"]).await;
            !cached.requested().is_empty()
        })
        .await;
    }
    let excluded = EntityCacheConfig {
        exclude_subgraphs: vec!["shop".to_owned()],
        ..EntityCacheConfig::default()
    };
    let cached = Cached::new(shop(), excluded).await;
    for (name, router, _) in cached.each() {
        for _ in 0..2 {
            prices(router, &["1"]).await;
            assert_eq!(cached.requested(), [["1"]], "over {name}");
        }
    }
}

#[tokio::test]
async fn a_router_with_another_schema_finds_nothing_of_the_one_before() {
    let cache = EntityCache::new(EntityCacheConfig::default());
    let build = async |sdl: &str| {
        let shop = Subgraph::new("shop", sdl)
            .root("currencies", json!(["EUR"]))
            .cacheable(60, true);
        Graph::with([shop], |builder| builder.entity_cache(cache.clone())).await
    };
    let before = build("type Query { currencies: [String!] }").await;
    let query = "{ currencies }";
    let data = json!({ "data": { "currencies": ["EUR"] } });
    before.check(query, data.clone()).await;
    assert_eq!(before.requests("shop").len(), 2, "their URLs differ");
    let after = build("type Query { currencies: [String!] other: Int }").await;
    after.check(query, data).await;
    assert_eq!(after.requests("shop").len(), 2);
}

#[tokio::test]
async fn the_cache_is_shared_by_tasks() {
    let cached = Arc::new(Cached::of_shop().await);
    let tasks = (0..50).map(|number| {
        let cached = Arc::clone(&cached);
        tokio::spawn(async move {
            let id = (1 + number % 7).to_string();
            let answer = prices(&cached.graph.local, &[&id]).await;
            assert_eq!(answer, expected(&[1 + number % 7]));
        })
    });
    for task in futures::future::join_all(tasks).await {
        task.expect("no panic");
    }
    let requested = cached.requested();
    assert!(
        requested.len() <= 50 && requested.len() >= 7,
        "{requested:?}"
    );
}
