//! Root mutation fields run serially and completely: no request for a field is sent while one for an earlier field is
//! in progress.

use serde_json::{Value, json};

use crate::kit::{Graph, Journal, Subgraph, failure};

/// Products are created in `a`, judged in `b` and counted in `c`, which also assigns them to shelves named by `a`.
async fn shop(journal: &Journal) -> Graph {
    let product = |id: &str, price: i64| json!({ "id": id, "price": price });
    let a = Subgraph::new(
        "a",
        r#"type Query { product: Product }
           type Mutation { addProduct(price: Int = 1): Product rename(to: String): Product fail: Product failHard: Int! log(line: String): Int }
           type Product @key(fields: "id") { id: ID! price: Int }
           type Shelf @key(fields: "number") { number: Int! name: String }"#,
    )
    .resolve("addProduct", move |arguments| {
        product("p1", arguments["price"].as_i64().unwrap_or(1))
    })
    .root("rename", product("p2", 2))
    .root("fail", failure("no", json!({ "code": "CONFLICT" })))
    .root("failHard", failure("no", json!({ "code": "CONFLICT" })))
    .root("log", json!(7))
    .root("product", product("p9", 9))
    .entity("Product", move |known| product(known["id"].as_str().unwrap(), 5))
    .entity("Shelf", |shelf| json!({ "number": shelf["number"], "name": "top" }));
    let b = Subgraph::new(
        "b",
        r#"type Query { b: Int }
           type Mutation { judge: Product }
           type Product @key(fields: "id") { id: ID! price: Int @external isExpensive: Boolean @requires(fields: "price") rank: Rank }
           type Rank @key(fields: "id") { id: ID! }"#,
    )
    .root("judge", json!({ "id": "p3", "rank": { "id": "r" } }))
    .entity("Product", |known| {
        json!({ "id": known["id"], "isExpensive": known["price"].as_i64().map(|price| price > 3), "rank": { "id": "r" } })
    });
    let c = Subgraph::new(
        "c",
        r#"type Query { c: Int }
           type Mutation { add(num: Int): Int shelve: Shelf }
           type Shelf @key(fields: "number") { number: Int! }
           type Rank @key(fields: "id") { id: ID! place: Int }"#,
    )
    .resolve("add", |arguments| arguments["num"].clone())
    .root("shelve", json!({ "number": 4 }))
    .entity("Rank", |_| json!({ "id": "r", "place": 1 }));
    Graph::new([a, b, c].map(|subgraph| subgraph.journaled(journal))).await
}

/// Both transports return `expected` with exactly these requests, each answered before the next is sent.
async fn check(query: &str, variables: Value, expected: Value, requests: &[&str]) {
    let journal = Journal::default();
    let graph = shop(&journal).await;
    graph.check_with(query, variables, expected).await;
    let mut whole: Vec<String> = Vec::new();
    for request in requests {
        let (subgraph, _) = request.split_once(' ').unwrap();
        whole.extend([(*request).to_owned(), format!("{subgraph} answers")]);
    }
    whole.extend(whole.clone());
    assert_eq!(*journal.lock().unwrap(), whole, "{query}");
}

#[tokio::test]
async fn the_next_field_waits_for_the_entities_of_the_last() {
    check(
        "mutation { create: addProduct(price: 5) { isExpensive } count: add(num: 1) }",
        json!({}),
        json!({ "data": { "create": { "isExpensive": true }, "count": 1 } }),
        &["a addProduct", "b _entities", "c add"],
    )
    .await;
}

#[tokio::test]
async fn fields_of_one_subgraph_are_one_request_when_nothing_is_between() {
    check(
        "mutation { create: addProduct { id } again: rename { id price } line: log }",
        json!({}),
        json!({ "data": { "create": { "id": "p1" }, "again": { "id": "p2", "price": 2 }, "line": 7 } }),
        &["a addProduct rename log"],
    )
    .await;
    // Only the last one needs another subgraph, after all of them.
    check(
        "mutation { line: log create: addProduct(price: 5) { isExpensive } }",
        json!({}),
        json!({ "data": { "line": 7, "create": { "isExpensive": true } } }),
        &["a log addProduct", "b _entities"],
    )
    .await;
    // The first one needs another subgraph before the second may run.
    check(
        "mutation { create: addProduct(price: 5) { isExpensive } line: log more: log(line: \"x\") }",
        json!({}),
        json!({ "data": { "create": { "isExpensive": true }, "line": 7, "more": 7 } }),
        &["a addProduct", "b _entities", "a log log"],
    )
    .await;
    check(
        "mutation { one: addProduct(price: 5) { isExpensive } two: rename { isExpensive } }",
        json!({}),
        json!({ "data": { "one": { "isExpensive": true }, "two": { "isExpensive": false } } }),
        &["a addProduct", "b _entities", "a rename", "b _entities"],
    )
    .await;
}

#[tokio::test]
async fn three_fields_alternate_between_subgraphs() {
    check(
        "mutation { one: add(num: 1) create: addProduct { id } two: add(num: 2) again: rename { id } three: add(num: 3) four: add(num: 4) }",
        json!({}),
        json!({ "data": { "one": 1, "create": { "id": "p1" }, "two": 2, "again": { "id": "p2" }, "three": 3, "four": 4 } }),
        &["c add", "a addProduct", "c add", "a rename", "c add add"],
    )
    .await;
    check(
        "mutation { shelve { name number } judge { rank { place } } add(num: 3) }",
        json!({}),
        json!({ "data": { "shelve": { "name": "top", "number": 4 }, "judge": { "rank": { "place": 1 } }, "add": 3 } }),
        &["c shelve", "a _entities", "b judge", "c _entities", "c add"],
    )
    .await;
}

#[tokio::test]
async fn entities_below_entities_come_before_the_next_field() {
    check(
        "mutation { create: addProduct { rank { place } } count: add(num: 1) }",
        json!({}),
        json!({ "data": { "create": { "rank": { "place": 1 } }, "count": 1 } }),
        &["a addProduct", "b _entities", "c _entities", "c add"],
    )
    .await;
}

#[tokio::test]
async fn skipped_fields_between_change_nothing() {
    let query = "mutation($s: Boolean!) { create: addProduct(price: 5) { isExpensive } x: add(num: 9) @skip(if: $s) rename @include(if: false) { id } count: add(num: 1) }";
    check(
        query,
        json!({ "s": true }),
        json!({ "data": { "create": { "isExpensive": true }, "count": 1 } }),
        &["a addProduct", "b _entities", "c add"],
    )
    .await;
    check(
        query,
        json!({ "s": false }),
        json!({ "data": { "create": { "isExpensive": true }, "x": 9, "count": 1 } }),
        &["a addProduct", "b _entities", "c add add"],
    )
    .await;
    // A skipped field between two fields of the same subgraph makes them adjacent.
    check(
        "mutation { line: log x: add @skip(if: true) create: addProduct { id } }",
        json!({}),
        json!({ "data": { "line": 7, "create": { "id": "p1" } } }),
        &["a log addProduct"],
    )
    .await;
    check(
        "mutation { x: add @skip(if: true) }",
        json!({}),
        json!({ "data": {} }),
        &[],
    )
    .await;
}

#[tokio::test]
async fn fragments_and_repeated_keys_run_where_they_first_occur() {
    check(
        "mutation { ...F ... on Mutation { count: add(num: 1) } ... @include(if: true) { create: addProduct(price: 5) { id } line: log } }
         fragment F on Mutation { create: addProduct(price: 5) { isExpensive } ...G } fragment G on Mutation { __typename create: addProduct(price: 5) { price } }",
        json!({}),
        json!({ "data": { "create": { "isExpensive": true, "price": 5, "id": "p1" }, "__typename": "Mutation", "count": 1, "line": 7 } }),
        &["a addProduct", "b _entities", "c add", "a log"],
    )
    .await;
}

#[tokio::test]
async fn variables_reach_the_request_that_needs_them() {
    check(
        "mutation($price: Int, $num: Int, $unused: String) { create: addProduct(price: $price) { isExpensive } count: add(num: $num) log(line: $unused) }",
        json!({ "price": 1, "num": 2 }),
        json!({ "data": { "create": { "isExpensive": false }, "count": 2, "log": 7 } }),
        &["a addProduct", "b _entities", "c add", "a log"],
    )
    .await;
}

#[tokio::test]
async fn an_error_of_one_field_does_not_stop_the_next() {
    let conflict = |path: &str| json!({ "message": "no", "path": [path], "extensions": { "code": "CONFLICT" } });
    check(
        "mutation { first: fail { isExpensive } count: add(num: 1) create: addProduct { id } }",
        json!({}),
        json!({ "data": { "first": null, "count": 1, "create": { "id": "p1" } }, "errors": [conflict("first")] }),
        &["a fail", "c add", "a addProduct"],
    )
    .await;
    // Its null propagates to the whole response, but later fields still run.
    check(
        "mutation { first: failHard count: add(num: 1) }",
        json!({}),
        json!({ "data": null, "errors": [conflict("first")] }),
        &["a failHard", "c add"],
    )
    .await;
}

#[tokio::test]
async fn a_query_below_a_field_comes_before_the_next_field() {
    let journal = Journal::default();
    let a = Subgraph::new(
        "a",
        "type Query { a: Int @shareable } type Mutation { touch: Touched } type Touched { done: Boolean query: Query }",
    )
    .root("touch", json!({ "done": true, "query": { "a": 1 } }))
    .root("a", json!(1));
    let b = Subgraph::new("b", "type Query { b: Int } type Mutation { add: Int }")
        .root("b", json!(2))
        .root("add", json!(3));
    let graph = Graph::new([a, b].map(|subgraph| subgraph.journaled(&journal))).await;
    graph
        .check(
            "mutation { touch { done query { b } } add }",
            json!({ "data": { "touch": { "done": true, "query": { "b": 2 } }, "add": 3 } }),
        )
        .await;
    let once = [
        "a touch",
        "a answers",
        "b b",
        "b answers",
        "b add",
        "b answers",
    ];
    assert_eq!(*journal.lock().unwrap(), [once, once].concat());
}
