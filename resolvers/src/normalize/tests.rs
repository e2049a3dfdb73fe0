//! Documents with conditions and with variables without a value, compared with the specification.

mod random_documents;

use std::sync::LazyLock;

use async_graphql::{
    EmptyMutation, EmptySubscription, ID, InputObject, Interface, MaybeUndefined, Object, Request,
    Schema, Union, Variables,
};
use platform::caller::Caller;
use serde_json::{Value, json};

use crate::entities::Entities;
use crate::subgraph::Subgraph;

struct Query;
struct A;
struct B;

#[derive(Interface)]
#[graphql(
    field(name = "number", ty = "i32"),
    field(name = "any", ty = "Any", arg(name = "b", ty = "bool"))
)]
enum Node {
    A(A),
    B(B),
}

#[derive(Union)]
enum Any {
    A(A),
    B(B),
}

macro_rules! fields {
    ($type:ident $($more:tt)*) => {
        #[Object]
        impl $type {
            async fn number(&self) -> i32 {
                7
            }

            async fn a(&self) -> A {
                A
            }

            async fn list(&self) -> Vec<B> {
                vec![B, B]
            }

            async fn any(&self, b: bool) -> Any {
                if b { Any::B(B) } else { Any::A(A) }
            }

            async fn node(&self, b: bool) -> Option<Node> {
                Some(if b { Node::B(B) } else { Node::A(A) })
            }

            $($more)*
        }
    };
}
#[derive(Debug, InputObject)]
struct Input {
    given: MaybeUndefined<i32>,
    #[graphql(default = 20)]
    first: i32,
    list: MaybeUndefined<Vec<Option<i32>>>,
    inner: MaybeUndefined<Box<Self>>,
}

fields!(Query
    /// What arrives.
    async fn arrives(
        &self,
        input: Option<Input>,
        given: MaybeUndefined<i32>,
        #[graphql(default = 20)] first: i32,
    ) -> String {
        let of = |value: &MaybeUndefined<i32>| match value {
            MaybeUndefined::Undefined => "-".to_owned(),
            MaybeUndefined::Null => "null".to_owned(),
            MaybeUndefined::Value(value) => value.to_string(),
        };
        let mut words = format!("{} {first}", of(&given));
        let mut next = input;
        while let Some(input) = next {
            words += &format!(" ({} {} {:?}", of(&input.given), input.first, input.list);
            next = input.inner.take().map(|inner| *inner);
        }
        words
    }

    #[graphql(entity)]
    async fn find_a(&self, id: ID) -> A {
        let _ = id;
        A
    }

    #[graphql(entity)]
    async fn find_b(&self, id: ID) -> B {
        let _ = id;
        B
    }
);
fields!(A);
fields!(B);

static SUBGRAPH: LazyLock<Subgraph> = LazyLock::new(|| {
    let schema = Schema::build(Entities(Query), EmptyMutation, EmptySubscription).finish();
    Subgraph::new("conditional", schema, |_| ())
});

async fn ask(query: &str, variables: Value) -> Value {
    let request = Request::new(query).variables(Variables::from_json(variables));
    let response = SUBGRAPH.execute(request, Caller::default()).await;
    serde_json::to_value(response).expect("JSON")
}

async fn check(query: &str, variables: Value, expect: Value) {
    let answer = ask(query, variables).await;
    assert_eq!(answer["errors"], Value::Null, "{query}: {answer}");
    assert_eq!(answer["data"], expect, "{query}");
}

#[tokio::test]
async fn an_object_of_which_nothing_is_left_is_empty() {
    let none = json!({});
    for query in [
        "{ a { number @skip(if: true) } }",
        "{ a { number @include(if: false) __typename @skip(if: true) } }",
        "{ a { ... on A @skip(if: true) { number } } }",
        "{ a { ... @include(if: false) { number } } }",
        "{ a { ... { number @skip(if: true) } } }",
        "{ a { ...F @skip(if: true) } } fragment F on A { number }",
        "{ a { ...F } } fragment F on A { ...G @skip(if: true) } fragment G on A { number }",
        "{ a { ...F } } fragment F on A { number @skip(if: true) }",
    ] {
        check(query, json!({}), json!({ "a": {} })).await;
    }
    check("{ number @skip(if: true) }", json!({}), none.clone()).await;
    let nothing = "query($x: Boolean!) { list { number @skip(if: $x) } }";
    check(nothing, json!({ "x": true }), json!({ "list": [{}, {}] })).await;
    // Nor is it null if no fragment matches its type.
    let other = "{ any(b: true) { ... on A { number } } node(b: true) { ... on A { number } } }";
    check(other, json!({}), json!({ "any": {}, "node": {} })).await;
    // Its parts are merged wherever they are written.
    let parts = "{ a { ...F } a { number } a { a { ... @skip(if: true) { number } } } } fragment F on A { number @skip(if: true) }";
    check(parts, json!({}), json!({ "a": { "number": 7, "a": {} } })).await;
    // A client may use any key.
    let keys =
        "{ a { _nothing: number ... on A { a { number @skip(if: true) } } } _nothing_: number }";
    let expect = json!({ "a": { "_nothing": 7, "a": {} }, "_nothing_": 7 });
    check(keys, json!({}), expect).await;
}

#[tokio::test]
async fn entities_are_empty_where_no_fragment_is_about_them() {
    let entities = |of: &str, fragments: &str, expect: Value| {
        let query = format!(
            "query($of: [_Any!]!) {{ _entities(representations: {of}) {{ {fragments} }} }}"
        );
        let query = if of == "$of" {
            query
        } else {
            query.replace("($of: [_Any!]!)", "")
        };
        async move {
            let a = json!({ "__typename": "A", "id": "1" });
            check(
                &query,
                json!({ "of": [a, a] }),
                json!({ "_entities": [expect, expect] }),
            )
            .await;
        }
    };
    entities("$of", "... on A { number }", json!({ "number": 7 })).await;
    entities("$of", "... on B { number }", json!({})).await;
    entities("$of", "... on A @skip(if: true) { number }", json!({})).await;
    entities("$of", "... on A { number @skip(if: true) }", json!({})).await;
    let literal = r#"[{__typename: "A", id: "1"}, {__typename: "A", id: "1"}]"#;
    entities(literal, "... on B { number }", json!({})).await;
}

#[tokio::test]
async fn variables_of_conditions_have_defaults_and_need_no_other_use() {
    let number = json!({ "number": 7 });
    for (query, variables, expect) in [
        (
            "query($x: Boolean! = true) { number @skip(if: $x) }",
            json!({}),
            json!({}),
        ),
        (
            "query($x: Boolean! = true) { number @include(if: $x) }",
            json!({}),
            number.clone(),
        ),
        (
            "query($x: Boolean = false) { number @skip(if: $x) }",
            json!({}),
            number.clone(),
        ),
        (
            "query($x: Boolean! = true) { number @skip(if: $x) }",
            json!({ "x": false }),
            number.clone(),
        ),
        (
            "query($x: Boolean!) { number __typename @skip(if: $x) }",
            json!({ "x": true }),
            number.clone(),
        ),
        (
            "query($x: Boolean!) { number ... @skip(if: $x) { __typename } }",
            json!({ "x": true }),
            number.clone(),
        ),
        (
            "query($x: Boolean!, $y: Boolean!) { number @skip(if: $x) @include(if: $y) }",
            json!({ "x": false, "y": false }),
            json!({}),
        ),
        (
            "query($x: Boolean!) { any(b: $x) { ... on B { number @include(if: $x) } } }",
            json!({ "x": true }),
            json!({ "any": number }),
        ),
        (
            "query($x: Boolean!) { ...F } fragment F on Query { number @include(if: $x) }",
            json!({ "x": true }),
            number.clone(),
        ),
    ] {
        check(query, variables, expect).await;
    }
    let several = "query A($x: Boolean!) { ...F } query B($x: Boolean!, $b: Boolean!) { ...F any(b: $b) { ... on B @skip(if: $x) { number } } } fragment F on Query { number @include(if: $x) }";
    let request = Request::new(several)
        .operation_name("A")
        .variables(Variables::from_json(json!({ "x": true })));
    let response = SUBGRAPH.execute(request, Caller::default()).await;
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    assert_eq!(serde_json::to_value(response.data).expect("JSON"), number);
}

#[tokio::test]
async fn what_is_no_condition_is_refused() {
    for (query, variables) in [
        ("{ number @skip(if: $x) }", json!({ "x": true })),
        ("query($x: Boolean!) { number @skip(if: $x) }", json!({})),
        (
            "query($x: Boolean!) { number @skip(if: $x) }",
            json!({ "x": null }),
        ),
        (
            "query($x: Boolean! = true) { number @skip(if: $x) }",
            json!({ "x": null }),
        ),
        (
            "query($x: Boolean! = true) { number @skip(if: $x) }",
            json!({ "x": "true" }),
        ),
        (
            "query($x: Boolean) { number @skip(if: $x) }",
            json!({ "x": true }),
        ),
        (
            "query($x: String!) { number @skip(if: $x) }",
            json!({ "x": "true" }),
        ),
        (
            "query($x: [Boolean!]!) { number @skip(if: $x) }",
            json!({ "x": [true] }),
        ),
        ("{ number __typename @skip(if: 1) }", json!({})),
        ("{ number __typename @skip }", json!({})),
    ] {
        let answer = ask(query, variables).await;
        assert_eq!(answer["data"], Value::Null, "{query}");
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
            "{query}"
        );
    }
    // A skipped selection must be valid all the same.
    let answer = ask("{ number nonsense @skip(if: true) }", json!({})).await;
    assert_eq!(answer["data"], Value::Null);
    let answer = ask(
        "query($x: Boolean!, $y: Int) { number @skip(if: $x) }",
        json!({ "x": true }),
    );
    assert_eq!(answer.await["data"], Value::Null, "$y is for nothing");
}

#[tokio::test]
async fn what_a_variable_without_a_value_is_given_for_is_left_out() {
    for (query, variables, expect) in [
        ("($x: Int) { arrives(given: $x) }", json!({}), "- 20"),
        (
            "($x: Int) { arrives(given: $x) }",
            json!({ "x": null }),
            "null 20",
        ),
        ("($x: Int = 5) { arrives(given: $x) }", json!({}), "5 20"),
        ("($x: Int) { arrives(first: $x) }", json!({}), "- 20"),
        (
            "($x: Int) { arrives(input: { given: $x, first: $x }) }",
            json!({}),
            "- 20 (- 20 Undefined",
        ),
        (
            "($x: Int) { arrives(input: { given: $x }) }",
            json!({ "x": null }),
            "- 20 (null 20 Undefined",
        ),
        (
            "($x: Int) { arrives(input: { list: [1, $x], inner: { given: $x } }) }",
            json!({}),
            "- 20 (- 20 Value([Some(1), None]) (- 20 Undefined",
        ),
        (
            "($x: Input, $y: Int) { ...F } fragment F on Query { arrives(input: $x, first: $y) }",
            json!({ "y": 3 }),
            "- 3",
        ),
        (
            "($x: Int, $no: Boolean!) { arrives(given: $x) @skip(if: $no) }",
            json!({ "no": false }),
            "- 20",
        ),
    ] {
        let query = format!("query {query}");
        check(&query, variables, json!({ "arrives": expect })).await;
    }
    // Invalid documents stay invalid.
    for query in [
        "query ($x: Int!) { arrives(given: $x) }",
        "query ($x: Int) { number }",
        "query { arrives(given: $x) }",
    ] {
        let answer = ask(query, json!({})).await;
        assert_ne!(answer["errors"], Value::Null, "{query}: {answer}");
    }
}
