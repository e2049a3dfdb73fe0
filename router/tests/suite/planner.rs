//! Operations that the published planner rejects or plans incorrectly, found by the differential test. See
//! `vendor/hive-router-planner`.

use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph};

/// Four subgraphs that identify books by different keys; only the catalog knows both.
pub(crate) async fn library() -> Graph {
    let catalog = Subgraph::new(
        "catalog",
        r#"type Query { books: [Book] featured: Featured shelves: [[Book]] }
           type Mutation { addBook: Added }
           type Added { count: Int query: Query }
           interface Media @key(fields: "id") { id: ID! }
           type Book implements Media @key(fields: "id") @key(fields: "isbn") { id: ID! isbn: ID! kind: String weight: Int }
           type Film implements Media @key(fields: "id") { id: ID! kind: String }
           union Featured = Book | Studio
           type Studio @key(fields: "id country { code }") { id: ID! country: Country! }
           type Country { code: String! @shareable }"#,
    )
    .root("books", json!([book("1"), null, book("2")]))
    .root("shelves", json!([[book("1"), null], null, [book("2")]]))
    .root(
        "featured",
        json!({ "__typename": "Studio", "id": "s", "country": { "code": "SE" } }),
    )
    .root("addBook", json!({ "count": 3, "query": { "books": [book("1"), null, book("2")] } }))
    .entity("Book", |known| match known["id"].as_str() {
        Some(id) => book(id),
        None => book(known["isbn"].as_str().unwrap().trim_start_matches('i')),
    })
    .entity("Film", |film| json!({ "id": film["id"], "kind": "FILM" }));
    let stock = Subgraph::new(
        "stock",
        r#"type Query { cheapest: Book warehouse: Warehouse }
           type Warehouse { best: Book items: [Book!] }
           type Book @key(fields: "isbn") { isbn: ID! stock: Int weight: Int @external shipping: Int @requires(fields: "weight") parcel: Parcel @requires(fields: "thickness weight") thickness: Int @external }
           type Parcel { size: Int book: Book }"#,
    )
    .root("cheapest", json!({ "isbn": "i1", "stock": 5 }))
    .root(
        "warehouse",
        json!({ "best": { "isbn": "i2", "stock": 0 }, "items": [{ "isbn": "i1" }, { "isbn": "i2" }] }),
    )
    .entity("Book", |book| {
        let weight = book["weight"].as_i64();
        let size = weight.zip(book["thickness"].as_i64()).map(|(weight, thick)| weight * thick);
        json!({
            "isbn": book["isbn"],
            "stock": 5,
            "shipping": weight.map(|weight| weight + 1),
            "parcel": size.map(|size| json!({ "size": size, "book": { "isbn": "i2", "stock": 5 } })),
        })
    });
    let reviews = Subgraph::new(
        "reviews",
        r#"type Query { latest: [Review!] }
           type Review { stars: Int work: Media }
           interface Media { id: ID! label: String }
           type Book implements Media @key(fields: "id") { id: ID! kind: String @external label: String @requires(fields: "kind") average: Int }
           type Film implements Media @key(fields: "id") { id: ID! kind: String @external label: String @requires(fields: "kind") average: Int }"#,
    )
    .root(
        "latest",
        json!([
            { "stars": 4, "work": { "__typename": "Film", "id": "f", "average": 3 } },
            { "stars": 2, "work": { "__typename": "Book", "id": "2", "average": 3 } },
        ]),
    )
    .entity("Book", labelled)
    .entity("Film", labelled);
    let measures = Subgraph::new(
        "measures",
        r#"type Query { measured: Book }
           type Book @key(fields: "id") { id: ID! thickness: Int kind: String @external note: String @requires(fields: "kind") history: History }
           type History { previous: Book }"#,
    )
    .root(
        "measured",
        json!({ "id": "1", "thickness": 2, "history": { "previous": { "id": "2" } } }),
    )
    .entity("Book", |book| {
        json!({
            "id": book["id"],
            "thickness": 2,
            "note": book["kind"].as_str().map(|kind| format!("a {kind}")),
            "history": { "previous": { "id": "2" } },
        })
    });
    let people = Subgraph::new(
        "people",
        r#"type Query { p: Int }
           type Studio @key(fields: "id country { code }") { id: ID! country: Country! }
           type Country { code: String! @shareable label: String }"#,
    )
    .root("p", json!(1))
    .entity(
        "Studio",
        |studio| json!({ "id": studio["id"], "country": { "code": "SE", "label": "Sweden" } }),
    );
    Graph::new([catalog, stock, reviews, measures, people]).await
}

fn book(id: &str) -> Value {
    json!({ "__typename": "Book", "id": id, "isbn": format!("i{id}"), "kind": "BOOK", "weight": 7 })
}

fn labelled(work: &Value) -> Value {
    let label = work["kind"]
        .as_str()
        .map(|kind| format!("{kind} {}", work["id"].as_str().unwrap_or("?")));
    json!({ "id": work["id"], "label": label, "average": 3 })
}

#[tokio::test]
async fn a_requirement_is_met_where_only_another_subgraph_knows_the_key() {
    let graph = library().await;
    graph
        .check(
            "{ cheapest { label } }",
            json!({ "data": { "cheapest": { "label": "BOOK 1" } } }),
        )
        .await;
    graph
        .check(
            "{ measured { shipping } }",
            json!({ "data": { "measured": { "shipping": 8 } } }),
        )
        .await;
    graph
        .check(
            "{ warehouse { items { note average } } }",
            json!({ "data": { "warehouse": { "items": [{ "note": "a BOOK", "average": 3 }, { "note": "a BOOK", "average": 3 }] } } }),
        )
        .await;
}

#[tokio::test]
async fn requirements_of_several_subgraphs_meet_behind_a_foreign_key() {
    let graph = library().await;
    graph
        .check(
            "{ measured { parcel { size } } latest { work { ... on Book { parcel { size } } } } }",
            json!({ "data": { "measured": { "parcel": { "size": 14 } }, "latest": [{ "work": {} }, { "work": { "parcel": { "size": 14 } } }] } }),
        )
        .await;
}

#[tokio::test]
async fn plain_fields_and_requirements_of_one_entity_are_fetched_side_by_side() {
    let graph = library().await;
    graph
        .check(
            "{ measured { stock weight shipping label } }",
            json!({ "data": { "measured": { "stock": 5, "weight": 7, "shipping": 8, "label": "BOOK 1" } } }),
        )
        .await;
}

#[tokio::test]
async fn an_object_of_the_type_it_is_inside_of_has_requirements_of_its_own() {
    let graph = library().await;
    graph
        .check(
            "{ books { history { previous { note label } } note } }",
            json!({ "data": { "books": [
                { "history": { "previous": { "note": "a BOOK", "label": "BOOK 2" } }, "note": "a BOOK" },
                null,
                { "history": { "previous": { "note": "a BOOK", "label": "BOOK 2" } }, "note": "a BOOK" },
            ] } }),
        )
        .await;
    graph
        .check(
            "{ measured { parcel { book { shipping stock } } } }",
            json!({ "data": { "measured": { "parcel": { "book": { "shipping": 8, "stock": 5 } } } } }),
        )
        .await;
}

#[tokio::test]
async fn a_key_object_may_have_more_fields_elsewhere() {
    let graph = library().await;
    graph
        .check(
            "{ featured { ... on Studio { country { code label } } } }",
            json!({ "data": { "featured": { "country": { "code": "SE", "label": "Sweden" } } } }),
        )
        .await;
}

#[tokio::test]
async fn entities_below_the_query_of_a_mutation_are_fetched_beside_other_roots() {
    let graph = library().await;
    graph
        .check(
            "mutation { addBook { count query { cheapest { stock } books { stock label } } } }",
            json!({ "data": { "addBook": { "count": 3, "query": {
                "cheapest": { "stock": 5 },
                "books": [{ "stock": 5, "label": "BOOK 1" }, null, { "stock": 5, "label": "BOOK 2" }],
            } } } }),
        )
        .await;
}

#[tokio::test]
async fn a_subgraph_is_asked_for_an_entity_once() {
    let graph = library().await;
    graph
        .check(
            "{ cheapest { label average kind } }",
            json!({ "data": { "cheapest": { "label": "BOOK 1", "average": 3, "kind": "BOOK" } } }),
        )
        .await;
    // One request by each transport's router.
    assert_eq!(graph.requests("catalog").len(), 2);
    assert_eq!(graph.requests("reviews").len(), 2);
}

#[tokio::test]
async fn fragments_that_differ_in_their_conditions_lose_nothing() {
    let graph = library().await;
    let query = "query($a: Boolean!, $b: Boolean!) { latest { work {
        ... on Book @include(if: $a) { label stock }
        ... on Media @skip(if: $b) { ... on Book { stock shipping @include(if: $a) } }
        ... on Film @include(if: $b) { average }
    } } }";
    for (a, b, film, book) in [
        (
            true,
            true,
            json!({ "average": 3 }),
            json!({ "label": "BOOK 2", "stock": 5 }),
        ),
        (
            true,
            false,
            json!({}),
            json!({ "label": "BOOK 2", "stock": 5, "shipping": 8 }),
        ),
        (false, true, json!({ "average": 3 }), json!({})),
        (false, false, json!({}), json!({ "stock": 5 })),
    ] {
        graph
            .check_with(
                query,
                json!({ "a": a, "b": b }),
                json!({ "data": { "latest": [{ "work": film }, { "work": book }] } }),
            )
            .await;
    }
}
