//! Parses form encoding with nested brackets: `card[exp_month]=4&expand[]=charge` as JSON.

use serde_json::{Map, Value};

/// Every leaf is a string. Keys with empty or consecutive brackets become lists.
pub(crate) fn parse(encoded: &[u8]) -> Map<String, Value> {
    let mut root = Map::new();
    for (name, value) in url::form_urlencoded::parse(encoded) {
        insert(&mut root, &segments(&name), value.into_owned());
    }
    root.into_iter()
        .map(|(name, value)| (name, listed(value)))
        .collect()
}

/// `a[b][]` becomes `a`, `b` and an empty segment.
fn segments(name: &str) -> Vec<&str> {
    match name.split_once('[') {
        Some((first, rest)) if rest.ends_with(']') => std::iter::once(first)
            .chain(rest[..rest.len() - 1].split("]["))
            .collect(),
        _ => vec![name],
    }
}

fn insert(map: &mut Map<String, Value>, path: &[&str], value: String) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    // Empty brackets append.
    let key = if first.is_empty() {
        map.len().to_string()
    } else {
        (*first).to_owned()
    };
    if rest.is_empty() {
        map.insert(key, Value::String(value));
        return;
    }
    let child = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !child.is_object() {
        *child = Value::Object(Map::new());
    }
    if let Value::Object(child) = child {
        insert(child, rest, value);
    }
}

/// Converts maps with keys counting from zero to lists.
fn listed(value: Value) -> Value {
    let Value::Object(map) = value else {
        return value;
    };
    let counts = !map.is_empty()
        && map
            .keys()
            .enumerate()
            .all(|(position, key)| *key == position.to_string());
    if counts {
        Value::Array(map.into_iter().map(|(_, value)| listed(value)).collect())
    } else {
        Value::Object(
            map.into_iter()
                .map(|(key, value)| (key, listed(value)))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_nest_and_lists_keep_their_order() {
        let parsed = parse(
            b"amount=12&metadata[order id]=a%26b&card[billing][city]=K%C3%B6ln&expand[]=x&expand[]=y&types[0]=a&types[1]=b",
        );
        assert_eq!(
            Value::Object(parsed),
            json!({
                "amount": "12",
                "metadata": {"order id": "a&b"},
                "card": {"billing": {"city": "Köln"}},
                "expand": ["x", "y"],
                "types": ["a", "b"],
            })
        );
    }

    #[test]
    fn odd_brackets_and_conflicting_shapes_are_no_panic() {
        for odd in [
            "a[=1",
            "a]=1",
            "[]=1",
            "a[b=1",
            "a=1&a[b]=2",
            "a[][]=1",
            "=",
            "&&",
        ] {
            parse(odd.as_bytes());
        }
        assert_eq!(
            Value::Object(parse(b"a=1&a[b]=2")),
            json!({"a": {"b": "2"}})
        );
    }
}
