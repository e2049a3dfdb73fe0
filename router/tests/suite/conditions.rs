//! Selections left empty by `@skip`, `@include` or interface objects; cases found by the differential test.

use serde_json::json;

use crate::kit::{Graph, Subgraph};

/// A catalog whose works are interface objects in reviews, and a stock that identifies books by another key.
async fn works() -> Graph {
    let catalog = Subgraph::new(
        "catalog",
        r#"type Query { works: [Work] book: Book item: Named }
           interface Work @key(fields: "id") { id: ID! related: [Work] }
           interface Named { name: String }
           type Book implements Work & Named @key(fields: "id") @key(fields: "isbn") { id: ID! isbn: ID! name: String related: [Work] }
           type Person implements Named { name: String }
           type Film implements Work @key(fields: "id") { id: ID! related: [Work] }"#,
    )
    .root(
        "works",
        json!([
            { "__typename": "Book", "id": "b1", "isbn": "i1", "name": "B", "related": [{ "__typename": "Film", "id": "f1" }] },
            { "__typename": "Film", "id": "f1", "related": null },
        ]),
    )
    .root("book", json!({ "id": "b1", "isbn": "i1", "name": "B" }))
    .root("item", json!({ "__typename": "Book", "id": "b1", "name": "B" }));
    let reviews = Subgraph::new(
        "reviews",
        r#"type Query { rated: [Work] } type Work @interfaceObject @key(fields: "id") { id: ID! stars: Int }"#,
    )
    .root("rated", json!([{ "id": "f1", "stars": 4 }, null]));
    let stock = Subgraph::new(
        "stock",
        r#"type Query { s: Int } type Book @key(fields: "isbn") { isbn: ID! left: Int }"#,
    )
    .entity("Book", |_| json!({ "left": 3 }));
    Graph::new([catalog, reviews, stock]).await
}

#[tokio::test]
async fn an_interface_object_needs_no_type_where_the_selection_needs_none() {
    let graph = works().await;
    let expected = json!({ "data": { "rated": [{ "id": "f1", "stars": 4 }, null] } });
    graph
        .check("{ rated { id stars } }", expected.clone())
        .await;
    graph
        .check(
            "{ rated { ... { id } ...W } } fragment W on Work { stars }",
            expected,
        )
        .await;
}

#[tokio::test]
async fn objects_of_which_everything_is_skipped_are_there() {
    let graph = works().await;
    graph
        .check(
            "{ works { related { id @skip(if: true) } } book { left @include(if: false) } }",
            json!({ "data": { "works": [{ "related": [{}] }, { "related": null }], "book": {} } }),
        )
        .await;
    graph
        .check(
            "{ item { ... on Book @include(if: false) { left } name } }",
            json!({ "data": { "item": { "name": "B" } } }),
        )
        .await;
}

#[tokio::test]
async fn entities_under_a_conditional_root_fragment_are_fetched() {
    let graph = works().await;
    let query = "query($no: Boolean!) { ... on Query @skip(if: $no) { book { left } } }";
    let left = json!({ "data": { "book": { "left": 3 } } });
    graph.check_with(query, json!({ "no": false }), left).await;
    let nothing = json!({ "data": {} });
    graph
        .check_with(query, json!({ "no": true }), nothing)
        .await;
}

#[tokio::test]
async fn fragments_that_can_never_apply_change_nothing() {
    let graph = works().await;
    let answer =
        json!({ "data": { "works": [{ "related": [{ "id": "f1" }] }, { "related": null }] } });
    for query in [
        "{ works { related { ... on Named { ... on Person { name } } id } } }",
        "{ works { ... on Work { related { ... on Named { ...P } id } } } } fragment P on Person { name }",
        "{ works { related { ... on Film { id } ... on Book { id } } } }",
    ] {
        graph.check(query, answer.clone()).await;
    }
}
