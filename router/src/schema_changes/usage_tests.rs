//! Which operations a change affects.

use super::*;

const SHOP: &str = r#"
directive @client(name: String = "a", tier: Int) on FIELD | QUERY
interface Node { id: ID! }
type Query { node(id: ID!): Node order(id: ID!, in: Currency = EUR): Order search(filter: Filter): [Result!] open(status: Status): Int }
type Mutation { pay(id: ID!): Order }
type Order implements Node { id: ID! total: Int status: Status lines(first: Int = 10): [Line!] }
type Line { sku: String }
type Product implements Node { id: ID! }
union Result = Order | Product
enum Currency { EUR USD }
enum Status { PAID SENT }
input Filter { text: String status: Status range: Range = {from: 1} }
input Range { from: Int to: Int }
"#;

/// The changes affecting this operation, out of all caused by this replacement in the shop's schema.
fn concerned(operation: &str, from: &str, to: &str) -> Vec<&'static str> {
    let new = SHOP.replace(from, to);
    assert_ne!(new, SHOP, "{from}");
    let changes = schema_changes(SHOP, &new).expect("two schemas");
    let operation = ClientOperation {
        label: "it".to_owned(),
        document: operation.to_owned(),
        operation_name: None,
    };
    let usages = operation_usages(SHOP, &[operation]).expect("a schema");
    let usage = usages.into_iter().next().expect("one").expect("valid");
    let concerned = changes.iter().filter(|change| change.concerns(&usage));
    concerned.map(|change| change.kind.as_str()).collect()
}

#[test]
fn a_change_concerns_the_operations_that_use_what_changes() {
    let check = |from: &str, to: &str, kind: &str, uses: &[&str], does_not: &[&str]| {
        for operation in uses {
            assert_eq!(concerned(operation, from, to), [kind], "{operation}");
        }
        for operation in does_not {
            assert_eq!(concerned(operation, from, to), [""; 0], "{operation}");
        }
    };
    let by_fragment = "query($id: ID!) { node(id: $id) { ...O } } fragment O on Order { total }";
    check(
        "total: Int ",
        "",
        "FIELD_REMOVED",
        &[
            "{ order(id: 1) { t: total } }",
            by_fragment,
            "{ search { ... on Order { total } } }",
        ],
        &["{ order(id: 1) { id } }", "{ search { __typename } }"],
    );
    check(
        "union Result = Order | Product",
        "union Result = Order | Product | Line",
        "TYPE_ADDED_TO_UNION",
        &["{ search { __typename } }"],
        &[by_fragment],
    );
    check(
        "type Product implements Node",
        "type Product",
        "IMPLEMENTED_INTERFACE_REMOVED",
        &[
            "{ node(id: 1) { id } }",
            "{ search { ... on Node { id } } }",
        ],
        &["{ search { ... on Product { id } } }"],
    );
    check(
        "EUR USD",
        "EUR",
        "VALUE_REMOVED_FROM_ENUM",
        &[
            "{ order(id: 1, in: USD) { id } }",
            "query($c: Currency) { order(id: 1, in: $c) { id } }",
        ],
        &[
            "{ order(id: 1, in: EUR) { id } }",
            "{ order(id: 1) { id } }",
        ],
    );
    check(
        "PAID SENT",
        "PAID SENT LOST",
        "VALUE_ADDED_TO_ENUM",
        &["{ order(id: 1) { status } }"],
        &[
            "{ open(status: PAID) }",
            "query($s: Status) { open(status: $s) }",
        ],
    );
    check(
        "in: Currency = EUR",
        "in: Currency = USD",
        "ARG_DEFAULT_VALUE_CHANGE",
        &[
            "{ order(id: 1) { id } }",
            "query($c: Currency) { order(id: 1, in: $c) { id } }",
        ],
        &[
            "{ order(id: 1, in: EUR) { id } }",
            "query($c: Currency = EUR) { order(id: 1, in: $c) { id } }",
            "query($c: Currency!) { order(id: 1, in: $c) { id } }",
        ],
    );
    check(
        "lines(first: Int = 10)",
        "lines",
        "ARG_REMOVED",
        &["{ order(id: 1) { lines(first: 3) { sku } } }"],
        &["{ order(id: 1) { id } }"],
    );
    check(
        "lines(first: Int = 10)",
        "lines(first: Int = 10, after: ID!)",
        "REQUIRED_ARG_ADDED",
        &["{ order(id: 1) { lines { sku } } }"],
        &["{ order(id: 1) { id } }"],
    );
    check(
        "open(status: Status)",
        "open(status: Status!)",
        "ARG_CHANGED_KIND",
        &["{ open }", "{ open(status: PAID) }"],
        &["{ order(id: 1) { id } }"],
    );
    check(
        "from: Int to: Int",
        "from: Int",
        "FIELD_REMOVED",
        &[
            "{ search(filter: {range: {to: 1}}) { __typename } }",
            "query($f: Filter) { search(filter: $f) { __typename } }",
            "query($r: Range) { search(filter: {range: $r}) { __typename } }",
        ],
        &[
            "{ search(filter: {range: {from: 1}}) { __typename } }",
            "{ search(filter: {}) { __typename } }",
            "{ search { __typename } }",
        ],
    );
    check(
        "from: Int to: Int",
        "from: Int to: Int unit: String!",
        "REQUIRED_INPUT_FIELD_ADDED",
        &[
            "{ search(filter: {range: {from: 1}}) { __typename } }",
            "query($f: Filter) { search(filter: $f) { __typename } }",
        ],
        &["{ search(filter: {text: \"a\", range: null}) { __typename } }"],
    );
    check(
        "name: String = \"a\", ",
        "",
        "DIRECTIVE_ARG_REMOVED",
        &["{ open @client(name: \"b\") }"],
        &["{ open @client }", "{ open }"],
    );
    check(
        "on FIELD | QUERY",
        "on FIELD",
        "DIRECTIVE_LOCATION_REMOVED",
        &["query @client { open }"],
        &["{ open @client }"],
    );
    check(
        "type Mutation {",
        "schema { query: Query } type Mutation {",
        "ROOT_TYPE_CHANGED",
        &["mutation { pay(id: 1) { id } }"],
        &["{ open }"],
    );
}

#[test]
fn operations_that_are_not_of_the_schema_are_refused() {
    let check = |document: &str, name: Option<&str>, expected: &str| {
        let operation = ClientOperation {
            label: "it".to_owned(),
            document: document.to_owned(),
            operation_name: name.map(str::to_owned),
        };
        let usages = operation_usages(SHOP, &[operation]).expect("a schema");
        let error = usages[0].as_ref().expect_err(document);
        assert_eq!(error.to_string(), expected);
    };
    check("{ open", None, "it, 1:7: Expected Name, found <EOF>.");
    check(
        "{ nothing }",
        None,
        "it, 1:3: Cannot query field \"nothing\" on type \"Query\".",
    );
    check(
        "{ open(of: 1) }",
        None,
        "it, 1:3: Unknown argument \"of\" on field \"Query.open\".",
    );
    check("{ ...A }", None, "it, 1:3: Unknown fragment \"A\".");
    check("{ ... on X { a } }", None, "it, 1:3: Unknown type \"X\".");
    check(
        "subscription { a }",
        None,
        "it, 1:1: The schema has no subscription type.",
    );
    check(
        "query A { open }",
        Some("B"),
        "it, 1:1: The document has no operation \"B\".",
    );
}
