//! Writes values as JSON.

use super::{Shape, Symbols, Value};
use crate::supergraph::TypeNames;

/// Appends a value as JSON; an object's runtime type comes first, as `__typename`.
pub(crate) fn write_json(value: &Value, symbols: &Symbols, types: &TypeNames, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(number) => write_int(*number, out),
        Value::Float(number) => write_float(*number, out),
        Value::Number(text) | Value::Raw(text) => out.extend_from_slice(text.as_bytes()),
        Value::String(text) => write_string(text.as_bytes(), out),
        Value::Escaped(text) => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        Value::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_json(item, symbols, types, out);
            }
            out.push(b']');
        }
        Value::Object(object) => {
            out.push(b'{');
            let mut first = true;
            if let Some(name) = types.name(object.typename) {
                out.extend_from_slice(b"\"__typename\":\"");
                out.extend_from_slice(name.as_bytes());
                out.push(b'"');
                first = false;
            }
            for (key, value) in &object.fields {
                if !first {
                    out.push(b',');
                }
                first = false;
                out.push(b'"');
                out.extend_from_slice(symbols.name(*key).as_bytes());
                out.extend_from_slice(b"\":");
                write_json(value, symbols, types, out);
            }
            out.push(b'}');
        }
    }
}

/// Appends data of this shape as the response that [`decode_response`](super::decode_response) reads it from, in this
/// process or in another.
pub(crate) fn write_response(
    data: &Value,
    shape: &Shape,
    symbols: &Symbols,
    types: &TypeNames,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"data\":");
    write_shaped(data, Some(shape), symbols, types, out);
    out.push(b'}');
}

fn write_shaped(
    value: &Value,
    shape: Option<&Shape>,
    symbols: &Symbols,
    types: &TypeNames,
    out: &mut Vec<u8>,
) {
    match value {
        Value::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_shaped(item, shape, symbols, types, out);
            }
            out.push(b']');
        }
        Value::Object(object) => {
            out.push(b'{');
            let start = out.len();
            // The type is read from the key that it was requested by.
            let typename = types.name(object.typename);
            let typename = typename.zip(shape.and_then(Shape::typename_key));
            if let Some((name, key)) = typename {
                write_string(key.as_bytes(), out);
                out.push(b':');
                write_string(name.as_bytes(), out);
            }
            for (key, value) in &object.fields {
                if out.len() > start {
                    out.push(b',');
                }
                write_string(symbols.name(*key).as_bytes(), out);
                out.push(b':');
                let below = shape.and_then(|shape| shape.below(*key));
                write_shaped(value, below, symbols, types, out);
            }
            out.push(b'}');
        }
        leaf => write_json(leaf, symbols, types, out),
    }
}

pub(crate) fn write_int(number: i64, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(out, &number);
}

pub(crate) fn write_float(number: f64, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, &number);
}

/// Appends a JSON string literal. `text` is UTF-8.
pub(crate) fn write_string(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut copied = 0;
    for (index, byte) in text.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f => b"",
            _ => continue,
        };
        out.extend_from_slice(&text[copied..index]);
        if escape.is_empty() {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&digits);
        } else {
            out.extend_from_slice(escape);
        }
        copied = index + 1;
    }
    out.extend_from_slice(&text[copied..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use graphql_tools::parser::parse_schema;

    use super::*;
    use crate::value::decode_response;

    #[test]
    fn written_data_is_read_again_with_its_types() {
        const QUERY: &str =
            "{ product { id price { amount } tags details kind: __typename } none: gone { id } }";
        const BODY: &str = r#"{"data":{"product":{"kind":"T","id":"é\"1","price":[{"amount":1.50},null],"tags":["a",7,true],"details":{"z":[1]}},"none":null}}"#;
        let document = parse_schema::<String>("type T { a: Int }").expect("SDL");
        let types = TypeNames::of_document(&document.into_static());
        let mut symbols = Symbols::default();
        let shape = Shape::of_query(QUERY, &mut symbols);
        let body = Bytes::from_static(BODY.as_bytes());
        let response = decode_response(&body, &shape, &types).expect("a response");
        let mut out = Vec::new();
        write_response(&response.data, &shape, &symbols, &types, &mut out);
        assert_eq!(String::from_utf8(out.clone()).as_deref(), Ok(BODY));
        let again = decode_response(&out.into(), &shape, &types).expect("a response");
        assert_eq!(again.data, response.data);
    }

    #[test]
    fn strings_are_escaped_as_serde_json_does() {
        for text in ["", "plain", "a\"b\\c\n\r\t", "\u{1}\u{1f}é😀", "\u{8}\u{c}"] {
            let mut out = Vec::new();
            write_string(text.as_bytes(), &mut out);
            let back: String = serde_json::from_slice(&out).expect("JSON");
            assert_eq!(back, text);
        }
    }
}
