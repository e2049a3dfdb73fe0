//! Interfaces and unions whose members, and whose members' fields, are spread over several subgraphs.

use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph};

/// Media of a library, a shop and a cinema: the library knows all of them, the others only some.
async fn media() -> Graph {
    let library = Subgraph::new(
        "library",
        r#"type Query { media: [Media] results: [Result] first: Media deep: [[Result]] }
           interface Media { id: ID! title: String }
           interface Printed { pages: Int }
           type Book implements Media & Printed @key(fields: "id") { id: ID! title: String pages: Int sequel: Media }
           type Film implements Media @key(fields: "id") { id: ID! title: String minutes: Int }
           type Map implements Media & Printed { id: ID! title: String pages: Int scale: String }
           union Result = Book | Film | Map | Author
           type Author @key(fields: "name") { name: String! works: [Media] favourite: Result }"#,
    )
    .root("media", json!([book(), film(), map(), null]))
    .root("first", film())
    .root("results", json!([author(), map(), film()]))
    .root("deep", json!([[book(), null], null, [author()]]));
    let shop = Subgraph::new(
        "shop",
        r#"type Query { sold: [Sold] offer: Offer }
           union Sold = Book | Ticket
           interface Offer { price: Int }
           type Book implements Offer @key(fields: "id") { id: ID! price: Int shops: [Shop] }
           type Ticket implements Offer { price: Int film: Film }
           type Film @key(fields: "id", resolvable: false) { id: ID! }
           type Shop { name: String sells: [Sold] }
           type Author @key(fields: "name") { name: String! bestseller: Sold }"#,
    )
    .root(
        "sold",
        json!([
            { "__typename": "Ticket", "price": 9, "film": { "id": "f" } },
            { "__typename": "Book", "id": "b", "price": 5 },
        ]),
    )
    .root("offer", json!({ "__typename": "Ticket", "price": 9, "film": { "id": "f" } }))
    .entity("Book", |book| {
        json!({ "id": book["id"], "price": 5, "shops": [{ "name": "S", "sells": [{ "__typename": "Book", "id": "b", "price": 5 }] }] })
    })
    .entity("Author", |author| {
        json!({ "name": author["name"], "bestseller": { "__typename": "Book", "id": "b", "price": 5 } })
    });
    let cinema = Subgraph::new(
        "cinema",
        r#"type Query { c: Int }
           interface Shown { room: Int stars: [Star] }
           type Film implements Shown @key(fields: "id") { id: ID! room: Int stars: [Star] }
           interface Star { name: String }
           type Actor implements Star { name: String age: Int films: [Film] }
           type Dog implements Star { name: String breed: String }"#,
    )
    .entity("Film", |film| {
        json!({ "id": film["id"], "room": 3, "stars": [
            { "__typename": "Actor", "name": "Ann", "age": 50, "films": [{ "id": "f", "stars": [{ "__typename": "Actor", "name": "Ann" }, { "__typename": "Dog", "name": "Rex" }] }] },
            { "__typename": "Dog", "name": "Rex", "breed": "terrier" },
        ] })
    });
    let reviews = Subgraph::new(
        "reviews",
        r#"type Query { r: Int }
           type Book @key(fields: "id") { id: ID! stars: Int about: About }
           type Film @key(fields: "id") { id: ID! score: Int about: About }
           union About = Book | Film"#,
    )
    .entity("Book", |book| json!({ "id": book["id"], "stars": 4, "about": { "__typename": "Film", "id": "f", "score": 7, "about": { "__typename": "Book", "id": "b", "stars": 4 } } }))
    .entity("Film", |film| json!({ "id": film["id"], "score": 7, "about": { "__typename": "Book", "id": "b", "stars": 4 } }));
    Graph::new([library, shop, cinema, reviews]).await
}

fn book() -> Value {
    json!({ "__typename": "Book", "id": "b", "title": "B", "pages": 10, "sequel": film() })
}

fn film() -> Value {
    json!({ "__typename": "Film", "id": "f", "title": "F", "minutes": 90 })
}

fn map() -> Value {
    json!({ "__typename": "Map", "id": "m", "title": "M", "pages": 1, "scale": "1:2" })
}

fn author() -> Value {
    json!({ "__typename": "Author", "name": "A", "works": [film(), book()], "favourite": map() })
}

async fn check_all(cases: impl IntoIterator<Item = (&'static str, Value)>) {
    let graph = media().await;
    for (query, answer) in cases {
        graph.check(query, json!({ "data": answer })).await;
    }
}

#[tokio::test]
async fn members_get_their_fields_from_different_subgraphs() {
    check_all([
        (
            "{ media { id ... on Book { price stars } ... on Film { room score } } }",
            json!({ "media": [
                { "id": "b", "price": 5, "stars": 4 },
                { "id": "f", "room": 3, "score": 7 },
                { "id": "m" },
                null,
            ] }),
        ),
        (
            "{ media { ... on Film { title score } ... on Map { title scale } } }",
            json!({ "media": [{}, { "title": "F", "score": 7 }, { "title": "M", "scale": "1:2" }, null] }),
        ),
        (
            "{ first { ... on Book { price } title } }",
            json!({ "first": { "title": "F" } }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_same_key_may_be_another_field_of_each_member() {
    check_all([
        (
            "{ media { ... on Book { n: stars } ... on Film { n: score } ... on Map { n: pages } } }",
            json!({ "media": [{ "n": 4 }, { "n": 7 }, { "n": 1 }, null] }),
        ),
        (
            "{ results { ... on Film { label: title } ... on Map { label: scale } } }",
            json!({ "results": [{}, { "label": "1:2" }, { "label": "F" }] }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn fragments_on_other_interfaces_select_their_members() {
    check_all([
        (
            "{ media { ... on Printed { pages } title } }",
            json!({ "media": [{ "pages": 10, "title": "B" }, { "title": "F" }, { "pages": 1, "title": "M" }, null] }),
        ),
        (
            "{ results { ... on Media { title } ... on Printed { pages } } }",
            json!({ "results": [{}, { "title": "M", "pages": 1 }, { "title": "F" }] }),
        ),
        (
            "{ media { ... on Shown { room stars { name ... on Dog { breed } } } } }",
            json!({ "media": [{}, { "room": 3, "stars": [{ "name": "Ann" }, { "name": "Rex", "breed": "terrier" }] }, {}, null] }),
        ),
        (
            "{ results { ...M ...P } } fragment M on Media { id ...P } fragment P on Printed { ... on Map { scale } }",
            json!({ "results": [{}, { "id": "m", "scale": "1:2" }, { "id": "f" }] }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_type_is_told_wherever_it_is_asked_for() {
    check_all([
        (
            "{ __typename media { __typename kind: __typename } }",
            json!({ "__typename": "Query", "media": [
                { "__typename": "Book", "kind": "Book" },
                { "__typename": "Film", "kind": "Film" },
                { "__typename": "Map", "kind": "Map" },
                null,
            ] }),
        ),
        (
            "{ top: __typename results { t: __typename ... on Author { works { t: __typename } favourite { __typename } } } }",
            json!({ "top": "Query", "results": [
                { "t": "Author", "works": [{ "t": "Film" }, { "t": "Book" }], "favourite": { "__typename": "Map" } },
                { "t": "Map" },
                { "t": "Film" },
            ] }),
        ),
        (
            "{ sold { __typename ... on Ticket { film { __typename title } } } }",
            json!({ "sold": [{ "__typename": "Ticket", "film": { "__typename": "Film", "title": null } }, { "__typename": "Book" }] }),
        ),
        (
            "{ media { ... on Film { __typename stars { __typename } } } }",
            json!({ "media": [{}, { "__typename": "Film", "stars": [{ "__typename": "Actor" }, { "__typename": "Dog" }] }, {}, null] }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_union_may_have_other_members_in_each_subgraph() {
    check_all([
        (
            "{ sold { ... on Book { price title } ... on Ticket { price } } }",
            json!({ "sold": [{ "price": 9 }, { "price": 5, "title": null }] }),
        ),
        (
            "{ offer { price ... on Book { shops { name } } ... on Ticket { film { id room } } } }",
            json!({ "offer": { "price": 9, "film": { "id": "f", "room": 3 } } }),
        ),
        (
            "{ results { ... on Author { bestseller { ... on Book { price stars } } } } }",
            json!({ "results": [{ "bestseller": { "price": 5, "stars": 4 } }, {}, {}] }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn circles_through_abstract_types_end_where_the_query_does() {
    check_all([
        (
            "{ media { ... on Book { about { ... on Film { score about { ... on Book { stars price } } } } } } }",
            json!({ "media": [{ "about": { "score": 7, "about": { "stars": 4, "price": 5 } } }, {}, {}, null] }),
        ),
        (
            "{ first { ... on Film { stars { ... on Actor { films { title stars { name } } } } } } }",
            json!({ "first": { "stars": [{ "films": [{ "title": null, "stars": [{ "name": "Ann" }, { "name": "Rex" }] }] }, {}] } }),
        ),
        (
            "{ media { ... on Book { sequel { title ... on Film { score } } } } }",
            json!({ "media": [{ "sequel": { "title": "F", "score": 7 } }, {}, {}, null] }),
        ),
        (
            "{ media { ... on Book { shops { sells { ... on Book { id stars } } } } } }",
            json!({ "media": [{ "shops": [{ "sells": [{ "id": "b", "stars": 4 }] }] }, {}, {}, null] }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn members_are_found_in_lists_of_lists() {
    check_all([(
        "{ deep { ... on Book { stars } ... on Author { works { ... on Film { room } } } } }",
        json!({ "deep": [[{ "stars": 4 }, null], null, [{ "works": [{ "room": 3 }, {}] }]] }),
    )])
    .await;
}

#[tokio::test]
async fn conditions_on_fragments_decide_for_each_member() {
    let graph = media().await;
    let query = "query($a: Boolean!) { media {
        ... on Book @include(if: $a) { price }
        ... on Book @skip(if: $a) { stars }
        ... on Media @include(if: $a) { ... on Film { score @skip(if: $a) room } }
        id @skip(if: $a)
    } }";
    let yes = json!({ "data": { "media": [{ "price": 5 }, { "room": 3 }, {}, null] } });
    graph.check_with(query, json!({ "a": true }), yes).await;
    let no = json!({ "data": { "media": [{ "stars": 4, "id": "b" }, { "id": "f" }, { "id": "m" }, null] } });
    graph.check_with(query, json!({ "a": false }), no).await;
}
