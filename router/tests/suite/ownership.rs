//! Which subgraph resolves a field: `@override`, `@provides`, shared fields and root fields; and elements hidden from
//! clients or unknown to subgraphs: `@inaccessible`, enum values and inputs.

use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph};

#[tokio::test]
async fn overridden_fields_of_interface_members_come_from_their_new_home() {
    let posts = Subgraph::new(
        "posts",
        r#"type Query { feed: [Post] }
           interface Post { id: ID! createdAt: String }
           type Text implements Post @key(fields: "id") { id: ID! createdAt: String body: String }
           type Image implements Post @key(fields: "id") { id: ID! createdAt: String url: String }"#,
    )
    .root(
        "feed",
        json!([
            { "__typename": "Text", "id": "1", "createdAt": "old", "body": "T" },
            { "__typename": "Image", "id": "2", "createdAt": "kept", "url": "U" },
        ]),
    )
    .entity("Text", |_| panic!("overridden"));
    let clock = Subgraph::new(
        "clock",
        r#"type Query { latest: [Text] }
           type Text @key(fields: "id") { id: ID! createdAt: String @override(from: "posts") }"#,
    )
    .root("latest", json!([{ "id": "1", "createdAt": "new" }]))
    .entity(
        "Text",
        |text| json!({ "id": text["id"], "createdAt": "new" }),
    );
    let graph = Graph::new([posts, clock]).await;
    for (query, answer) in [
        (
            "{ feed { id createdAt } }",
            json!({ "feed": [{ "id": "1", "createdAt": "new" }, { "id": "2", "createdAt": "kept" }] }),
        ),
        (
            "{ feed { ... on Text { at: createdAt } ... on Image { at: createdAt url } } }",
            json!({ "feed": [{ "at": "new" }, { "at": "kept", "url": "U" }] }),
        ),
    ] {
        graph.check(query, json!({ "data": answer })).await;
    }
}

#[tokio::test]
async fn an_overridden_subgraph_may_be_out_of_reach() {
    let old = Subgraph::new(
        "old",
        r#"type Query { legacy: Int } type Item @key(fields: "id") { id: ID! stock: Int note: String }"#,
    )
    .root("legacy", json!(1))
    .entity("Item", |_| panic!("out of reach"));
    let new = Subgraph::new(
        "new",
        r#"type Query { item: Item } type Item @key(fields: "id") { id: ID! stock: Int @override(from: "old") }"#,
    )
    .root("item", json!({ "id": "1", "stock": 5 }));
    let graph = Graph::new([old, new]).await;
    graph
        .check(
            "{ item { stock } }",
            json!({ "data": { "item": { "stock": 5 } } }),
        )
        .await;
    graph
        .check(
            "{ item { stock note } }",
            json!({
                "data": { "item": { "stock": 5, "note": null } },
                "errors": [{
                    "message": "This part of the answer is not available at the moment.",
                    "path": ["item"],
                    "extensions": { "code": "SUBGRAPH_UNAVAILABLE" },
                }],
            }),
        )
        .await;
}

/// Reviews that provide some fields of their products, through objects, interfaces and unions.
async fn providing() -> Graph {
    let products = Subgraph::new(
        "products",
        r#"type Query { p: Int }
           interface Product { id: ID! name: String }
           type Book implements Product @key(fields: "id") { id: ID! name: String @shareable maker: Maker @shareable pages: Int }
           type Game implements Product @key(fields: "id") { id: ID! name: String @shareable players: Int }
           type Maker @key(fields: "id") { id: ID! name: String @shareable }"#,
    )
    .entity("Book", |book| json!({ "id": book["id"], "name": "fetched", "maker": { "id": "m", "name": "fetched" }, "pages": 7 }))
    .entity("Game", |game| json!({ "id": game["id"], "name": "fetched", "players": 2 }))
    .entity("Maker", |maker| json!({ "id": maker["id"], "name": "fetched" }));
    let reviews = Subgraph::new(
        "reviews",
        r#"type Query {
             review: Review
             bare: Review
             subject: Subject @provides(fields: "... on Book { name }")
           }
           type Review {
             book: Book @provides(fields: "name maker { name }")
             plain: Book
             product: Product @provides(fields: "... on Book { name } ... on Game { name }")
           }
           interface Product { id: ID! }
           union Subject = Book | Game
           type Book implements Product @key(fields: "id") { id: ID! name: String @external maker: Maker @external }
           type Game implements Product @key(fields: "id") { id: ID! name: String @external }
           type Maker @key(fields: "id") { id: ID! name: String @external }"#,
    )
    .root("review", review())
    .root("bare", review())
    .root("subject", json!({ "__typename": "Book", "id": "b", "name": "provided" }));
    Graph::new([products, reviews]).await
}

fn review() -> Value {
    let book = json!({ "__typename": "Book", "id": "b", "name": "provided", "maker": { "id": "m", "name": "provided" } });
    json!({ "book": book, "plain": book, "product": { "__typename": "Game", "id": "g", "name": "provided" } })
}

#[tokio::test]
async fn provided_fields_are_taken_where_they_are_provided_only() {
    let graph = providing().await;
    for (query, answer) in [
        (
            "{ review { book { name maker { name } } } }",
            json!({ "review": { "book": { "name": "provided", "maker": { "name": "provided" } } } }),
        ),
        (
            "{ review { plain { name } } }",
            json!({ "review": { "plain": { "name": "fetched" } } }),
        ),
        (
            "{ subject { ... on Book { name } } }",
            json!({ "subject": { "name": "provided" } }),
        ),
        (
            "{ review { product { ... on Game { name } } } }",
            json!({ "review": { "product": { "name": "provided" } } }),
        ),
    ] {
        graph.check(query, json!({ "data": answer })).await;
    }
    assert!(
        graph.requests("products").len() <= 2,
        "only the plain book is fetched"
    );
}

#[tokio::test]
async fn what_is_not_provided_is_fetched_beside_what_is() {
    let graph = providing().await;
    for (query, answer) in [
        (
            "{ review { book { name pages } } }",
            json!({ "review": { "book": { "name": "provided", "pages": 7 } } }),
        ),
        (
            "{ review { product { ... on Game { players } ... on Book { pages } } } }",
            json!({ "review": { "product": { "players": 2 } } }),
        ),
    ] {
        graph.check(query, json!({ "data": answer })).await;
    }
}

/// Three subgraphs that share root fields and value types.
async fn sharing() -> Graph {
    let names = Subgraph::new(
        "names",
        r#"type Query { item: Item @shareable items(in: [Colour], filter: Filter): [Name] @shareable common: Int @shareable }
           type Item { id: Id @shareable name: Name }
           type Id { raw: String @shareable }
           type Name { text: String }
           enum Colour { RED GREEN }
           input Filter { colour: Colour size: Int }"#,
    )
    .root("item", json!({ "id": { "raw": "1" }, "name": { "text": "N" } }))
    .root("common", json!(7));
    let prices = Subgraph::new(
        "prices",
        r#"type Query { item: Item @shareable common: Int @shareable cheap(filter: Filter, colour: Colour): [String] paint: Paint }
           type Item { id: Id @shareable price: Price }
           type Id { raw: String @shareable }
           type Price { amount: Int }
           type Paint { colour: Shade name: String }
           enum Shade { LIGHT DARK }
           enum Colour { RED GREEN BLUE }
           input Filter { colour: Colour size: Int secret: String }"#,
    )
    .root("item", json!({ "id": { "raw": "1" }, "price": { "amount": 5 } }))
    .root("common", json!(7))
    .root("paint", json!({ "colour": "DARK", "name": "p" }))
    .resolve("cheap", |arguments| json!([arguments["filter"].to_string(), arguments["colour"].to_string()]));
    let more = Subgraph::new(
        "more",
        r#"type Query { shades: [Shade] hidden: Int @inaccessible open: Open }
           enum Shade { LIGHT DARK GLOOM @inaccessible }
           type Open { visible: Int secret: Int @inaccessible by(key: String @inaccessible, other: Int): Int }"#,
    )
    .root("shades", json!(["LIGHT", "GLOOM", "DARK"]))
    .root("open", json!({ "visible": 1, "secret": 2, "by": 3 }));
    Graph::new([names, prices, more]).await
}

#[tokio::test]
async fn a_shared_root_is_put_together_from_all_that_share_it() {
    let graph = sharing().await;
    for (query, answer) in [
        ("{ common }", json!({ "common": 7 })),
        (
            "{ item { id { raw } name { text } price { amount } } }",
            json!({ "item": { "id": { "raw": "1" }, "name": { "text": "N" }, "price": { "amount": 5 } } }),
        ),
        ("{ a: common b: common }", json!({ "a": 7, "b": 7 })),
        (
            "{ item { id { raw } } common }",
            json!({ "item": { "id": { "raw": "1" } }, "common": 7 }),
        ),
    ] {
        graph.check(query, json!({ "data": answer })).await;
    }
    assert_eq!(
        graph.requests("names").len() + graph.requests("prices").len(),
        10,
        "both for the third, one for each of the others"
    );
}

#[tokio::test]
async fn values_that_only_some_subgraphs_know() {
    let graph = sharing().await;
    for (query, answer) in [
        (
            "{ cheap(filter: { colour: RED, size: 1 }, colour: GREEN) }",
            json!({ "data": { "cheap": ["{\"colour\":\"RED\",\"size\":1}", "\"GREEN\""] } }),
        ),
        (
            "{ paint { colour } }",
            json!({ "data": { "paint": { "colour": "DARK" } } }),
        ),
    ] {
        graph.check(query, answer).await;
    }
    for query in [
        "{ cheap(filter: { secret: \"x\" }) }",
        "{ cheap(colour: BLUE) }",
    ] {
        let answer = graph.text(query).await;
        assert!(
            answer.contains("GRAPHQL_VALIDATION_FAILED"),
            "{query}: {answer}"
        );
    }
}

#[tokio::test]
async fn what_is_inaccessible_can_neither_be_asked_for_nor_shows() {
    let graph = sharing().await;
    for query in [
        "{ hidden }",
        "{ open { secret } }",
        "{ open { by(key: \"x\") } }",
        "{ __type(name: \"Open\") { fields { name args { name } } } }",
        "{ __type(name: \"Shade\") { enumValues { name } } }",
    ] {
        let answer = graph.text(query).await;
        assert!(!answer.contains("\"secret\""), "{answer}");
        assert!(!answer.contains("GLOOM"), "{answer}");
        assert!(
            query.contains("__type") || answer.contains("GRAPHQL_VALIDATION_FAILED"),
            "{query}: {answer}"
        );
    }
    graph
        .check(
            "{ open { visible by(other: 1) } }",
            json!({ "data": { "open": { "visible": 1, "by": 3 } } }),
        )
        .await;
    let shades = graph.text("{ shades }").await;
    assert!(
        shades.contains(r#"{"shades":["LIGHT",null,"DARK"]}"#),
        "{shades}"
    );
}
