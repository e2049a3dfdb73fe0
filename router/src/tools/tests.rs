//! The schemas of operations' arguments and results.

use std::path::Path;

use super::*;
use crate::clients::ManifestOperation;

const SCHEMA: &str = r#"
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@authenticated", "@requiresScopes"])
    type Query {
        "Finds goods."
        find(
            "What to look for."
            text: String!
            "How many."
            first: Int = 20
            sort: [Sort!] = [PRICE]
            filter: Filter
        ): [Item!]!
        "The caller's own things."
        mine(by: Key!): Item @authenticated
        secret: String @requiresScopes(scopes: [["a", "b"], ["c"]])
        time(at: Time): Time
        plain: Int
    }
    type Mutation { buy(id: ID!): Boolean! }
    scalar Time
    "An order of results."
    enum Sort { PRICE NAME }
    input Filter {
        "Only these."
        sort: Sort!
        limit: Float! = 1.5
        and: [Filter!]
        old: Boolean @deprecated
    }
    "One of its fields."
    input Key @oneOf { id: ID number: Int }
    interface Item { id: ID! title: String }
    type Book implements Item { id: ID! title: String pages: Int! sort: Sort owner: Owner }
    type Disc implements Item { id: ID! title: String minutes: Float }
    type Owner { name: String! email: String @requiresScopes(scopes: [["email"]]) }
"#;

fn supergraph() -> Supergraph {
    let composition = crate::compose(&[("goods", SCHEMA, "http://goods")]).expect("a supergraph");
    Supergraph::new(composition).expect("a supergraph")
}

fn tool(document: &str) -> Tool {
    let entry = ManifestOperation {
        id: "x".to_owned(),
        name: None,
        kind: None,
        body: document.to_owned(),
    };
    let operation = RegisteredOperation::new(entry, Path::new("m.json")).expect(document);
    Tool::new(&Arc::new(operation), &supergraph()).expect(document)
}

#[track_caller]
fn check_input(document: &str, expected: Value) {
    let schema = Value::Object((*tool(document).input_schema).clone());
    assert_eq!(schema, expected, "{schema:#}");
}

#[track_caller]
fn check_output(document: &str, expected: Value) {
    let schema = Value::Object((*tool(document).output_schema).clone());
    assert_eq!(schema, expected, "{schema:#}");
}

#[test]
fn variables_are_arguments() {
    check_input(
        r#"query Q("Words." $text: String!, $first: Int, $n: Int! = 3, $ids: [[ID]!], $on: Boolean) {
            find(text: $text, first: $first) { id @include(if: $on) }
        }"#,
        json!({
            "type": "object",
            "properties": {
                "text": { "type": "string", "description": "Words." },
                "first": { "type": ["integer", "null"], "description": "How many.", "default": 20 },
                "n": { "type": "integer", "default": 3 },
                "ids": {
                    "type": ["array", "null"],
                    "items": { "type": "array", "items": { "type": ["string", "null"] } }
                },
                "on": { "type": ["boolean", "null"] }
            },
            "required": ["text"],
            "additionalProperties": false
        }),
    );
    check_input(
        "query Q { plain }",
        json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    );
}

#[test]
fn named_types_are_written_once() {
    let sort = json!({
        "type": "string",
        "enum": ["PRICE", "NAME"],
        "description": "An order of results."
    });
    let filter = json!({
        "type": "object",
        "properties": {
            "sort": { "$ref": "#/$defs/Sort", "description": "Only these." },
            "limit": { "type": "number", "default": 1.5 },
            "and": { "type": ["array", "null"], "items": { "$ref": "#/$defs/Filter" } },
            "old": { "type": ["boolean", "null"], "deprecated": true }
        },
        "required": ["sort"],
        "additionalProperties": false
    });
    check_input(
        r#"query Q($sort: [Sort!] = [NAME], $filter: Filter, $at: Time!) {
            find(text: "x", sort: $sort, filter: $filter) { id }
            time(at: $at)
        }"#,
        json!({
            "type": "object",
            "properties": {
                "sort": {
                    "type": ["array", "null"],
                    "items": { "$ref": "#/$defs/Sort" },
                    "default": ["NAME"]
                },
                "filter": { "anyOf": [{ "$ref": "#/$defs/Filter" }, { "type": "null" }] },
                "at": { "title": "Time" }
            },
            "required": ["at"],
            "additionalProperties": false,
            "$defs": { "Sort": sort, "Filter": filter }
        }),
    );
}

#[test]
fn a_one_of_object_has_one_field() {
    check_input(
        "query Q($by: Key!) { mine(by: $by) { id } }",
        json!({
            "type": "object",
            "properties": { "by": { "$ref": "#/$defs/Key" } },
            "required": ["by"],
            "additionalProperties": false,
            "$defs": {
                "Key": {
                    "type": "object",
                    "properties": { "id": { "type": "string" }, "number": { "type": "integer" } },
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": false,
                    "description": "One of its fields."
                }
            }
        }),
    );
}

#[test]
fn selections_are_results() {
    check_output(
        r#"query Q($on: Boolean!) {
            goods: find(text: "x") {
                __typename
                title
                ...F
                ... on Book { pages sort owner { name } }
                ... on Item { id }
            }
            time
            plain @skip(if: $on)
        }
        fragment F on Disc { minutes ... @include(if: true) { title } }"#,
        json!({
            "type": "object",
            "properties": {
                "goods": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "__typename": { "enum": ["Book", "Disc"] },
                            "title": { "type": ["string", "null"] },
                            "minutes": { "type": ["number", "null"] },
                            "pages": { "type": "integer" },
                            "sort": { "anyOf": [{ "$ref": "#/$defs/Sort" }, { "type": "null" }] },
                            "owner": {
                                "type": ["object", "null"],
                                "properties": { "name": { "type": "string" } },
                                "required": ["name"]
                            },
                            "id": { "type": "string" }
                        },
                        "required": ["__typename", "title", "id"]
                    }
                },
                "time": {},
                "plain": { "type": ["integer", "null"] }
            },
            "required": ["goods", "time"],
            "$defs": {
                "Sort": {
                    "type": "string",
                    "enum": ["PRICE", "NAME"],
                    "description": "An order of results."
                }
            }
        }),
    );
}

#[test]
fn it_is_described_by_the_operation_or_the_schema() {
    let check = |document: &str, expected: &str| {
        assert_eq!(tool(document).description, expected, "{document}");
    };
    check("\"\"\"\n  Mine.\n\"\"\" query Q { plain }", "Mine.");
    check(
        "query Q { a: find(text: \"\") { id } mine(by: { id: 1 }) { id } }",
        "Finds goods.\nThe caller's own things.",
    );
    check("query Q { plain }", "Q");
}

#[test]
fn a_caller_who_is_denied_a_root_field_is_told_before() {
    let nobody = Caller::default();
    let user = |scopes: &[&str]| Caller {
        subject: Some("u".to_owned()),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        ..Caller::default()
    };
    let check = |document: &str, caller: &Caller, denial: Option<ErrorCode>, scopes: &[&str]| {
        let tool = tool(document);
        assert_eq!(tool.denial(caller), denial, "{document}");
        assert_eq!(tool.scopes().into_iter().collect::<Vec<_>>(), scopes);
    };
    let mine = "query Q { mine(by: { id: 1 }) { id } }";
    check(mine, &nobody, Some(ErrorCode::Unauthenticated), &[]);
    check(mine, &user(&[]), None, &[]);
    let secret = "query Q { plain secret }";
    check(
        secret,
        &user(&["a"]),
        Some(ErrorCode::Forbidden),
        &["a", "b", "c"],
    );
    check(secret, &user(&["c"]), None, &["a", "b", "c"]);
    // Other fields are null for those who may not see them.
    let email = "query Q { find(text: \"\") { ... on Book { owner { email } } } }";
    check(email, &nobody, None, &["email"]);
}
