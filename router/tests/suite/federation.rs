//! Data from several subgraphs in one response: entities, `@requires`, `@provides`, abstract types.

use crate::kit::{Graph, Subgraph};
use serde_json::json;

fn id(representation: &serde_json::Value) -> &str {
    representation["id"].as_str().expect("an id")
}

fn shop() -> [Subgraph; 3] {
    let orders = Subgraph::new(
        "orders",
        r#"type Query { me: Customer! orders: [Order!]! matrix: [[Order]] }
           type Customer @key(fields: "id") { id: ID! orders: [Order!]! }
           type Order @key(fields: "id") { id: ID! items: [Item!]! }
           type Item { product: Product quantity: Int! }
           type Product @key(fields: "id", resolvable: false) { id: ID! }"#,
    )
    .root(
        "me",
        json!({ "id": "c1", "orders": [
            { "id": "o1", "items": [{ "quantity": 1, "product": { "id": "p1" } }, { "quantity": 2, "product": { "id": "p2" } }] },
            { "id": "o2", "items": [{ "quantity": 3, "product": { "id": "p1" } }, { "quantity": 4, "product": null }] },
        ]}),
    )
    .root("orders", json!([]))
    .root("matrix", json!([[{ "id": "o1", "items": [] }, null], null, [], [{ "id": "o2", "items": [] }]]));
    let search = Subgraph::new(
        "search",
        r#"type Query { product(id: ID!): Product }
           type Product @key(fields: "id") { id: ID! title: String! weight: Int }"#,
    )
    .resolve("product", |arguments| {
        json!({ "id": arguments["id"], "title": format!("Product {}", arguments["id"].as_str().unwrap_or_default()), "weight": 3 })
    })
    .entity("Product", |product| {
        json!({ "id": product["id"], "title": format!("Title \"{}\"\n", id(product)), "weight": 7 })
    });
    let shipping = Subgraph::new(
        "shipping",
        r#"type Query { carriers: [String!]! }
           type Product @key(fields: "id") { id: ID! weight: Int @external cost(express: Boolean): Int @requires(fields: "weight") }
           type Order @key(fields: "id") { id: ID! shipped: Boolean }"#,
    )
    .root("carriers", json!(["DHL"]))
    .entity("Product", |product| json!({ "cost": product["weight"].as_i64().unwrap_or(-1) * 10 }))
    .entity("Order", |order| json!({ "shipped": id(order) == "o2" }));
    [orders, search, shipping]
}

#[tokio::test]
async fn entities_of_several_subgraphs_make_one_answer() {
    let graph = Graph::new(shop()).await;
    graph
        .check(
            "{ me { orders { id shipped items { quantity product { title } } } } }",
            json!({ "data": { "me": { "orders": [
                { "id": "o1", "shipped": false, "items": [
                    { "quantity": 1, "product": { "title": "Title \"p1\"\n" } },
                    { "quantity": 2, "product": { "title": "Title \"p2\"\n" } } ] },
                { "id": "o2", "shipped": true, "items": [
                    { "quantity": 3, "product": { "title": "Title \"p1\"\n" } },
                    { "quantity": 4, "product": null } ] },
            ]}}}),
        )
        .await;
}

#[tokio::test]
async fn each_entity_is_asked_for_once() {
    let graph = Graph::new(shop()).await;
    graph
        .text("{ me { orders { items { product { title } } } } }")
        .await;
    let requests = graph.requests("search");
    assert_eq!(requests.len(), 1, "{requests:?}");
    let representations = requests[0].1["representations"].as_array().expect("a list");
    assert_eq!(
        *representations,
        [
            json!({ "__typename": "Product", "id": "p1" }),
            json!({ "__typename": "Product", "id": "p2" })
        ]
    );
    assert_eq!(graph.requests("shipping"), []);
}

#[tokio::test]
async fn entities_are_found_in_lists_of_lists() {
    let graph = Graph::new(shop()).await;
    graph
        .check(
            "{ matrix { id shipped } }",
            json!({ "data": { "matrix": [
                [{ "id": "o1", "shipped": false }, null], null, [], [{ "id": "o2", "shipped": true }]
            ]}}),
        )
        .await;
}

#[tokio::test]
async fn required_fields_come_from_their_own_subgraph_first() {
    let graph = Graph::new(shop()).await;
    graph
        .check(
            "{ me { orders { items { product { cost(express: true) } } } } product(id: \"x\") { cost title } }",
            json!({ "data": {
                "me": { "orders": [
                    { "items": [{ "product": { "cost": 70 } }, { "product": { "cost": 70 } }] },
                    { "items": [{ "product": { "cost": 70 } }, { "product": null }] },
                ]},
                "product": { "cost": 30, "title": "Product x" },
            }}),
        )
        .await;
}

#[tokio::test]
async fn the_answer_has_the_clients_order_and_aliases() {
    let graph = Graph::new(shop()).await;
    let text = graph
        .text(
            "query Page { z: carriers a: me { __typename second: orders { kind: __typename ...O id } ...C } }
             fragment O on Order { shipped also: shipped } fragment C on Customer { id }",
        )
        .await;
    assert_eq!(
        text,
        r#"{"data":{"z":["DHL"],"a":{"__typename":"Customer","second":[{"kind":"Order","shipped":false,"also":false,"id":"o1"},{"kind":"Order","shipped":true,"also":true,"id":"o2"}],"id":"c1"}}}"#
    );
}

#[tokio::test]
async fn skipped_fields_are_neither_fetched_nor_answered() {
    let graph = Graph::new(shop()).await;
    let query = "query($deep: Boolean! = false, $no: Boolean!) {
        me { id @skip(if: $no) orders @include(if: $deep) { shipped } ... @include(if: $deep) { again: id } } }";
    graph
        .check_with(
            query,
            json!({ "no": true, "deep": true }),
            json!({ "data": { "me": {
            "orders": [{ "shipped": false }, { "shipped": true }], "again": "c1" } } }),
        )
        .await;
    graph.requests("shipping");
    graph
        .check_with(
            query,
            json!({ "no": false }),
            json!({ "data": { "me": { "id": "c1" } } }),
        )
        .await;
    graph
        .check_with(
            query,
            json!({ "no": true }),
            json!({ "data": { "me": {} } }),
        )
        .await;
    assert_eq!(graph.requests("shipping"), []);
}

#[tokio::test]
async fn provided_fields_save_the_fetch() {
    let reviews = Subgraph::new(
        "reviews",
        r#"type Query { reviews: [Review!]! }
           type Review { author: User @provides(fields: "name") }
           type User @key(fields: "id") { id: ID! name: String @external }"#,
    )
    .root(
        "reviews",
        json!([{ "author": { "id": "u1", "name": "Ada" } }]),
    );
    let users = Subgraph::new(
        "users",
        r#"type Query { user: User } type User @key(fields: "id") { id: ID! name: String @shareable age: Int }"#,
    )
    .root("user", json!({ "id": "u1", "name": "Ada", "age": 36 }))
    .entity("User", |_| json!({ "name": "other", "age": 36 }));
    let graph = Graph::new([reviews, users]).await;
    let expected = json!({ "data": { "reviews": [{ "author": { "name": "Ada" } }] } });
    graph
        .check("{ reviews { author { name } } }", expected)
        .await;
    assert_eq!(graph.requests("users"), []);
    let expected = json!({ "data": { "reviews": [{ "author": { "name": "Ada", "age": 36 } }] } });
    graph
        .check("{ reviews { author { name age } } }", expected)
        .await;
    assert_eq!(graph.requests("users").len(), 2);
}

fn catalog() -> [Subgraph; 2] {
    let feed = Subgraph::new(
        "feed",
        r#"type Query { feed: [Entry] nodes: [Node!]! }
           union Entry = Book | Film
           interface Node { id: ID! }
           type Book implements Node @key(fields: "id") { id: ID! pages: Int }
           type Film implements Node @key(fields: "id") { id: ID! minutes: Int }"#,
    )
    .root("feed", json!([{ "__typename": "Book", "id": "b1", "pages": 9 }, { "__typename": "Film", "id": "f1", "minutes": 90 }, null]))
    .root("nodes", json!([{ "__typename": "Film", "id": "f1", "minutes": 90 }, { "__typename": "Book", "id": "b1", "pages": 9 }]));
    let titles = Subgraph::new(
        "titles",
        r#"type Query { ok: Boolean }
           type Book @key(fields: "id") { id: ID! title: String }
           type Film @key(fields: "id") { id: ID! title: String! }"#,
    )
    .entity(
        "Book",
        |book| json!({ "title": format!("Book {}", id(book)) }),
    )
    .entity(
        "Film",
        |film| json!({ "title": format!("Film {}", id(film)) }),
    );
    [feed, titles]
}

#[tokio::test]
async fn members_of_unions_and_interfaces_get_their_own_fields() {
    let graph = Graph::new(catalog()).await;
    graph
        .check(
            "{ feed { __typename ... on Book { pages t: title } ... on Node { id } ... on Film { minutes name: title } }
               nodes { id ... on Film { title } kind: __typename } }",
            json!({ "data": {
                "feed": [
                    { "__typename": "Book", "pages": 9, "t": "Book b1", "id": "b1" },
                    { "__typename": "Film", "id": "f1", "minutes": 90, "name": "Film f1" },
                    null,
                ],
                "nodes": [{ "id": "f1", "title": "Film f1", "kind": "Film" }, { "id": "b1", "kind": "Book" }],
            }}),
        )
        .await;
}

#[tokio::test]
async fn interface_objects_get_their_real_type_from_the_subgraph_that_knows_it() {
    let media = Subgraph::new(
        "media",
        r#"type Query { media: [Media!]! }
           interface Media @key(fields: "id") { id: ID! title: String }
           type Book implements Media @key(fields: "id") { id: ID! title: String pages: Int }
           type Film implements Media @key(fields: "id") { id: ID! title: String minutes: Int }"#,
    )
    .root("media", json!([{ "__typename": "Book", "id": "m1", "title": "B", "pages": 4 }, { "__typename": "Film", "id": "m2", "title": "F", "minutes": 5 }]))
    .entity("Media", |media| {
        if id(media) == "m1" {
            json!({ "__typename": "Book", "id": "m1", "title": "B", "pages": 4 })
        } else {
            json!({ "__typename": "Film", "id": "m2", "title": "F", "minutes": 5 })
        }
    });
    let ratings = Subgraph::new(
        "ratings",
        r#"type Query { top: Media }
           type Media @key(fields: "id") @interfaceObject { id: ID! stars: Int }"#,
    )
    .root("top", json!({ "id": "m1", "stars": 5 }))
    .entity(
        "Media",
        |media| json!({ "stars": if id(media) == "m1" { 5 } else { 3 } }),
    );
    let graph = Graph::new([media, ratings]).await;
    graph
        .check(
            "{ media { __typename id stars ... on Film { minutes } } }",
            json!({ "data": { "media": [
                { "__typename": "Book", "id": "m1", "stars": 5 },
                { "__typename": "Film", "id": "m2", "stars": 3, "minutes": 5 },
            ]}}),
        )
        .await;
    graph
        .check(
            "{ top { __typename stars title ... on Book { pages } } }",
            json!({ "data": { "top": { "__typename": "Book", "stars": 5, "title": "B", "pages": 4 } } }),
        )
        .await;
}

#[tokio::test]
async fn custom_scalars_and_numbers_pass_untouched() {
    let graph = Graph::new([Subgraph::new(
        "a",
        "type Query { blob: JSON blobs: [JSON] big: Long float: Float } scalar JSON scalar Long",
    )
    .root(
        "blob",
        json!({ "b": [1, { "z": null, "a": "x\"y" }], "a": 1.5 }),
    )
    .root("blobs", json!([{ "k": 1 }, "text", 3, [true]]))
    .root("big", json!(9_007_199_254_740_993_i64))
    .root("float", json!(1e-7))])
    .await;
    graph
        .check(
            "{ blob blobs big float }",
            json!({ "data": {
                "blob": { "b": [1, { "z": null, "a": "x\"y" }], "a": 1.5 },
                "blobs": [{ "k": 1 }, "text", 3, [true]],
                "big": 9_007_199_254_740_993_i64,
                "float": 1e-7,
            }}),
        )
        .await;
}
