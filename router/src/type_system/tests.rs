//! Parsing, merging and printing schemas.

use super::*;

/// Checks that a text prints like this, and that parsing the output gives the same again.
fn check(text: &str, written: &str) {
    let schema = Schema::parse(text).expect(text);
    assert_eq!(schema.to_string(), written);
    let again = Schema::parse(written).expect(written);
    assert_eq!(again.to_string(), written);
}

#[test]
fn every_definition_is_read_and_written() {
    let text = r#"
"""the graph"""
schema @link(url: "https://example.com/a/v1.0", import: ["@b", {name: "@c", as: "@d"}]) {
  query: Root
  mutation: Mutation
}

"on many things"
directive @many(a: Int = 1, "said" b: [String!]! = ["x", "\"y\n"]) repeatable on | FIELD | OBJECT

type Root implements & Node & Other @many(b: []) {
  "first"
  a(x: In = {n: 1.50, e: A, b: true, z: null}, y: ID): [[Int!]]! @deprecated(reason: "long ago")
}
interface Node implements Other { id: ID! }
interface Other { id: ID! }
union U @x = | A | B
enum E { A @deprecated "the second" B }
input In @y { n: Float = 1, e: E! }
scalar S @specifiedBy(url: "https://example.com")
type Mutation
"#;
    let written = r#""""the graph"""
schema @link(url: "https://example.com/a/v1.0", import: ["@b", {name: "@c", as: "@d"}]) {
  query: Root
  mutation: Mutation
}

"""on many things"""
directive @many(
  a: Int = 1
  """said"""
  b: [String!]! = ["x", "\"y\n"]
) repeatable on FIELD | OBJECT

type Root implements Node & Other @many(b: []) {
  """first"""
  a(x: In = {n: 1.50, e: A, b: true, z: null}, y: ID): [[Int!]]! @deprecated(reason: "long ago")
}

interface Node implements Other {
  id: ID!
}

interface Other {
  id: ID!
}

union U @x = A | B

enum E {
  A @deprecated
  """the second"""
  B
}

input In @y {
  n: Float = 1
  e: E!
}

scalar S @specifiedBy(url: "https://example.com")

type Mutation
"#;
    check(text, written);
}

#[test]
fn extensions_are_put_into_what_they_extend() {
    let text = r#"
extend type A implements I @x { b: Int }
type A { a: Int }
extend schema @y
extend schema { query: A }
extend enum E { Z }
extend enum E { Y }
extend union U = A
extend interface I { a: Int }
extend interface I implements J
extend input In { a: Int }
extend scalar S @z
"#;
    let schema = Schema::parse(text).expect("a schema");
    assert_eq!(
        schema.to_string(),
        r#"schema @y {
  query: A
}

type A implements I @x {
  a: Int
  b: Int
}

enum E {
  Z
  Y
}

union U = A

interface I implements J {
  a: Int
}

input In {
  a: Int
}

scalar S @z
"#
    );
    assert!(schema.types["E"].is_extension && !schema.types["A"].is_extension);
}

#[test]
fn descriptions_survive_whatever_they_are() {
    for description in [
        "plain",
        "a \"quoted\" word",
        "ends with \"",
        "ends with \\",
        "three \"\"\" quotes, and \\\"\"\" four",
        "two\nlines",
        "first\n    indented\n\n  less",
        "  leading",
        "\n starts with a line end",
        "ends with one\n",
        "",
        " ",
        "tab\tinside",
        "return\rinside",
        "bell\u{7}",
        "🎧 beyond the basic plane",
        &"long ".repeat(30),
    ] {
        let mut schema = Schema::parse("type Query { a(b: Int): Int } enum E { A }").expect("SDL");
        let query = schema.types.get_mut("Query").expect("a type");
        query.description = Some(description.to_owned());
        query.fields[0].description = Some(description.to_owned());
        query.fields[0].arguments[0].description = Some(description.to_owned());
        let written = schema.to_string();
        let again = Schema::parse(&written).expect(&written);
        assert_eq!(again.to_string(), written);
        let query = &again.types["Query"];
        for found in [
            &query.description,
            &query.fields[0].description,
            &query.fields[0].arguments[0].description,
        ] {
            assert_eq!(found.as_deref(), Some(description), "{written}");
        }
    }
}

#[test]
fn what_is_no_schema_is_refused_where_it_goes_wrong() {
    let check = |text: &str, expected: &[&str]| {
        let errors = Schema::parse(text).expect_err(text);
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors, expected, "{text}");
    };
    check("type {", &["1:6: Expected Name, found \"{\"."]);
    check("query { a }", &["1:1: Unexpected Name \"query\"."]);
    check("extend type A", &["1:14: Unexpected <EOF>."]);
    check("extend schema", &["1:14: Unexpected <EOF>."]);
    check("schema", &["1:7: Expected \"{\", found <EOF>."]);
    check(
        "extend directive @a on FIELD",
        &["1:8: Unexpected Name \"directive\"."],
    );
    check(
        "\"of\" extend type A { a: Int }",
        &["1:6: Unexpected Name \"extend\"."],
    );
    check("type A { a: }", &["1:13: Expected Name, found \"}\"."]);
    check("type A {}", &["1:9: Expected Name, found \"}\"."]);
    check(
        "directive @a on NOWHERE",
        &["1:17: Unexpected Name \"NOWHERE\"."],
    );
    check(
        "directive @a(b: Int = $c) on FIELD",
        &["1:23: Unexpected \"$\"."],
    );
    check(
        "type A implements { a: Int }",
        &["1:19: Expected Name, found \"{\"."],
    );
    check(
        "enum E { true }",
        &["1:10: Name \"true\" is reserved and cannot be used for an enum value."],
    );
    check(
        "schema { queries: A }",
        &["1:10: Unexpected Name \"queries\"."],
    );
    check(
        "type A { a: Int a: Int b(c: Int c: Int): Int } type A { b: Int } extend union A = B",
        &[
            "1:17: Field \"A.a\" can only be defined once.",
            "1:33: Argument \"A.b(c:)\" can only be defined once.",
            "1:48: There can be only one type named \"A\".",
            "1:66: Cannot extend non-union type \"A\".",
        ],
    );
    check(
        "enum E { A A } union U = A | A directive @a on FIELD directive @a on FIELD schema { query: A query: B } type A implements I & I",
        &[
            "1:12: Enum value \"E.A\" can only be defined once.",
            "1:16: Union type U can only include type A once.",
            "1:54: There can be only one directive named \"@a\".",
            "1:76: There can be only one query type in schema.",
            "1:105: Type A can only implement I once.",
        ],
    );
}
