//! `@defer`: a response in parts, whose initial one does not wait for what is deferred.

use std::pin::pin;

use futures::stream::BoxStream;
use futures::{StreamExt, poll};
use platform::testing::{PATIENCE, until};
use router::{
    DeferredPart, GraphQLRequest, OperationLimits, RequestContext, Router, RouterBuilder,
};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::kit::{Graph, Subgraph, failure};

/// Products, whose reviews are behind a gate, and which are stored in warehouses that another subgraph names.
async fn shop() -> (Graph, watch::Sender<bool>) {
    let (gate, closed) = watch::channel(true);
    let product = |id: &str| json!({ "id": id, "name": format!("The {id}"), "price": 5 });
    let products = Subgraph::new(
        "products",
        r#"type Query { product: Product products: [Product!]! none: Product }
           type Mutation { add: Product rename: Product }
           type Product @key(fields: "id") { id: ID! name: String price: Int }"#,
    )
    .root("product", product("a"))
    .root("products", json!([product("a"), product("b")]))
    .root("none", Value::Null)
    .root("add", product("a"))
    .root("rename", product("b"))
    .entity("Product", move |known| {
        product(known["id"].as_str().unwrap())
    });
    let reviews = Subgraph::new(
        "reviews",
        r#"type Query { latest: String }
           type Product @key(fields: "id") { id: ID! stars: Int reviews: [Review!] strict: Int! broken: Int }
           type Review @key(fields: "id") { id: ID! text: String from: Warehouse }
           type Warehouse @key(fields: "number") { number: Int! }"#,
    )
    .root("latest", json!("good"))
    .entity("Product", |known| {
        json!({
            "id": known["id"],
            "stars": 4,
            "reviews": [{ "id": "r", "text": "fine", "from": { "number": 2 } }],
            "strict": failure("no", json!({ "code": "CONFLICT" })),
            "broken": failure("no", json!({ "code": "CONFLICT" })),
        })
    })
    .entity("Review", |known| json!({ "id": known["id"], "text": "fine" }))
    .behind(closed);
    let stock = Subgraph::new(
        "stock",
        r#"type Query { s: Int }
           type Product @key(fields: "id") { id: ID! warehouse: Warehouse }
           type Warehouse @key(fields: "number") { number: Int! }"#,
    )
    .entity(
        "Product",
        |known| json!({ "id": known["id"], "warehouse": { "number": 1 } }),
    );
    let places = Subgraph::new(
        "places",
        r#"type Query { p: Int }
           type Warehouse @key(fields: "number") { number: Int! city: String }
           type Review @key(fields: "id") { id: ID! place: String }"#,
    )
    .entity(
        "Warehouse",
        |known| json!({ "number": known["number"], "city": "Bonn" }),
    )
    .entity(
        "Review",
        |known| json!({ "id": known["id"], "place": "Rome" }),
    );
    (Graph::new([products, reviews, stock, places]).await, gate)
}

/// The initial response as JSON, and the later ones.
async fn start(
    router: &Router,
    query: &str,
    variables: Value,
) -> (Value, Option<BoxStream<'static, DeferredPart>>) {
    let request = GraphQLRequest::new(query).with_variables(variables);
    let running = router.execute_incremental(request, RequestContext::default());
    let response = tokio::time::timeout(PATIENCE, running).await;
    let response = response.expect("the initial response, though the gate is closed");
    let initial = serde_json::from_slice(&response.initial.to_bytes()).expect("JSON");
    (initial, response.later)
}

fn json_of(part: &DeferredPart) -> Value {
    serde_json::from_slice(&part.to_bytes()).expect("JSON")
}

/// With the gate closed, both transports answer with `initial`; once it is open, `later` follows in these parts.
async fn check_with(query: &str, variables: Value, initial: Value, later: &[Value]) {
    let (graph, gate) = shop().await;
    for (name, router) in graph.routers() {
        gate.send_replace(true);
        let (first, rest) = start(router, query, variables.clone()).await;
        assert_eq!(first, initial, "over {name}");
        let Some(rest) = rest else {
            assert!(later.is_empty(), "nothing follows over {name}");
            continue;
        };
        gate.send_replace(false);
        let parts: Vec<Value> = rest.map(|part| json_of(&part)).collect().await;
        assert_eq!(parts, later, "over {name}");
    }
}

async fn check(query: &str, initial: Value, later: &[Value]) {
    check_with(query, json!({}), initial, later).await;
}

/// The last part, with these payloads.
fn last(payloads: Value) -> Value {
    json!({ "incremental": payloads, "hasNext": false })
}

#[tokio::test]
async fn the_initial_response_does_not_wait_for_what_is_deferred() {
    let (graph, gate) = shop().await;
    for (name, router) in graph.routers() {
        gate.send_replace(true);
        let query = r#"{ product { name ... @defer(label: "late") { reviews { text } } } }"#;
        let (initial, later) = start(router, query, json!({})).await;
        assert_eq!(
            initial,
            json!({ "data": { "product": { "name": "The a" } } })
        );
        let mut later = later.expect("the reviews follow");
        {
            let mut next = pin!(later.next());
            assert!(poll!(&mut next).is_pending(), "over {name}");
            gate.send_replace(false);
            let part = next.await.expect("the reviews");
            let payload = json!({
                "data": { "reviews": [{ "text": "fine" }] }, "path": ["product"], "label": "late",
            });
            assert_eq!(json_of(&part), last(json!([payload])), "over {name}");
        }
        assert!(later.next().await.is_none(), "over {name}");
    }
}

#[tokio::test]
async fn a_list_has_a_payload_for_each_object() {
    check(
        "{ products { id ...Late @defer } } fragment Late on Product { stars }",
        json!({ "data": { "products": [{ "id": "a" }, { "id": "b" }] } }),
        &[last(json!([
            { "data": { "stars": 4 }, "path": ["products", 0] },
            { "data": { "stars": 4 }, "path": ["products", 1] },
        ]))],
    )
    .await;
}

/// The planner has one fetch for entities of the same subgraph, here with different fields or the same.
#[tokio::test]
async fn entities_of_a_fetch_do_not_wait_for_those_that_are_deferred() {
    let initial = json!({ "data": { "product": { "warehouse": { "city": "Bonn" } } } });
    for (deferred, review) in [
        ("place", json!({ "place": "Rome" })),
        ("from { city }", json!({ "from": { "city": "Bonn" } })),
    ] {
        let query = format!(
            "{{ product {{ warehouse {{ city }} ... @defer {{ reviews {{ {deferred} }} }} }} }}"
        );
        let payload = json!({ "data": { "reviews": [review] }, "path": ["product"] });
        check(&query, initial.clone(), &[last(json!([payload]))]).await;
    }
}

/// The planner sends both fetches for the product at once, and the one for the warehouse after them.
#[tokio::test]
async fn a_fetch_waits_for_those_it_builds_on_only() {
    check(
        "{ product { warehouse { city } ... @defer { stars } } }",
        json!({ "data": { "product": { "warehouse": { "city": "Bonn" } } } }),
        &[last(
            json!([{ "data": { "stars": 4 }, "path": ["product"] }]),
        )],
    )
    .await;
}

#[tokio::test]
async fn parts_arrive_as_they_are_ready() {
    let (graph, gate) = shop().await;
    for (name, router) in graph.routers() {
        gate.send_replace(true);
        let query = r#"{ product { id
            ... @defer(label: "reviews") { stars }
            ... @defer(label: "stock") { warehouse { city } } } }"#;
        let (initial, later) = start(router, query, json!({})).await;
        assert_eq!(initial, json!({ "data": { "product": { "id": "a" } } }));
        let mut later = later.expect("parts");
        let next = tokio::time::timeout(PATIENCE, later.next()).await;
        let part = next.expect("the stock, though the gate is closed");
        let stock = json!({ "warehouse": { "city": "Bonn" } });
        let payload = json!({ "data": stock, "path": ["product"], "label": "stock" });
        let expected = json!({ "incremental": [payload], "hasNext": true });
        assert_eq!(part.as_ref().map(json_of), Some(expected), "over {name}");
        gate.send_replace(false);
        let rest: Vec<Value> = later.map(|part| json_of(&part)).collect().await;
        let payload = json!({ "data": { "stars": 4 }, "path": ["product"], "label": "reviews" });
        assert_eq!(rest, [last(json!([payload]))], "over {name}");
    }
}

#[tokio::test]
async fn deferred_fragments_follow_the_ones_they_are_in() {
    check(
        r#"{ product { id ... @defer(label: "outer") {
             reviews { text ... @defer(label: "inner") { place } } } } }"#,
        json!({ "data": { "product": { "id": "a" } } }),
        &[
            json!({
                "incremental": [{ "data": { "reviews": [{ "text": "fine" }] }, "path": ["product"], "label": "outer" }],
                "hasNext": true,
            }),
            last(json!([{ "data": { "place": "Rome" }, "path": ["product", "reviews", 0], "label": "inner" }])),
        ],
    )
    .await;
}

#[tokio::test]
async fn root_fields_of_another_subgraph_can_be_deferred() {
    check(
        "{ ... @defer { latest } product { id } }",
        json!({ "data": { "product": { "id": "a" } } }),
        &[last(json!([{ "data": { "latest": "good" }, "path": [] }]))],
    )
    .await;
}

/// Deferring costs no request: these come from the same fetch.
#[tokio::test]
async fn what_comes_with_the_rest_follows_at_once() {
    let (graph, _gate) = shop().await;
    let query = "{ product { name ... @defer { price name } } }";
    let (initial, later) = start(&graph.local, query, json!({})).await;
    assert_eq!(
        initial,
        json!({ "data": { "product": { "name": "The a" } } })
    );
    let parts: Vec<Value> = later
        .expect("parts")
        .map(|part| json_of(&part))
        .collect()
        .await;
    let payload = json!({ "data": { "price": 5, "name": "The a" }, "path": ["product"] });
    assert_eq!(parts, [last(json!([payload]))]);
    assert_eq!(graph.requests("products").len(), 1);
}

#[tokio::test]
async fn a_condition_decides_whether_to_defer() {
    let (graph, gate) = shop().await;
    gate.send_replace(false);
    let query = "query($late: Boolean! = true, $with: Boolean! = true) {
        product { id ... @defer(if: $late) @include(if: $with) { stars } } }";
    for (variables, initial, parts) in [
        (json!({}), json!({ "id": "a" }), 1),
        (
            json!({ "late": false }),
            json!({ "id": "a", "stars": 4 }),
            0,
        ),
        (json!({ "with": false }), json!({ "id": "a" }), 0),
    ] {
        let (first, later) = start(&graph.local, query, variables).await;
        assert_eq!(first, json!({ "data": { "product": initial } }));
        let later = match later {
            Some(later) => later.count().await,
            None => 0,
        };
        assert_eq!(later, parts);
    }
}

#[tokio::test]
async fn what_is_selected_elsewhere_too_is_not_deferred() {
    let (graph, gate) = shop().await;
    gate.send_replace(false);
    let query = "{ product { ...F @defer ...F } } fragment F on Product { stars }";
    let (initial, _) = start(&graph.local, query, json!({})).await;
    assert_eq!(initial, json!({ "data": { "product": { "stars": 4 } } }));
}

#[tokio::test]
async fn nothing_follows_for_an_object_that_is_not_there() {
    check(
        "{ none { id ... @defer { stars } } }",
        json!({ "data": { "none": null } }),
        &[],
    )
    .await;
}

#[tokio::test]
async fn a_null_propagates_to_the_fragment_at_most() {
    let error = |field: &str| {
        json!([{
            "message": "no", "path": ["product", field], "extensions": { "code": "CONFLICT" },
        }])
    };
    check(
        "{ product { id ... @defer { strict } } }",
        json!({ "data": { "product": { "id": "a" } } }),
        &[last(
            json!([{ "data": null, "path": ["product"], "errors": error("strict") }]),
        )],
    )
    .await;
    check(
        "{ product { id ... @defer { broken } } }",
        json!({ "data": { "product": { "id": "a" } } }),
        &[last(json!([
            { "data": { "broken": null }, "path": ["product"], "errors": error("broken") },
        ]))],
    )
    .await;
}

#[tokio::test]
async fn an_error_of_a_shared_fetch_is_shown_where_its_field_is() {
    let (graph, gate) = shop().await;
    gate.send_replace(false);
    let query = "{ product { stars ... @defer { broken } } }";
    let (initial, later) = start(&graph.local, query, json!({})).await;
    assert_eq!(initial, json!({ "data": { "product": { "stars": 4 } } }));
    let parts: Vec<Value> = later
        .expect("parts")
        .map(|part| json_of(&part))
        .collect()
        .await;
    let error = json!({
        "message": "no", "path": ["product", "broken"], "extensions": { "code": "CONFLICT" },
    });
    let payload = json!({ "data": { "broken": null }, "path": ["product"], "errors": [error] });
    assert_eq!(parts, [last(json!([payload]))]);
}

#[tokio::test]
async fn fields_of_a_mutation_can_be_deferred_below_its_root() {
    check(
        "mutation { rename { id } add { name ... @defer { stars } } }",
        json!({ "data": { "rename": { "id": "b" }, "add": { "name": "The a" } } }),
        &[last(json!([{ "data": { "stars": 4 }, "path": ["add"] }]))],
    )
    .await;
}

#[tokio::test]
async fn without_parts_deferred_fields_come_with_the_others() {
    let (graph, gate) = shop().await;
    gate.send_replace(false);
    let query = "{ product { id ... @defer { stars reviews { text ... @defer { place } } } } }";
    let expected = json!({ "data": { "product": {
        "id": "a", "stars": 4, "reviews": [{ "text": "fine", "place": "Rome" }],
    } } });
    graph.check(query, expected).await;
}

#[tokio::test]
async fn a_router_need_not_defer() {
    let product = Subgraph::new("a", "type Query { fast: Int slow: Int }");
    let product = product.root("fast", json!(1)).root("slow", json!(2));
    let graph = Graph::with([product], |builder| builder.defer(false)).await;
    let (initial, later) = start(&graph.local, "{ fast ... @defer { slow } }", json!({})).await;
    assert_eq!(initial, json!({ "data": { "fast": 1, "slow": 2 } }));
    assert!(later.is_none());
}

/// Six fragments that spread the next one twice each, deferred, and nested ones in the last.
fn multiplying(nested: usize) -> String {
    let fragments = (0..6).map(|level| {
        let next = level + 1;
        format!("fragment F{level} on Product {{ ...F{next} @defer ...F{next} @defer }} ")
    });
    let fragments: String = fragments.collect();
    let (open, close) = ("... @defer { ".repeat(nested), " }".repeat(nested));
    format!("{fragments} fragment F6 on Product {{ {open} id {close} }}")
}

/// The number of payloads, and the codes of their errors.
async fn payloads(later: BoxStream<'static, DeferredPart>) -> (usize, Vec<String>) {
    let parts: Vec<DeferredPart> = later.collect().await;
    let payloads: Vec<_> = parts.iter().flat_map(|part| &part.payloads).collect();
    let errors = payloads.iter().flat_map(|payload| &payload.errors);
    let codes = errors.map(|error| error.code().as_str().to_owned());
    assert_eq!(parts.last().map(|part| part.has_next), Some(false));
    (payloads.len(), codes.collect())
}

#[tokio::test]
async fn fragments_do_not_multiply_without_end() {
    let (graph, _gate) = shop().await;
    let query = |nested| {
        let fragments = multiplying(nested);
        format!("{{ products {{ ...F0 }} more: products {{ ...F0 }} }} {fragments}")
    };
    let (_, later) = start(&graph.local, &query(1), json!({})).await;
    let of_each = (1..=6).map(|level| 1 << level).sum::<usize>() + 64;
    let later = later.expect("parts");
    assert_eq!(payloads(later).await, (4 * of_each, Vec::new()));
    let (_, later) = start(&graph.local, &query(40), json!({})).await;
    let (count, codes) = payloads(later.expect("parts")).await;
    assert_eq!(count, 10_000);
    assert!(codes.iter().all(|code| code == "OPERATION_TOO_COMPLEX"));
    assert!(!codes.is_empty());
}

#[tokio::test]
async fn deferred_data_is_limited_like_what_it_is_made_of() {
    let product = Subgraph::new("a", "type Query { text: String }");
    let product = product.root("text", json!("x".repeat(600)));
    let small = |builder: RouterBuilder| {
        builder.limits(OperationLimits {
            response_bytes: 1_500,
            ..OperationLimits::default()
        })
    };
    let graph = Graph::with([product], small).await;
    let query = "{ __typename ... @defer { text } ... @defer { text } ... @defer { text } }";
    let (_, later) = start(&graph.local, query, json!({})).await;
    let parts: Vec<DeferredPart> = later.expect("parts").collect().await;
    let data = parts.iter().flat_map(|part| &part.payloads);
    let lengths: Vec<usize> = data.map(|payload| payload.data.len()).collect();
    assert_eq!(lengths, [611, 611, 4]);
}

#[tokio::test]
async fn the_rest_is_fetched_however_slowly_it_is_read() {
    let (graph, gate) = shop().await;
    let query = "{ product { id ... @defer { reviews { place } } } }";
    let (_, later) = start(&graph.local, query, json!({})).await;
    gate.send_replace(false);
    let what = "the places are requested, though nobody has read anything";
    until(what, async || !graph.requests("places").is_empty()).await;
    assert_eq!(later.expect("parts").count().await, 1);
}

#[tokio::test]
async fn the_work_ends_when_nobody_waits_for_the_rest() {
    let (graph, gate) = shop().await;
    let idle = gate.receiver_count();
    let query = "{ product { id ... @defer { stars } } }";
    let (_, later) = start(&graph.local, query, json!({})).await;
    let mut later = later.expect("parts");
    let waits = async {
        while gate.receiver_count() == idle {
            assert!(poll!(later.next()).is_pending());
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waits)
        .await
        .expect("the fetch waits at the gate");
    drop(later);
    let ends = async {
        while gate.receiver_count() > idle {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, ends)
        .await
        .expect("the fetch is aborted");
}
