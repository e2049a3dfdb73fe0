//! Each kind of change with its severity.

use super::*;

/// The changes between two schemas, as `severity KIND coordinate`.
fn changes(old: &str, new: &str) -> Vec<String> {
    let changes = schema_changes(old, new).expect("two schemas");
    let line = |change: &Change| {
        format!(
            "{} {} {}",
            change.severity.as_str(),
            change.kind.as_str(),
            change.coordinate
        )
    };
    changes.iter().map(line).collect()
}

/// Changes one definition in a schema that also has a query type.
fn check(old: &str, new: &str, expected: &[&str]) {
    let around = |text: &str| format!("type Query {{ z: Int }} {text}");
    assert_eq!(
        changes(&around(old), &around(new)),
        expected,
        "{old} → {new}"
    );
}

#[test]
fn types_and_roots() {
    check("scalar A", "", &["breaking TYPE_REMOVED A"]);
    check("", "scalar A", &["safe TYPE_ADDED A"]);
    check(
        "scalar A",
        "enum A { B }",
        &["breaking TYPE_CHANGED_KIND A"],
    );
    check(
        "scalar A @specifiedBy(url: \"https://a\")",
        "scalar A",
        &["dangerous SPECIFIED_BY_CHANGE A"],
    );
    assert_eq!(
        changes(
            "schema { query: Q mutation: M } type Q { a: Int } type M { a: Int }",
            "schema { query: Q subscription: M } type Q { a: Int } type M { a: Int }",
        ),
        ["breaking ROOT_TYPE_CHANGED M", "safe ROOT_TYPE_ADDED M"]
    );
}

#[test]
fn interfaces_and_unions() {
    let interface = "interface I { a: Int }";
    check(
        &format!("{interface} type A implements I {{ a: Int }}"),
        &format!("{interface} type A {{ a: Int }}"),
        &["breaking IMPLEMENTED_INTERFACE_REMOVED A"],
    );
    check(
        &format!("{interface} interface A {{ a: Int }}"),
        &format!("{interface} interface A implements I {{ a: Int }}"),
        &["dangerous IMPLEMENTED_INTERFACE_ADDED A"],
    );
    let members = "type A { a: Int } type B { a: Int }";
    check(
        &format!("{members} union U = A"),
        &format!("{members} union U = B"),
        &[
            "breaking TYPE_REMOVED_FROM_UNION U",
            "dangerous TYPE_ADDED_TO_UNION U",
        ],
    );
}

#[test]
fn enum_values() {
    check(
        "enum E { A B C }",
        "enum E { A @deprecated(reason: \"x\") C D }",
        &[
            "breaking VALUE_REMOVED_FROM_ENUM E.B",
            "dangerous VALUE_ADDED_TO_ENUM E.D",
            "safe DEPRECATION_ADDED E.A",
        ],
    );
}

#[test]
fn fields_and_their_nullability() {
    check(
        "type A { a: Int b: Int! c: [Int] d: Int e: Int @deprecated }",
        "type A { a: Int! b: Int c: [Int!]! e: Int f: Int }",
        &[
            "breaking FIELD_CHANGED_KIND A.b",
            "breaking FIELD_REMOVED A.d",
            "safe FIELD_CHANGED_KIND_SAFE A.a",
            "safe FIELD_CHANGED_KIND_SAFE A.c",
            "safe DEPRECATION_REMOVED A.e",
            "safe FIELD_ADDED A.f",
        ],
    );
    check(
        "type A { a: Int @deprecated }",
        "type A { a: Int @deprecated(reason: \"b is better\") }",
        &["safe DEPRECATION_REASON_CHANGE A.a"],
    );
}

#[test]
fn arguments_and_their_defaults() {
    check(
        "type A { a(b: Int c: Int! d: Int = 1 e: Int = 1 f: Int g: [Int] = [1] h: Int i: Int!): Int }",
        "type A { a(c: Int d: Int = 2 e: Int f: Int = 1 g: [Int] = 1 h: Int! i: Int! = 1 j: Int k: Int! l: Int! = 1): Int }",
        &[
            "breaking ARG_REMOVED A.a(b:)",
            "breaking ARG_CHANGED_KIND A.a(h:)",
            "breaking REQUIRED_ARG_ADDED A.a(k:)",
            "dangerous ARG_DEFAULT_VALUE_CHANGE A.a(d:)",
            "dangerous ARG_DEFAULT_VALUE_CHANGE A.a(e:)",
            "dangerous ARG_DEFAULT_VALUE_ADDED A.a(f:)",
            "dangerous OPTIONAL_ARG_ADDED A.a(j:)",
            "dangerous OPTIONAL_ARG_ADDED A.a(l:)",
            "safe ARG_CHANGED_KIND_SAFE A.a(c:)",
            "safe ARG_DEFAULT_VALUE_ADDED A.a(i:)",
        ],
    );
    // The defaults of an input object's fields are part of it.
    let with = |default: &str| {
        format!(
            "input In {{ x: Int = {default} y: Float }} type A {{ a(in: In = {{y: 1.0}}): Int }}"
        )
    };
    check(
        &with("1"),
        &with("2"),
        &[
            "dangerous ARG_DEFAULT_VALUE_CHANGE A.a(in:)",
            "dangerous INPUT_FIELD_DEFAULT_VALUE_CHANGE In.x",
        ],
    );
    check(&with("1"), &with("1").replace("1.0", "1"), &[]);
}

#[test]
fn input_objects() {
    check(
        "input I { a: Int b: Int! c: Int d: Int = 1 h: Int }",
        "input I @oneOf { a: Int! b: Int d: Int = 2 e: Int f: Int! g: Int! = 1 h: Int = 1 }",
        &[
            "breaking ONE_OF_ADDED I",
            "breaking FIELD_CHANGED_KIND I.a",
            "breaking FIELD_REMOVED I.c",
            "breaking REQUIRED_INPUT_FIELD_ADDED I.f",
            "dangerous INPUT_FIELD_DEFAULT_VALUE_CHANGE I.d",
            "dangerous OPTIONAL_INPUT_FIELD_ADDED I.e",
            "dangerous OPTIONAL_INPUT_FIELD_ADDED I.g",
            "dangerous INPUT_FIELD_DEFAULT_VALUE_ADDED I.h",
            "safe FIELD_CHANGED_KIND_SAFE I.b",
        ],
    );
    check(
        "input I @oneOf { a: Int }",
        "input I { a: Int }",
        &["safe ONE_OF_REMOVED I"],
    );
}

#[test]
fn directives() {
    check(
        "directive @a on FIELD directive @b(c: Int d: Int e: Int = 1 f: Int) repeatable on FIELD | QUERY",
        "directive @b(d: Int! e: Int = 2 f: Int g: Int! h: Int) on FIELD | OBJECT directive @i on FIELD",
        &[
            "breaking DIRECTIVE_REMOVED @a",
            "breaking DIRECTIVE_REPEATABLE_REMOVED @b",
            "breaking DIRECTIVE_LOCATION_REMOVED @b",
            "breaking DIRECTIVE_ARG_REMOVED @b(c:)",
            "breaking ARG_CHANGED_KIND @b(d:)",
            "breaking REQUIRED_DIRECTIVE_ARG_ADDED @b(g:)",
            "dangerous ARG_DEFAULT_VALUE_CHANGE @b(e:)",
            "safe DIRECTIVE_LOCATION_ADDED @b",
            "safe OPTIONAL_DIRECTIVE_ARG_ADDED @b(h:)",
            "safe DIRECTIVE_ADDED @i",
        ],
    );
    check(
        "directive @a on FIELD",
        "directive @a repeatable on FIELD",
        &["safe DIRECTIVE_REPEATABLE_ADDED @a"],
    );
}

#[test]
fn descriptions() {
    check(
        "type A { \"one\" a(\"x\" b: Int): Int } enum E { V } directive @d on FIELD",
        "\"new\" type A { a(\"y\" b: Int): Int } enum E { \"v\" V } \"d\" directive @d on FIELD",
        &[
            "safe DESCRIPTION_CHANGED @d",
            "safe DESCRIPTION_CHANGED A",
            "safe DESCRIPTION_CHANGED A.a",
            "safe DESCRIPTION_CHANGED A.a(b:)",
            "safe DESCRIPTION_CHANGED E.V",
        ],
    );
}

#[test]
fn every_kind_of_change_is_in_a_test() {
    let tests = include_str!("tests.rs");
    for kind in ChangeKind::ALL {
        assert!(
            tests.contains(&format!(" {} ", kind.as_str())),
            "{}",
            kind.as_str()
        );
    }
}

#[test]
fn what_is_no_schema_is_named() {
    let error = schema_changes("type A {", "type A { a: Int }").expect_err("no schema");
    let expected = "the old schema is not valid: 1:9: Expected Name, found <EOF>.";
    assert_eq!(error.to_string(), expected);
    let error = schema_changes("type A { a: Int }", "type A { a: Int a: Int }").expect_err("twice");
    assert!(
        error
            .to_string()
            .starts_with("the new schema is not valid: 1:17:")
    );
}
