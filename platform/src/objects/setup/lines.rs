//! Settings as lines, one for each value with its path, which can be compared whatever their order.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Setting;
use super::documents::{Content, is_our_statement, is_ours};
use crate::xml::Element;

/// What of a setting is ours to decide.
pub(super) fn of(setting: Setting, content: &Content) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    match content {
        Content::Xml(root) => {
            let children = root.children.iter();
            for child in children.filter(|child| setting != Setting::Lifecycle || is_ours(child)) {
                of_element(child, "", &mut lines);
            }
        }
        Content::Json(policy) => {
            let statements = match &policy["Statement"] {
                Value::Array(statements) => statements.as_slice(),
                statement => std::slice::from_ref(statement),
            };
            for statement in statements.iter().filter(|one| is_our_statement(one)) {
                let id = statement["Sid"].as_str().unwrap_or_default();
                of_value(statement, id, &mut lines);
            }
        }
    }
    lines.retain(|line| match setting {
        // What a store shows beside these is its own, and a key for the bucket is not used unless it is said.
        Setting::Encryption => {
            let is_compared = ["SSEAlgorithm", "KMSMasterKeyID", "BucketKeyEnabled = true"];
            is_compared.iter().any(|part| line.contains(part))
        }
        Setting::Versioning => line == "Status = Enabled",
        Setting::PublicAccess | Setting::Lifecycle | Setting::Policy => true,
    });
    lines
}

fn of_element(element: &Element, above: &str, lines: &mut BTreeSet<String>) {
    let id = element.text_at(&["ID"]);
    let name = match id {
        Some(id) => format!("{}({id})", element.name),
        None => element.name.clone(),
    };
    let path = join(above, &name);
    if element.children.is_empty() && !element.text.is_empty() {
        lines.insert(format!("{path} = {}", element.text));
    }
    let children = element.children.iter();
    for child in children.filter(|child| id.is_none() || child.name != "ID") {
        of_element(child, &path, lines);
    }
}

/// A list of one value is that value.
fn of_value(value: &Value, path: &str, lines: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                of_value(member, &join(path, name), lines);
            }
        }
        Value::Array(values) => {
            for value in values {
                of_value(value, path, lines);
            }
        }
        Value::String(text) => {
            lines.insert(format!("{path} = {text}"));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            lines.insert(format!("{path} = {value}"));
        }
    }
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() {
        name.to_owned()
    } else {
        format!("{above}.{name}")
    }
}
