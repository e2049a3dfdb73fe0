//! `@interfaceObject`: fields that a subgraph gives to every type of an interface it knows nothing else of.

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
