//! The types of events that domains publish, with the JSON Schema of each, and what a change of a schema means.
//!
//! Every domain lists its types once; `schema/events/` is exported from these lists.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::bus::Event;

/// Says nothing about which values are valid.
const ANNOTATIONS: [&str; 4] = ["title", "description", "$schema", "$id"];

/// A type of event, and the type of its payload.
#[derive(Clone, Copy, Debug)]
pub struct EventType {
    /// Where it is published: `orders.events`, ….
    pub topic: &'static str,
    /// `order.placed`, ….
    pub name: &'static str,
    payload: fn() -> Schema,
}

impl EventType {
    /// Events of this name carry `D`, whose fields and comments the schema shows.
    pub const fn new<D: JsonSchema>(topic: &'static str, name: &'static str) -> Self {
        Self {
            topic,
            name,
            payload: schema::<D>,
        }
    }

    /// The schema of the whole event, in draft 7, without references.
    pub fn schema(&self) -> Value {
        let mut event = Value::from(schema::<Event>());
        let payload = Value::from((self.payload)());
        let description = payload.get("description").cloned();
        event["$schema"] = json!("http://json-schema.org/draft-07/schema#");
        event["title"] = json!(self.name);
        event["description"] = description.unwrap_or_default();
        event["properties"]["topic"] = json!({ "const": self.topic });
        event["properties"]["type"] = json!({ "const": self.name });
        event["properties"]["data"] = without(payload, &ANNOTATIONS);
        event
    }
}

fn schema<D: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<D>()
}

fn without(mut schema: Value, keys: &[&str]) -> Value {
    if let Value::Object(schema) = &mut schema {
        for key in keys {
            schema.remove(*key);
        }
    }
    schema
}

/// What in the new schema of an event breaks those who know the old one, or cannot be said of events that were
/// published before. A new optional field does neither. One line for each, with the field's path.
pub fn breaking_changes(old: &Value, new: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    compare(old, new, "", &mut problems);
    problems
}

fn compare(old: &Value, new: &Value, path: &str, problems: &mut Vec<String>) {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        if old != new {
            problems.push(format!("{} changed from {old} to {new}", shown(path)));
        }
        return;
    };
    compare_fields(old, new, path, problems);
    for alternatives in ["anyOf", "oneOf", "allOf"] {
        let (old, new) = (list(old, alternatives), list(new, alternatives));
        if old.len() != new.len() {
            problems.push(format!("{} has other alternatives", shown(path)));
            continue;
        }
        for (old, new) in std::iter::zip(old, new) {
            compare(old, new, path, problems);
        }
    }
    if let (Some(old), Some(new)) = (old.get("items"), new.get("items")) {
        compare(old, new, &format!("{path}[]"), problems);
    }
    let rules = |schema: &Map<String, Value>| {
        let mut rules = schema.clone();
        rules.retain(|key, _| {
            let compared = [
                "properties",
                "required",
                "anyOf",
                "oneOf",
                "allOf",
                "default",
            ];
            !ANNOTATIONS.contains(&key.as_str()) && !compared.contains(&key.as_str())
        });
        if let Some(items) = rules.get_mut("items") {
            *items = Value::Bool(true);
        }
        rules
    };
    let (old, new) = (rules(old), rules(new));
    if old != new {
        let (old, new) = (Value::Object(old), Value::Object(new));
        problems.push(format!("{} changed from {old} to {new}", shown(path)));
    }
}

fn compare_fields(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    path: &str,
    problems: &mut Vec<String>,
) {
    let fields = |schema: &Map<String, Value>| match schema.get("properties") {
        Some(Value::Object(fields)) => fields.clone(),
        _ => Map::new(),
    };
    let (old_fields, new_fields) = (fields(old), fields(new));
    for (name, field) in &old_fields {
        let path = format!("{path}.{name}");
        match new_fields.get(name) {
            Some(now) => compare(field, now, &path, problems),
            None => problems.push(format!("{} was removed", shown(&path))),
        }
    }
    let (old, new) = (list(old, "required"), list(new, "required"));
    for (name, has_more, has_less) in [
        ("is required and was not", new, old),
        ("is no longer required", old, new),
    ] {
        for field in has_more.iter().filter(|field| !has_less.contains(field)) {
            let field = field.as_str().unwrap_or_default();
            // A field that was removed is reported already.
            if new_fields.contains_key(field) {
                problems.push(format!("{} {name}", shown(&format!("{path}.{field}"))));
            }
        }
    }
}

fn list<'a>(schema: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    match schema.get(key) {
        Some(Value::Array(list)) => list,
        _ => &[],
    }
}

fn shown(path: &str) -> &str {
    match path.strip_prefix('.') {
        Some(path) => path,
        None => "the event",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[serde(rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its schema is used")]
    /// Something happened.
    struct Happened<'a> {
        version: u32,
        /// To whom.
        customer_id: &'a str,
        reason: Option<String>,
        items: Vec<Item>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Item {
        name: String,
    }

    fn happened() -> Value {
        EventType::new::<Happened<'_>>("things.events", "thing.happened").schema()
    }

    #[test]
    fn a_schema_has_the_event_around_its_payload() {
        let schema = happened();
        assert_eq!(schema["title"], "thing.happened");
        assert_eq!(schema["description"], "Something happened.");
        let fields = &schema["properties"];
        assert_eq!(fields["type"], json!({ "const": "thing.happened" }));
        assert_eq!(fields["topic"], json!({ "const": "things.events" }));
        assert_eq!(fields["id"]["format"], "uuid");
        assert_eq!(fields["occurredAt"]["format"], "date-time");
        let data = &fields["data"];
        assert_eq!(data["required"], json!(["version", "customerId", "items"]));
        assert_eq!(data["properties"]["customerId"]["description"], "To whom.");
        let item = &data["properties"]["items"]["items"];
        assert_eq!(item["properties"]["name"]["type"], "string");
        assert!(!schema.to_string().contains("$ref"), "{schema}");
    }

    #[test]
    fn a_change_breaks_unless_it_only_adds_an_optional_field_or_says_more() {
        let old = happened();
        let check = |change: fn(&mut Value), expected: &[&str]| {
            let mut new = old.clone();
            change(&mut new);
            assert_eq!(breaking_changes(&old, &new), expected, "{new}");
        };
        check(|_| {}, &[]);
        let data = "/properties/data";
        check(
            |new| {
                let fields = new.pointer_mut("/properties/data/properties").unwrap();
                fields["note"] = json!({ "type": ["string", "null"] });
                fields["customerId"]["description"] = json!("The customer.");
            },
            &[],
        );
        assert!(old.pointer(data).is_some());
        check(
            |new| {
                let data = new.pointer_mut("/properties/data").unwrap();
                data["properties"]["note"] = json!({ "type": "string" });
                data["required"].as_array_mut().unwrap().push(json!("note"));
            },
            &["data.note is required and was not"],
        );
        check(
            |new| {
                let data = new.pointer_mut("/properties/data").unwrap();
                data["required"].as_array_mut().unwrap().remove(1);
            },
            &["data.customerId is no longer required"],
        );
        check(
            |new| {
                let data = new.pointer_mut("/properties/data").unwrap();
                data["properties"].as_object_mut().unwrap().remove("reason");
            },
            &["data.reason was removed"],
        );
        check(
            |new| {
                let data = new.pointer_mut("/properties/data/properties").unwrap();
                data["items"]["items"]["properties"]["name"]["type"] = json!("integer");
            },
            &["data.items[].name changed from {\"type\":\"string\"} to {\"type\":\"integer\"}"],
        );
        check(
            |new| new["properties"]["type"] = json!({ "const": "thing.changed" }),
            &["type changed from {\"const\":\"thing.happened\"} to {\"const\":\"thing.changed\"}"],
        );
    }
}
