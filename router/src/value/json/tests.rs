//! The decoder on valid and invalid JSON.

use graphql_tools::parser::parse_schema;
use proptest::prelude::*;

use super::*;
use crate::value::{Symbols, write_json};

fn shape(selection: &str, symbols: &mut Symbols) -> Shape {
    Shape::of_query(selection, symbols)
}

fn types() -> TypeNames {
    let document = parse_schema::<String>("type T { a: Int }").expect("SDL");
    TypeNames::of_document(&document.into_static())
}

fn decode(body: &str, selection: &str) -> Result<String, Malformed> {
    let mut symbols = Symbols::default();
    let shape = shape(selection, &mut symbols);
    let response = decode_response(&Bytes::from(body.to_owned()), &shape, &types())?;
    let mut out = Vec::new();
    write_json(&response.data, &symbols, &types(), &mut out);
    Ok(String::from_utf8(out).expect("UTF-8"))
}

/// The number of errors decoded from a body.
fn decode_errors(body: &str, selection: &str) -> usize {
    let shape = shape(selection, &mut Symbols::default());
    let response = decode_response(&Bytes::from(body.to_owned()), &shape, &types());
    response.expect("a response").errors.len()
}

#[test]
fn only_what_was_asked_for_is_kept_as_it_came() {
    let body = r#" { "extensions": {"x": [1]}, "data" : { "b": [1.50, -0, 1e400, 12345678901234567890],
        "no": {"deep": [{}]}, "a": { "kind": "T", "s": "é\u00e9\n\"", "j": {"z": 1.0, "y": [ ]} } } } "#;
    let selection = "{ a { kind: __typename s j } b }";
    assert_eq!(
        decode(body, selection).expect("a response"),
        r#"{"b":[1.50,0,1e400,12345678901234567890],"a":{"__typename":"T","s":"é\u00e9\n\"","j":{"z": 1.0, "y": [ ]}}}"#
    );
}

#[test]
fn what_is_not_json_is_malformed() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"data":{"a":01}}"#,
        r#"{"data":{"a":1.}}"#,
        r#"{"data":{"a":"\x"}}"#,
        "{\"data\":{\"a\":\"\n\"}}",
        r#"{"data":{"a":nul}}"#,
        r#"{"data":{"a":1,}}"#,
        r#"{"data":{"a":1}"#,
        r#"{"data":{"a":1}}x"#,
    ] {
        assert!(decode(body, "{ a }").is_err(), "{body}");
    }
    let unreadable = decode_errors(r#"{"errors":{}}"#, "{ a }");
    assert_eq!(unreadable, 1, "errors that cannot be read are an error");
    let deep = format!(
        r#"{{"data":{{"a":{}1{}}}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    assert!(decode(&deep, "{ a }").is_err());
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_passes_through_a_leaf(value in json(), cut in any::<prop::sample::Index>()) {
        let body = serde_json::json!({ "data": { "a": value } }).to_string();
        let out = decode(&body, "{ a }").expect("a response");
        let out: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        // Parsed by the same code, which rounds some floats.
        let sent: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        prop_assert_eq!(&out["a"], &sent["data"]["a"]);
        let mut end = cut.index(body.len());
        while !body.is_char_boundary(end) {
            end -= 1;
        }
        let cut_short = decode(&body[..end], "{ a }");
        prop_assert!(cut_short.is_err());
    }
}
