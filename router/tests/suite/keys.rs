//! Entity keys: several per type, differing between subgraphs, null, nested, in lists, and of unresolvable types.

use serde_json::{Value, json};

use crate::kit::{Graph, Subgraph};

/// A person identified by a different key in each subgraph: `id`, `id email`, `email`, `email { … }` of an account.
async fn people() -> Graph {
    let directory = Subgraph::new(
        "directory",
        r#"type Query { people: [Person] person: Person grid: [[Person]] }
           type Person @key(fields: "id") { id: ID! friends: [Person] }"#,
    )
    .root(
        "people",
        json!([{ "id": "1" }, { "id": "2" }, { "id": "1" }, null]),
    )
    .root(
        "person",
        json!({ "id": "1", "friends": [{ "id": "2" }, { "id": "1" }] }),
    )
    .root(
        "grid",
        json!([[{ "id": "1" }, null], null, [], [{ "id": "2" }]]),
    )
    .entity(
        "Person",
        |person| json!({ "id": person["id"], "friends": [{ "id": "2" }] }),
    );
    let mail = Subgraph::new(
        "mail",
        r#"type Query { inbox: Person }
           type Person @key(fields: "id") @key(fields: "email") { id: ID! email: String account: Account @shareable }
           type Account @shareable { number: Int! bank: Bank! }
           type Bank @shareable { code: String! }"#,
    )
    .root("inbox", known("1"))
    .entity("Person", |person| match person["id"].as_str() {
        Some(id) => known(id),
        None => known("1"),
    });
    let money = Subgraph::new(
        "money",
        r#"type Query { m: Int }
           type Person @key(fields: "account { number bank { code } }") { account: Account rich: Boolean }
           type Account @shareable { number: Int! bank: Bank! }
           type Bank @shareable { code: String! }"#,
    )
    .entity("Person", |person| json!({ "account": person["account"], "rich": person["account"]["number"] == 11 }));
    let calls = Subgraph::new(
        "calls",
        r#"type Query { last: Call }
           type Call { from: Person }
           type Person @key(fields: "email") { email: String phone: String }"#,
    )
    .root("last", json!({ "from": { "email": "a@1", "phone": "555" } }))
    .entity("Person", |person| json!({ "email": person["email"], "phone": format!("phone of {}", person["email"].as_str().unwrap_or("nobody")) }));
    let badges = Subgraph::new(
        "badges",
        r#"type Query { b: Int }
           type Person @key(fields: "id email") { id: ID! email: String badge: String }"#,
    )
    .entity("Person", |person| json!({ "badge": format!("{}/{}", person["id"].as_str().unwrap(), person["email"].as_str().unwrap_or("-")) }));
    let stubs = Subgraph::new(
        "stubs",
        r#"type Query { stub: Person }
           type Person @key(fields: "id", resolvable: false) { id: ID! }"#,
    )
    .root("stub", json!({ "id": "2" }));
    Graph::new([directory, mail, money, calls, badges, stubs]).await
}

fn known(id: &str) -> Value {
    match id {
        "1" => {
            json!({ "id": "1", "email": "a@1", "account": { "number": 11, "bank": { "code": "X" } } })
        }
        _ => json!({ "id": id, "email": null, "account": null }),
    }
}

async fn check_all(cases: impl IntoIterator<Item = (&'static str, Value)>) {
    let graph = people().await;
    for (query, answer) in cases {
        graph.check(query, json!({ "data": answer })).await;
    }
}

#[tokio::test]
async fn one_key_is_the_way_to_the_next() {
    check_all([
        (
            "{ person { email } }",
            json!({ "person": { "email": "a@1" } }),
        ),
        (
            "{ person { phone } }",
            json!({ "person": { "phone": "phone of a@1" } }),
        ),
        ("{ person { rich } }", json!({ "person": { "rich": true } })),
        (
            "{ person { badge } }",
            json!({ "person": { "badge": "1/a@1" } }),
        ),
        (
            "{ person { badge rich phone } }",
            json!({ "person": { "badge": "1/a@1", "rich": true, "phone": "phone of a@1" } }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_way_back_uses_another_key() {
    check_all([
        ("{ last { from { friends { id } } } }", json!({ "last": { "from": { "friends": [{ "id": "2" }] } } })),
        ("{ last { from { phone badge rich } } }", json!({ "last": { "from": { "phone": "555", "badge": "1/a@1", "rich": true } } })),
        ("{ inbox { id phone friends { email } } }", json!({ "inbox": { "id": "1", "phone": "phone of a@1", "friends": [{ "email": null }] } })),
    ])
    .await;
}

#[tokio::test]
async fn a_null_in_a_nullable_key_is_handed_over() {
    let graph = people().await;
    graph
        .check(
            "{ people { id rich } }",
            json!({ "data": { "people": [{ "id": "1", "rich": true }, { "id": "2", "rich": false }, { "id": "1", "rich": true }, null] } }),
        )
        .await;
    for (_, variables) in graph.requests("money") {
        assert_eq!(
            variables["representations"],
            json!([
                { "__typename": "Person", "account": { "number": 11, "bank": { "code": "X" } } },
                { "__typename": "Person", "account": null },
            ])
        );
    }
}

#[tokio::test]
async fn entities_in_lists_of_lists_and_twice_in_a_list() {
    check_all([
        (
            "{ grid { email } }",
            json!({ "grid": [[{ "email": "a@1" }, null], null, [], [{ "email": null }]] }),
        ),
        (
            "{ people { badge } }",
            json!({ "people": [{ "badge": "1/a@1" }, { "badge": "2/-" }, { "badge": "1/a@1" }, null] }),
        ),
        (
            "{ person { friends { email friends { rich } } } }",
            json!({ "person": { "friends": [{ "email": null, "friends": null }, { "email": "a@1", "friends": null }] } }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_stub_leads_to_every_subgraph_but_its_own() {
    check_all([
        (
            "{ stub { id email } }",
            json!({ "stub": { "id": "2", "email": null } }),
        ),
        (
            "{ stub { badge friends { id } } }",
            json!({ "stub": { "badge": "2/-", "friends": [{ "id": "2" }] } }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn aliases_do_not_hide_keys() {
    check_all([
        (
            "{ person { key: id mail: email phone } }",
            json!({ "person": { "key": "1", "mail": "a@1", "phone": "phone of a@1" } }),
        ),
        (
            "{ person { email: phone id: badge } }",
            json!({ "person": { "email": "phone of a@1", "id": "1/a@1" } }),
        ),
        (
            "{ inbox { account { n: number } rich } }",
            json!({ "inbox": { "account": { "n": 11 }, "rich": true } }),
        ),
    ])
    .await;
}
