//! Supergraphs as Apollo's composition writes them, for each version of the join specification; made by
//! `router/differential/fixtures.mjs`.

use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph};

async fn check_all(graph: &Graph, cases: impl IntoIterator<Item = (&'static str, Value)>) {
    for (query, answer) in cases {
        graph.check(query, json!({ "data": answer })).await;
    }
}

async fn library() -> Graph {
    let library = Subgraph::new(
        "library",
        r#"type Query { works: [Work] found: Found shared: Int }
           interface Work @key(fields: "id") { id: ID! title: String }
           type Book implements Work @key(fields: "id") { id: ID! title: String pages: Int secret: String }
           type Film implements Work @key(fields: "id") { id: ID! title: String }
           union Found = Book | Person
           type Person @key(fields: "name") { name: String }"#,
    )
    .root(
        "works",
        json!([work("Book"), work("Film")]),
    )
    .root("found", json!({ "__typename": "Person", "name": "Ann" }))
    .root("shared", json!(1))
    .entity("Work", |known| work(if known["id"] == "book" { "Book" } else { "Film" }))
    .entity("Book", |_| work("Book"))
    .entity("Film", |_| work("Film"));
    let ratings = Subgraph::new(
        "ratings",
        r#"type Query { best: Work shared: Int }
           type Work @key(fields: "id") { id: ID! title: String stars: Int headline: String }"#,
    )
    .root("best", json!({ "__typename": "Work", "id": "book", "stars": 5 }))
    .root("shared", json!(1))
    .entity("Work", |work| json!({ "__typename": "Work", "id": work["id"], "stars": 5, "headline": work["title"].as_str().map(str::to_uppercase) }));
    let people = Subgraph::new(
        "people",
        r#"type Query { p: Int }
           type Person @key(fields: "name") { name: String age: Int reads: [Book] }
           type Book { id: ID! }"#,
    )
    .entity(
        "Person",
        |person| json!({ "name": person["name"], "age": 30, "reads": [{ "id": "book" }] }),
    );
    let sdl = include_str!("fixtures/join-v0.3.graphql");
    Graph::composed(sdl, [library, ratings, people], |builder| builder).await
}

fn work(name: &str) -> Value {
    json!({ "__typename": name, "id": name.to_lowercase(), "title": format!("A {name}"), "pages": 9 })
}

#[tokio::test]
async fn of_version_0_3() {
    check_all(
        &library().await,
        [
            ("{ shared }", json!({ "shared": 1 })),
            (
                "{ works { __typename stars headline } }",
                json!({ "works": [
                    { "__typename": "Book", "stars": 5, "headline": "A BOOK" },
                    { "__typename": "Film", "stars": 5, "headline": "A FILM" },
                ] }),
            ),
            (
                "{ best { __typename title ... on Book { pages headline } } }",
                json!({ "best": { "__typename": "Book", "title": "A Book", "pages": 9, "headline": "A BOOK" } }),
            ),
            (
                "{ found { ... on Person { age reads { pages stars } } } }",
                json!({ "found": { "age": 30, "reads": [{ "pages": 9, "stars": 5 }] } }),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn inaccessible_fields_of_version_0_3_stay_unknown() {
    let graph = library().await;
    let answer = graph.text("{ works { ... on Book { secret } } }").await;
    assert!(answer.contains("GRAPHQL_VALIDATION_FAILED"), "{answer}");
}

/// An item whose fields are moving from one subgraph to another.
async fn moving(labels: &[&str]) -> Graph {
    let fields = |home: &str| {
        let mut item = json!({ "id": "1" });
        for field in ["always", "never", "half", "labelled"] {
            item[field] = json!(home);
        }
        item
    };
    let sdl = "type Item @key(fields: \"id\") { id: ID! always: String never: String half: String labelled: String }";
    let old = Subgraph::new("old", &format!("type Query {{ item: Item }} {sdl}"))
        .root("item", fields("old"));
    let new = Subgraph::new("new", &format!("type Query {{ n: Int }} {sdl}"))
        .entity("Item", move |_| fields("new"));
    let supergraph = include_str!("fixtures/join-v0.4.graphql");
    Graph::composed(supergraph, [old, new], |builder| {
        builder.override_labels(labels.iter().map(|label| (*label).to_owned()))
    })
    .await
}

#[tokio::test]
async fn a_label_moves_a_field_when_it_is_on() {
    for (labels, home) in [(&[][..], "old"), (&["other"], "old"), (&["moved"], "new")] {
        moving(labels)
            .await
            .check(
                "{ item { always never labelled } }",
                json!({ "data": { "item": { "always": "new", "never": "old", "labelled": home } } }),
            )
            .await;
    }
}

#[tokio::test]
async fn a_percentage_moves_a_field_for_its_share_of_requests() {
    let graph = moving(&[]).await;
    let mut moved = 0;
    for _ in 0..400 {
        let answer = graph.text("{ item { half } }").await;
        moved += usize::from(answer.contains("new"));
    }
    // Six standard deviations to each side.
    assert!((140..=260).contains(&moved), "{moved} of 400");
}

#[tokio::test]
async fn of_version_0_5() {
    let shop = Subgraph::new(
        "shop",
        r#"type Query { cart: Cart }
           type Mutation { add(id: ID!, colour: Colour = RED): Cart }
           type Cart { lines: [[Line!]] total: Int }
           type Line { product: Product count: Int! }
           type Product @key(fields: "id") { id: ID! name: String }
           enum Colour { RED BLUE }"#,
    )
    .root(
        "cart",
        json!({ "lines": [[{ "product": { "id": "1", "name": "provided" }, "count": 2 }], null, []], "total": 7 }),
    )
    .resolve("add", |arguments| {
        let colour = arguments["colour"].as_str().unwrap_or("RED").to_owned();
        json!({ "lines": [[{ "product": { "id": colour, "name": "provided" }, "count": 1 }]], "total": 1 })
    });
    let products = Subgraph::new(
        "products",
        r#"type Query { products(first: Int = 2): [Product!] }
           type Mutation { rename(id: ID!, name: String): Product }
           interface Named { name: String }
           type Product implements Named @key(fields: "id") @key(fields: "sku { code }") { id: ID! name: String sku: Sku price: Int }
           type Sku { code: String! }"#,
    )
    .root("products", json!([product("1"), product("2")]))
    .resolve("rename", |arguments| json!({ "id": arguments["id"], "name": arguments["name"], "sku": { "code": "S" }, "price": 3 }))
    .entity("Product", |known| product(known["id"].as_str().unwrap_or("1")));
    let stock = Subgraph::new(
        "stock",
        r#"type Query { s: Int } type Product @key(fields: "sku { code }") { sku: Sku left: Int } type Sku { code: String! }"#,
    )
    .entity("Product", |product| json!({ "sku": product["sku"], "left": product["sku"]["code"].as_str().unwrap().len() }));
    let sdl = include_str!("fixtures/join-v0.5.graphql");
    let graph = Graph::composed(sdl, [shop, products, stock], |builder| builder).await;
    check_all(
        &graph,
        [
            (
                "{ cart { total lines { count product { name } } } }",
                json!({ "cart": { "total": 7, "lines": [[{ "count": 2, "product": { "name": "provided" } }], null, []] } }),
            ),
            (
                "{ cart { lines { product { name price left } } } }",
                json!({ "cart": { "lines": [[{ "product": { "name": "provided", "price": 3, "left": 3 } }], null, []] } }),
            ),
            (
                "{ products { name left ... on Named { label: name } } }",
                json!({ "products": [{ "name": "n1", "left": 3, "label": "n1" }, { "name": "n2", "left": 3, "label": "n2" }] }),
            ),
            (
                r#"mutation { add(id: "1", colour: BLUE) { lines { product { id left } } } rename(id: "9", name: "x") { name left } more: add(id: "2") { total } }"#,
                json!({
                    "add": { "lines": [[{ "product": { "id": "BLUE", "left": 6 } }]] },
                    "rename": { "name": "x", "left": 1 },
                    "more": { "total": 1 },
                }),
            ),
        ],
    )
    .await;
}

fn product(id: &str) -> Value {
    json!({ "id": id, "name": format!("n{id}"), "sku": { "code": format!("S-{id}") }, "price": 3 })
}
