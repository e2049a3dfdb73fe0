//! `@interfaceObject`: fields that a subgraph adds to every type of an interface without knowing the types.

use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph};

async fn accounts() -> Graph {
    let people = Subgraph::new(
        "people",
        r#"type Query { accounts: [Account] me: User }
           interface Account @key(fields: "id") { id: ID! name: String }
           type User implements Account @key(fields: "id") { id: ID! name: String age: Int boss: Account }
           type Robot implements Account @key(fields: "id") { id: ID! name: String model: String }"#,
    )
    .root("accounts", json!([user("u"), robot("r"), null]))
    .root("me", user("u"))
    .entity("Account", |account| of(&account["id"]))
    .entity("User", |account| of(&account["id"]))
    .entity("Robot", |account| of(&account["id"]));
    let badges = Subgraph::new(
        "badges",
        r#"type Query { holders: [Account] top: Badge }
           type Account @interfaceObject @key(fields: "id") {
             id: ID!
             name: String @external
             badges(first: Int): [Badge]
             greeting: String @requires(fields: "name")
             rival: Account
           }
           type Badge { title: String holder: Account }"#,
    )
    .root("holders", json!([{ "__typename": "Account", "id": "r", "badges": [] }, { "__typename": "Account", "id": "u" }]))
    .root("top", json!({ "title": "T", "holder": { "__typename": "Account", "id": "u", "rival": { "__typename": "Account", "id": "r" } } }))
    .entity("Account", |account| {
        let name = account["name"].as_str();
        json!({
            "__typename": "Account",
            "id": account["id"],
            "badges": [{ "title": format!("of {}", account["id"].as_str().unwrap()), "holder": { "__typename": "Account", "id": account["id"] } }],
            r#"badges{"first":0}"#: [],
            "greeting": name.map(|name| format!("Hi {name}")),
            "rival": { "__typename": "Account", "id": if account["id"] == "u" { "r" } else { "u" } },
        })
    });
    let ages = Subgraph::new(
        "ages",
        r#"type Query { a: Int }
           type User @key(fields: "id") { id: ID! senior: Boolean age: Int @external wise: Boolean @requires(fields: "age") }"#,
    )
    .entity("User", |user| {
        json!({ "id": user["id"], "senior": true, "wise": user["age"].as_i64().map(|age| age > 30) })
    });
    Graph::new([people, badges, ages]).await
}

fn of(id: &Value) -> Value {
    match id.as_str() {
        Some("u") => user("u"),
        Some("r") => robot("r"),
        _ => Value::Null,
    }
}

fn user(id: &str) -> Value {
    json!({ "__typename": "User", "id": id, "name": "Ann", "age": 40, "boss": robot("r") })
}

fn robot(id: &str) -> Value {
    json!({ "__typename": "Robot", "id": id, "name": "R2", "model": "D2" })
}

async fn check_all(cases: impl IntoIterator<Item = (&'static str, Value)>) {
    let graph = accounts().await;
    for (query, answer) in cases {
        graph.check(query, json!({ "data": answer })).await;
    }
}

#[tokio::test]
async fn every_member_gets_the_fields() {
    check_all([
        (
            "{ accounts { id badges { title } } }",
            json!({ "accounts": [{ "id": "u", "badges": [{ "title": "of u" }] }, { "id": "r", "badges": [{ "title": "of r" }] }, null] }),
        ),
        (
            "{ me { age badges(first: 0) { title } } }",
            json!({ "me": { "age": 40, "badges": [] } }),
        ),
        (
            "{ accounts { ... on Robot { model badges { title } } } }",
            json!({ "accounts": [{}, { "model": "D2", "badges": [{ "title": "of r" }] }, null] }),
        ),
        (
            "{ accounts { ... on User { badges { title } } ... on Robot { id } } }",
            json!({ "accounts": [{ "badges": [{ "title": "of u" }] }, { "id": "r" }, null] }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_real_type_comes_from_who_knows_it() {
    check_all([
        (
            "{ holders { __typename id } }",
            json!({ "holders": [{ "__typename": "Robot", "id": "r" }, { "__typename": "User", "id": "u" }] }),
        ),
        (
            "{ holders { name ... on User { age } ... on Robot { model } } }",
            json!({ "holders": [{ "name": "R2", "model": "D2" }, { "name": "Ann", "age": 40 }] }),
        ),
        (
            "{ holders { ... on User { badges { title } } } }",
            json!({ "holders": [{}, { "badges": [{ "title": "of u" }] }] }),
        ),
        (
            "{ top { holder { kind: __typename rival { __typename name } } } }",
            json!({ "top": { "holder": { "kind": "User", "rival": { "__typename": "Robot", "name": "R2" } } } }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn fields_of_members_in_third_subgraphs_are_reached() {
    check_all([
        (
            "{ holders { ... on User { senior wise } } }",
            json!({ "holders": [{}, { "senior": true, "wise": true }] }),
        ),
        (
            "{ accounts { rival { ... on User { wise } } } }",
            json!({ "accounts": [{ "rival": {} }, { "rival": { "wise": true } }, null] }),
        ),
        (
            "{ me { boss { badges { holder { name } } } } }",
            json!({ "me": { "boss": { "badges": [{ "holder": { "name": "R2" } }] } } }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn requirements_of_an_interface_object_are_met_by_the_members() {
    check_all([
        (
            "{ accounts { greeting } }",
            json!({ "accounts": [{ "greeting": "Hi Ann" }, { "greeting": "Hi R2" }, null] }),
        ),
        (
            "{ me { greeting } }",
            json!({ "me": { "greeting": "Hi Ann" } }),
        ),
        (
            "{ holders { greeting } }",
            json!({ "holders": [{ "greeting": "Hi R2" }, { "greeting": "Hi Ann" }] }),
        ),
        (
            "{ holders { greeting name ... on User { senior } } }",
            json!({ "holders": [{ "greeting": "Hi R2", "name": "R2" }, { "greeting": "Hi Ann", "name": "Ann", "senior": true }] }),
        ),
        (
            "{ accounts { ... on User { greeting } rival { greeting } } }",
            json!({ "accounts": [{ "greeting": "Hi Ann", "rival": { "greeting": "Hi R2" } }, { "rival": { "greeting": "Hi Ann" } }, null] }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn each_member_gets_what_is_asked_of_it_and_what_that_requires() {
    check_all([(
        "{ holders { ... on Robot { badges { title } } ... on User { greeting } } }",
        json!({ "holders": [{ "badges": [{ "title": "of r" }] }, { "greeting": "Hi Ann" }] }),
    )])
    .await;
}

#[tokio::test]
async fn what_an_object_is_is_found_out_where_only_a_members_key_is_asked_for() {
    check_all([
        (
            "{ me { rival { ... on User { id } } } }",
            json!({ "me": { "rival": {} } }),
        ),
        (
            "{ top { holder { rival { ... on Robot { key: id } } } } }",
            json!({ "top": { "holder": { "rival": { "key": "r" } } } }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_member_is_entered_by_its_own_key_beside_one_that_is_entered_as_the_interface() {
    let catalog = Subgraph::new(
        "catalog",
        r#"type Query { c: Int }
           interface Media @key(fields: "id") { id: ID! kind: String }
           type Book implements Media @key(fields: "id") @key(fields: "isbn") { id: ID! isbn: ID! kind: String title: String! weight: Int }
           type Film implements Media @key(fields: "id") { id: ID! kind: String }"#,
    )
    .entity("Book", |_| json!({ "id": "b", "isbn": "i", "kind": "BOOK", "title": "One", "weight": 7 }))
    .entity("Film", |_| json!({ "id": "f", "kind": "FILM" }))
    .entity("Media", |media| json!({ "__typename": if media["id"] == "f" { "Film" } else { "Book" }, "id": media["id"], "kind": "FILM" }));
    let stock = Subgraph::new(
        "stock",
        r#"type Query { items: [Item] }
           union Item = Book | Film
           type Book @key(fields: "isbn") { isbn: ID! weight: Int @external shipping: Int @requires(fields: "weight") }
           type Film @key(fields: "id") { id: ID! stock: Int }"#,
    )
    .root("items", json!([{ "__typename": "Book", "isbn": "i" }, { "__typename": "Film", "id": "f" }, null]))
    .entity("Book", |book| json!({ "isbn": book["isbn"], "shipping": book["weight"].as_i64().map(|weight| weight + 1) }));
    let ratings = Subgraph::new(
        "ratings",
        r#"type Query { r: Int }
           type Media @interfaceObject @key(fields: "id") { id: ID! kind: String @external rank: String @requires(fields: "kind") }"#,
    )
    .entity("Media", |media| json!({ "__typename": "Media", "id": media["id"], "rank": format!("{} of 9", media["kind"].as_str().unwrap_or("nothing")) }));
    let graph = Graph::new([catalog, stock, ratings]).await;
    graph
        .check(
            "{ items { ... on Film { rank } ... on Book { shipping title } } }",
            json!({ "data": { "items": [{ "shipping": 8, "title": "One" }, { "rank": "FILM of 9" }, null] } }),
        )
        .await;
}

#[tokio::test]
async fn an_interface_that_no_type_implements_is_all_there_is() {
    let node = || json!({ "id": "n1", "field": "foo", "next": { "id": "n2", "field": null } });
    let only = Subgraph::new(
        "a",
        "type Query { b: Node all: [Node!] } interface Node { id: ID! field: String next: Node }",
    )
    .root("b", node())
    .root("all", json!([node()]));
    let graph = Graph::new([only]).await;
    graph
        .check(
            "{ b { id field ... on Node { again: id next { id } } } all { next { field } } }",
            json!({ "data": { "b": { "id": "n1", "field": "foo", "again": "n1", "next": { "id": "n2" } }, "all": [{ "next": { "field": null } }] } }),
        )
        .await;
}

#[tokio::test]
async fn an_interface_object_without_types_is_all_there_is() {
    let a = Subgraph::new(
        "a",
        r#"type Query { b: Node } type Node @key(fields: "id") @interfaceObject { id: ID! field: String }"#,
    )
    .root("b", json!({ "id": "n1", "field": "foo" }));
    let b = Subgraph::new(
        "b",
        r#"type Query { c: Node } interface Node @key(fields: "id") { id: ID! }"#,
    )
    .root("c", json!({ "id": "n1" }));
    let graph = Graph::new([a, b]).await;
    graph
        .check(
            "{ b { id field } }",
            json!({ "data": { "b": { "id": "n1", "field": "foo" } } }),
        )
        .await;
}
