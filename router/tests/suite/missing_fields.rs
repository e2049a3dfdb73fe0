//! Fields missing from a subgraph response are reported, but only where they were certainly requested.

use serde_json::json;

use crate::malformed::{paths, scripts};

#[tokio::test]
async fn a_field_that_is_missing_below_a_fragment_is_an_error_where_the_fragment_applies() {
    let scripts = scripts();
    let one = "{ any { id ... on Item { size tags } } }";
    let sized = "{ any { ... on Sized { size } } }";
    let both = "{ any { ... on Item { size owner { name } } ... on Other { size owner { name again: name } } } }";
    for (query, any, missing) in [
        (
            one,
            json!({ "__typename": "Item", "id": "1", "tags": [] }),
            vec![json!(["any", "size"])],
        ),
        (
            one,
            json!({ "__typename": "Item", "id": "1" }),
            vec![json!(["any", "size"]), json!(["any", "tags"])],
        ),
        (one, json!({ "__typename": "Other", "id": "1" }), vec![]),
        (
            sized,
            json!({ "__typename": "Item" }),
            vec![json!(["any", "size"])],
        ),
        (sized, json!({ "__typename": "Other" }), vec![]),
        (
            both,
            json!({ "__typename": "Item", "owner": { "name": "o" } }),
            vec![json!(["any", "size"])],
        ),
        (
            both,
            json!({ "__typename": "Other", "size": 1 }),
            vec![json!(["any", "owner"])],
        ),
        (
            both,
            json!({ "__typename": "Other", "size": 1, "owner": {} }),
            vec![json!(["any", "owner", "name"])],
        ),
        (
            both,
            json!({ "__typename": "Item", "size": 1, "owner": { "name": "o" } }),
            vec![],
        ),
    ] {
        let body = json!({ "data": { "any": any } }).to_string();
        let answer = scripts.execute(query, &body, "").await;
        assert_eq!(
            paths(&answer),
            missing.iter().collect::<Vec<_>>(),
            "{query} {body}: {answer}"
        );
    }
}

#[tokio::test]
async fn fragments_on_other_types_may_select_other_fields_below_a_key() {
    let a = crate::kit::Subgraph::new(
        "a",
        "type Query { all: [Any] } union Any = One | Two type One { p: P } type Two { p: P } type P { x: Int y: Int }",
    )
    .root(
        "all",
        json!([
            { "__typename": "One", "p": { "x": 1 } },
            { "__typename": "Two", "p": { "y": 2 } },
        ]),
    );
    crate::kit::Graph::new([a])
        .await
        .check(
            "{ all { ... on One { p { a: x } } ... on Two { p { y } } } }",
            json!({ "data": { "all": [{ "p": { "a": 1 } }, { "p": { "y": 2 } }] } }),
        )
        .await;
}
