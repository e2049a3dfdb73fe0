//! Operations' costs by their arguments and variables, and rejections.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::prepare::{OperationLimits, PrepareOptions, PreparedOperation};

const BOOKS: &str = r#"
    schema
      @link(url: "https://specs.apollo.dev/link/v1.0")
      @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION)
      @link(url: "https://specs.apollo.dev/cost/v0.1", import: ["@cost", "@listSize"])
    { query: Query mutation: Mutation }
    directive @cost(weight: String!) on FIELD_DEFINITION | OBJECT | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | SCALAR
    directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
    directive @join__graph(name: String!, url: String!) on ENUM_VALUE
    directive @join__type(graph: join__Graph!, key: String) repeatable on OBJECT | INTERFACE | UNION | SCALAR | INPUT_OBJECT
    directive @join__field(graph: join__Graph) repeatable on FIELD_DEFINITION
    directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT
    directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
    directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
    enum link__Purpose { SECURITY EXECUTION }
    scalar link__Import
    enum join__Graph { A @join__graph(name: "a", url: "http://a") }
    type Query @join__type(graph: A) {
      books: [Book] @listSize(assumedSize: 5)
      all: [Book]
      dear: Book @cost(weight: "7.5")
      page(first: Int = 10, last: Int): Page @listSize(slicingArguments: ["first", "last"], sizedFields: ["shelf { books }"], requireOneSlicingArgument: false)
      one(first: Int, last: Int): [Book] @listSize(slicingArguments: ["first", "last"])
      found(input: In): [Book] @listSize(slicingArguments: ["input.page.first"], assumedSize: 3, requireOneSlicingArgument: false)
      connection(first: Int = 20, last: Int): Books
      things: Thing
      put(input: In @cost(weight: "4"), n: Int @cost(weight: "2")): Int
    }
    type Mutation @join__type(graph: A) { add: Book }
    type Page @join__type(graph: A) { shelf: Shelf total: Int }
    type Shelf @join__type(graph: A) { books: [Book] }
    type Books @join__type(graph: A) { nodes: [Book] edges: [Edge] total: Int }
    type Edge @join__type(graph: A) { node: Book }
    type Book @join__type(graph: A) { title: String author: Author publisher: Publisher related(first: Int): Books isbn: Isbn }
    type Author @join__type(graph: A) { name: String }
    type Publisher @join__type(graph: A) { name: String address: Address }
    type Address @join__type(graph: A) @cost(weight: "5") { zipCode: Int }
    union Thing @join__type(graph: A) @join__unionMember(graph: A, member: "Book") @join__unionMember(graph: A, member: "Author") = Book | Author
    scalar Isbn @join__type(graph: A) @cost(weight: "3")
    input In @join__type(graph: A) { page: Slice list: [In] text: String @cost(weight: "6") }
    input Slice @join__type(graph: A) { first: Int }
"#;

fn cost(text: &str, variables: Value) -> Result<f64, String> {
    let supergraph = Supergraph::new(BOOKS.to_owned()).expect("a supergraph");
    let options = PrepareOptions {
        limits: OperationLimits {
            list_size: 10,
            ..OperationLimits::default()
        },
        keep_plan: false,
        override_labels: Arc::default(),
        suggestions: false,
    };
    let prepared = PreparedOperation::new(text, None, &Arc::new(supergraph), &options);
    let prepared = prepared.unwrap_or_else(|refused| panic!("{text}: {refused:?}"));
    let Value::Object(variables) = variables else {
        panic!("variables are an object");
    };
    let variables = prepared.coerce_variables(variables).expect("they fit");
    let cost = prepared.cost(&variables);
    cost.map_err(|refused| refused.errors[0].message.clone())
}

#[track_caller]
fn check(text: &str, expected: f64) {
    assert_eq!(cost(text, json!({})), Ok(expected), "{text}");
}

#[test]
fn objects_lists_and_weights_count_as_the_specification_says() {
    check("{ dear { title } }", 7.5);
    check("{ books { title } }", 5.0);
    // Five books, each with an author, a publisher and an address.
    check(
        "{ books { title author { name } publisher { name address { zipCode } } } }",
        5.0 * (1.0 + 1.0 + 1.0 + 5.0),
    );
    check("{ all { isbn } }", 10.0 * (1.0 + 3.0));
    check("mutation { add { title } }", 10.0 + 1.0);
    check(
        "{ __typename __schema { types { name } } books { __typename } }",
        5.0,
    );
}

#[test]
fn slicing_arguments_say_how_long_lists_are() {
    check(
        "{ page { total shelf { books { title } } } }",
        1.0 + 1.0 + 10.0,
    );
    check(
        "{ page(last: 40) { shelf { books { title } } } }",
        2.0 + 40.0,
    );
    check(
        "{ page(first: 0) { shelf { books { author { name } } } } }",
        2.0,
    );
    check("{ page(first: -5) { shelf { books { title } } } }", 2.0);
    check("{ found { title } }", 3.0);
    check("{ found(input: {page: {first: 8}}) { title } }", 8.0 + 2.0);
    let text = "query($n: Int, $in: In) { page(first: $n) { shelf { books { title } } } found(input: $in) { title } }";
    assert_eq!(
        cost(text, json!({ "n": 7, "in": { "page": { "first": 6 } } })),
        Ok(2.0 + 7.0 + 6.0 + 2.0)
    );
    assert_eq!(
        cost(text, json!({})),
        Ok(2.0 + 10.0 + 3.0),
        "the argument's default"
    );
    let text = "query($n: Int = 4) { page(first: $n) { shelf { books { title } } } }";
    assert_eq!(
        cost(text, json!({})),
        Ok(2.0 + 4.0),
        "the variable's default"
    );
    assert_eq!(
        cost(text, json!({ "n": null })),
        Ok(2.0 + 10.0),
        "null is as if nobody said it"
    );
}

#[test]
fn one_slicing_argument_may_be_required() {
    check("{ one(last: 6) { title } }", 6.0);
    for (text, found) in [
        ("{ one { title } }", 0),
        ("{ one(first: 1, last: 2) { title } }", 2),
    ] {
        let refused = cost(text, json!({})).expect_err(text);
        assert!(
            refused.contains("Query.one") && refused.ends_with(&format!("not {found}.")),
            "{refused}"
        );
    }
    let text = "query($n: Int) { one(first: $n) { title } }";
    assert_eq!(cost(text, json!({ "n": 3 })), Ok(3.0));
    assert!(cost(text, json!({})).is_err());
}

#[test]
fn connections_need_no_directive() {
    check("{ connection { total } }", 1.0);
    check(
        "{ connection { nodes { title } edges { node { title } } } }",
        1.0 + 20.0 + 20.0 * 2.0,
    );
    check(
        "{ connection(first: 100) { nodes { related(first: 100) { nodes { related { nodes { title } } } } } } }",
        1.0 + 100.0 * (1.0 + 1.0 + 100.0 * (1.0 + 1.0 + 20.0)),
    );
}

#[test]
fn what_the_answer_has_once_counts_once() {
    check(
        "{ books { author { name } } ...F ...F } fragment F on Query { books { author { name } title } }",
        10.0,
    );
    check("{ books { title } other: books { title } }", 10.0);
    // Only one of a union's members is present.
    check(
        "{ things { ... on Book { author { name } publisher { name } } ... on Author { name } } }",
        3.0,
    );
    let text = "query($a: Boolean!, $b: Boolean!) { books @include(if: $a) { title } all @skip(if: $b) { title } dear @skip(if: true) { title } }";
    for (a, b, expected) in [(true, true, 5.0), (true, false, 15.0), (false, true, 0.0)] {
        assert_eq!(cost(text, json!({ "a": a, "b": b })), Ok(expected));
    }
}

#[test]
fn arguments_cost_what_their_objects_do() {
    check("{ put(n: 1) }", 2.0);
    check("{ put(input: {}) }", 4.0);
    check(
        "{ put(input: {text: \"a\", list: [{}, {}]}) }",
        4.0 + 6.0 + 2.0,
    );
    check("{ found(input: {list: [{}, {}]}) { title } }", 3.0 + 3.0);
    let text = "query($in: In) { put(input: $in) again: put(input: $in) }";
    let variables = json!({ "in": { "text": "a", "list": [{}, {}] } });
    assert_eq!(cost(text, variables), Ok(2.0 * (4.0 + 6.0 + 2.0)));
}

#[test]
fn figures_stay_numbers() {
    assert_eq!(figure(12.0), json!(12));
    assert_eq!(figure(0.5), json!(0.5));
    assert_eq!(figure(f64::INFINITY), json!(9_007_199_254_740_991_u64));
}
