//! Responses that differ from Apollo Gateway's, found by the differential test. The comments derive the expected result
//! from the GraphQL specification.

use serde_json::json;

use crate::kit::{Graph, Subgraph};

/// Works that refer to works of both kinds, and subgraphs with more of their fields.
async fn library() -> Graph {
    let person = |id: &str| json!({ "__typename": "Person", "id": id });
    let book = |id: &str, maker: &str, related| json!({ "__typename": "Book", "id": id, "isbn": format!("i-{id}"), "maker": person(maker), "related": related });
    let film = |id: &str, maker: &str, related| json!({ "__typename": "Film", "id": id, "maker": person(maker), "related": related });
    let leaf = || book("b1", "p2", json!([]));
    let start = book(
        "b0",
        "p1",
        json!([
            book(
                "b2",
                "p2",
                json!([film("f2", "p6", json!([leaf()])), null, leaf()])
            ),
            film("f1", "p6", json!([leaf()])),
        ]),
    );
    let catalog = Subgraph::new(
        "catalog",
        r#"type Query { book: Book }
           interface Media { id: ID! maker: Maker related: [Media] }
           type Book implements Media @key(fields: "id") { id: ID! isbn: String maker: Maker related: [Media] }
           type Film implements Media @key(fields: "id") { id: ID! maker: Maker related: [Media] }
           union Anything = Book | Film | Person
           interface Maker { id: ID! }
           type Person implements Maker @key(fields: "id") { id: ID! }"#,
    )
    .root("book", start);
    let people = Subgraph::new(
        "people",
        r#"type Query { p: Int }
           interface Maker { id: ID! name: String }
           type Person implements Maker @key(fields: "id") { id: ID! name: String friends: [Person] mustHave: String! }"#,
    )
    .entity("Person", move |known| match known["id"].as_str() {
        // A friend of the books' maker has a null in a non-null field.
        Some("p2") => json!({ "name": "Bo", "friends": [{ "id": "p4", "mustHave": null }] }),
        _ => json!({ "name": "Flo", "friends": [{ "id": "p6", "mustHave": "m6" }] }),
    });
    let reviews = Subgraph::new(
        "reviews",
        r#"type Query { r: Int }
           type Book @key(fields: "id") { id: ID! average: Float label: String }"#,
    )
    .entity(
        "Book",
        |book| json!({ "average": 2.5, "label": format!("label of {}", book["id"].as_str().unwrap()) }),
    );
    Graph::new([catalog, people, reviews]).await
}

/// Apollo Gateway follows `related.maker`, selected only for films, into the makers of books in the same list, and
/// reports that a friend of theirs has no `mustHave`.
#[tokio::test]
async fn a_path_through_one_member_of_an_interface_is_not_followed_through_another() {
    let graph = library().await;
    graph
        .check(
            "{ book { related {
                 ... on Film { maker { ... on Person { friends { mustHave } } } }
                 ... on Book { isbn }
                 related { maker { ... on Person { name } } }
               } } }",
            // CollectFields for a Book collects `isbn` and `related`, but not `maker`. For a Film it collects `maker`
            // and `related`. `mustHave` is therefore requested only for friends of f1's maker, namely p6, who has it.
            // Fields that are not collected are not executed, so nothing fails.
            json!({ "data": { "book": { "related": [
                { "isbn": "i-b2", "related": [{ "maker": { "name": "Flo" } }, null, { "maker": { "name": "Bo" } }] },
                { "maker": { "friends": [{ "mustHave": "m6" }] }, "related": [{ "maker": { "name": "Bo" } }] },
            ] } } }),
        )
        .await;
}

/// Apollo Gateway does not fetch `average` here, because it confuses this fetch with another for the films beside it.
#[tokio::test]
async fn a_field_is_fetched_of_one_member_whatever_is_fetched_of_another() {
    let graph = library().await;
    graph
        .check(
            "{ book { related {
                 ... on Film { related { ... on Book { label } } }
                 ... on Book { related {
                   ... on Anything { ... on Book { average } }
                   ... on Film { related { ... on Book { label } } }
                 } }
               } } }",
            // `Anything` includes Book, so both type conditions apply to b1 inside b2, and it has `average`. f2 inside
            // b2, and f1, are films: they have `related`, whose books have `label`.
            json!({ "data": { "book": { "related": [
                { "related": [{ "related": [{ "label": "label of b1" }] }, null, { "average": 2.5 }] },
                { "related": [{ "label": "label of b1" }] },
            ] } } }),
        )
        .await;
}
