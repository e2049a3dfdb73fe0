//! Accepted documents, and error positions in invalid ones.

use graphql_tools::static_graphql::query::{Definition, OperationDefinition, Selection};
use proptest::prelude::*;

use super::*;
use crate::prepare::document::into_text;

#[track_caller]
fn printed(text: &str) -> String {
    one_line(&into_text(parse(text).expect(text).document))
}

/// Printed after parsing by the library's own parser.
#[track_caller]
fn printed_by_library(text: &str) -> String {
    let document = graphql_tools::parser::parse_query::<String>(text).expect(text);
    one_line(&into_text(document.into_static()))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn documents_are_read_whole() {
    for (text, expected) in [
        ("{a}", "{ a }"),
        ("query{a}", "query { a }"),
        (
            "query Q($a:Int=1,$b:[[Int!]!]!=[[2]]@x,$c:I={k:[true,null,E],l:\"s\"})@d(e:1){x:a(b:$a,c:{d:[$b]})@f@g(h:$c){b}}",
            "query Q($a: Int = 1, $b: [[Int!]!]! = [[2]], $c: I = {k: [true, null, E], l: \"s\"}) @d(e: 1) { x: a(b: $a, c: {d: [$b]}) @f @g(h: $c) { b } }",
        ),
        (
            "mutation M{a}subscription{a}fragment F on T@d{a}",
            "mutation M { a } subscription { a } fragment F on T @d { a }",
        ),
        (
            "{...F@a ...on T@b{c}...{d}...@e{f}}",
            "{ ...F @a ... on T @b { c } ... { d } ... @e { f } }",
        ),
        (
            "{fragment on:query(null:null,true:on){type}}",
            "{ fragment on: query(null: null, true: on) { type } }",
        ),
        ("{a(b:\"\",c:[],d:{})}", "{ a(b: \"\", c: [], d: {}) }"),
        ("\u{feff}#c\r{a,,,b}#d", "{ a b }"),
    ] {
        assert_eq!(printed(text), printed_by_library(expected), "{text}");
    }
}

#[test]
fn operations_and_variables_keep_their_descriptions() {
    let text = "fragment F on T { a } \"\"\"\n  Finds\n    one.\n\"\"\" query Q(\"the \\u00e9\" $a: Int, $b: Int, \" \" $c: Int) { a }";
    let parsed = parse(text).expect(text);
    let query = parsed
        .document
        .definitions
        .iter()
        .find_map(|definition| match definition {
            Definition::Operation(OperationDefinition::Query(query)) => Some(query),
            _ => None,
        });
    let query = query.expect("a query");
    assert_eq!(parsed.description(query.position), Some("Finds\n  one."));
    let variables = query.variable_definitions.iter();
    let described: Vec<_> = variables
        .map(|one| parsed.description(one.position))
        .collect();
    assert_eq!(described, [Some("the é"), None, None]);
}

#[test]
fn values_are_what_they_say() {
    for (literal, value) in [
        ("\"caf\\u00e9 \\ud83c\\udfa7\\u{1F3A7}\"", "\"café 🎧🎧\""),
        ("\"\\b\\f\\n\\r\\t\\/\"", "\"\\u0008\\u000c\\n\\r\\t/\""),
        ("\"\"\"\r  x\r   y \r\"\"\"", "\"x\\n y \""),
        ("0", "0"),
        ("-0", "0"),
        ("2147483647", "2147483647"),
        ("2147483648", "2147483648"),
        ("-2147483649", "-2147483649"),
        ("9223372036854775808", "9223372036854775808"),
        ("-1.50", "-1.50"),
        ("1E400", "1E400"),
    ] {
        let text = format!("{{ a(b: {literal}) }}");
        assert_eq!(printed(&text), format!("{{ a(b: {value}) }}"), "{literal}");
    }
}

#[test]
fn descriptions_are_passed_over() {
    for (text, expected) in [
        ("\"d\" query Q { a }", "query Q { a }"),
        ("\"\"\"d\"\"\" mutation { a }", "mutation { a }"),
        ("\"d\" subscription S { a }", "subscription S { a }"),
        (
            "{ a } \"\"\" f \"\"\" fragment F on T { a }",
            "{ a } fragment F on T { a }",
        ),
        (
            "query(\"v\" $a: Int = 1 \"\"\"w\"\"\" $b: Int) { a }",
            "query ($a: Int = 1, $b: Int) { a }",
        ),
    ] {
        assert_eq!(printed(text), printed_by_library(expected), "{text}");
    }
}

#[test]
fn what_is_no_document_is_refused_where_it_stops_being_one() {
    for (text, message, line, column) in [
        ("", "Unexpected <EOF>.", 1, 1),
        ("{", "Expected Name, found <EOF>.", 1, 2),
        ("{}", "Expected Name, found \"}\".", 1, 2),
        ("{ a", "Expected Name, found <EOF>.", 1, 4),
        ("{ a } }", "Unexpected \"}\".", 1, 7),
        ("a { b }", "Unexpected Name \"a\".", 1, 1),
        ("type T { a: Int }", "Unexpected Name \"type\".", 1, 1),
        (
            "\"d\" { a }",
            "Unexpected description: the short form of a query has none.",
            1,
            1,
        ),
        ("\"d\" \"e\" query { a }", "Unexpected String.", 1, 5),
        ("query \"d\" { a }", "Expected \"{\", found String.", 1, 7),
        ("query() { a }", "Expected \"$\", found \")\".", 1, 7),
        ("query($a) { a }", "Expected \":\", found \")\".", 1, 9),
        ("query($a: Int = $b) { a }", "Unexpected \"$\".", 1, 17),
        ("query($a: Int @d(e: $b)) { a }", "Unexpected \"$\".", 1, 21),
        ("{ a() }", "Expected Name, found \")\".", 1, 5),
        ("{ a(b) }", "Expected \":\", found \")\".", 1, 6),
        ("{ a(b: ) }", "Unexpected \")\".", 1, 8),
        ("{ a(b: {c}) }", "Expected \":\", found \"}\".", 1, 10),
        ("{ a: }", "Expected Name, found \"}\".", 1, 6),
        ("{ ... on }", "Expected Name, found \"}\".", 1, 10),
        ("{ ... }", "Expected \"{\", found \"}\".", 1, 7),
        ("fragment on on T { a }", "Unexpected Name \"on\".", 1, 10),
        ("fragment F { a }", "Expected \"on\", found \"{\".", 1, 12),
        ("{ a @ }", "Expected Name, found \"}\".", 1, 7),
        ("{\n  a\r\n  b\r  ~ }", "Unexpected character.", 4, 3),
        ("\t{ a ~ }", "Unexpected character.", 1, 6),
        ("{ a(b: \"é🎧\") ~ }", "Unexpected character.", 1, 15),
        ("\u{feff}{ ~ }", "Unexpected character.", 1, 4),
        (
            "{ a(b: \"\"\"\n\r\r\n\"\"\") ~ }",
            "Unexpected character.",
            4,
            6,
        ),
        ("{ a(b: \"x\\ud83c\") }", "Invalid escape sequence.", 1, 10),
        ("{ a(b: \"x) }", "Unterminated string.", 1, 13),
        ("{ a(b: 1x) }", "Invalid number.", 1, 9),
    ] {
        let expected = ParseError::Syntax {
            message: message.to_owned(),
            position: Pos { line, column },
        };
        assert_eq!(parse(text).expect_err(text), expected, "{text:?}");
    }
}

#[test]
fn brackets_are_nested_as_deep_as_the_stack_allows() {
    let nested = |levels: usize| format!("{}a{}", "{a".repeat(levels), "}".repeat(levels));
    assert!(parse(&nested(MAX_NESTING)).is_ok());
    assert_eq!(
        parse(&nested(MAX_NESTING + 1)).err(),
        Some(ParseError::TooDeep)
    );
    for open in ["{a(b:", "{a(b:{c:", "{a(b:[", "query($a:["] {
        let text = format!("{open}{}", "[".repeat(100_000));
        assert_eq!(parse(&text).err(), Some(ParseError::TooDeep), "{open}");
    }
    let beside = format!("{{{}}}", "a{b}".repeat(1000));
    assert!(parse(&beside).is_ok());
}

#[test]
fn places_are_those_of_the_text() {
    let text = "query Q(\r\n\t$a: Int\r) {\n  é: \"no\"\n}";
    assert!(parse(text).is_err());
    let parsed = parse("query Q(\r\n\t\"d\" $a: Int @x\r) {\n  f ...F\n}").expect("a document");
    let Some(Definition::Operation(OperationDefinition::Query(query))) =
        parsed.document.definitions.first()
    else {
        panic!("{parsed:?}");
    };
    let at = |line, column| Pos { line, column };
    assert_eq!(query.position, at(1, 1));
    assert_eq!(query.variable_definitions[0].position, at(2, 6));
    assert_eq!(parsed.variable_directives, [("x".to_owned(), at(2, 14))]);
    assert_eq!(query.selection_set.span, (at(3, 3), at(5, 1)));
    let Selection::FragmentSpread(spread) = &query.selection_set.items[1] else {
        panic!("{query:?}");
    };
    assert_eq!(spread.position, at(4, 5));
}

proptest! {
    #[test]
    fn what_the_library_reads_is_read_alike(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "{ a", "{ b: a", "}", "}", "}", "query Q", "mutation", "subscription", "fragment F on T", "...F",
                "... on T {", "... {", "(a: 1)", "(a: $v, b: [E, {c: \"s\"}])", "($v: [Int!]! = [1])", "@d", "@d(a: true)",
                "a", "on", "null", "\"\"", "\"\"\" b \"\"\"", ",", "#c\n", "\t", "\u{feff}", ":", "$", "!", "-1", "é",
            ]),
            0..12,
        )
    ) {
        let text = pieces.join(" ");
        let library = graphql_tools::parser::parse_query::<String>(&text);
        let ours = parse(&text);
        // The library supports neither descriptions of definitions nor directives on variables.
        if let (Ok(library), Ok(ours)) = (&library, &ours) {
            let library = into_text(library.clone().into_static());
            prop_assert_eq!(into_text(ours.document.clone()), library, "{}", text);
        } else {
            let newer = text.contains('"');
            prop_assert!(ours.is_ok() == library.is_ok() || newer, "{}: {:?}", text, ours);
        }
    }
}
