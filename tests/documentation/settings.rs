//! Settings, variables and metrics.

use serde_json::Value;

use crate::{code, pages, rust_sources, tree};

/// Whether a configuration path exists in the JSON schema; maps accept any key.
pub(crate) fn is_setting(path: &[&str], schema: &Value, root: &Value) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    let mut variants = vec![schema];
    while let Some(schema) = variants.pop() {
        for list in ["anyOf", "oneOf", "allOf"] {
            variants.extend(schema[list].as_array().into_iter().flatten());
        }
        if let Some(reference) = schema["$ref"].as_str() {
            variants.push(root.pointer(reference.trim_start_matches('#')).unwrap());
        }
        if let Some(inner) = schema["properties"].get(first)
            && is_setting(rest, inner, root)
        {
            return true;
        }
        if schema["additionalProperties"].is_object()
            && is_setting(rest, &schema["additionalProperties"], root)
        {
            return true;
        }
    }
    false
}

#[test]
fn every_setting_and_variable_that_the_documentation_names_exists() {
    let tree = tree();
    let schema: Value =
        serde_json::from_str(include_str!("../../router-config/vantage.schema.json")).unwrap();
    let sections = schema["properties"].as_object().unwrap();
    let aliases = rust_sources(&tree, "src/config/");
    let sources = rust_sources(&tree, "");
    let mut unknown = Vec::new();
    let mut checked = 0;
    for page in pages(&tree)
        .iter()
        .filter(|page| !page.path.starts_with("vendor/"))
    {
        let (inline, shell) = code(&page.text);
        let words = inline
            .iter()
            .copied()
            .chain(shell.iter().map(String::as_str));
        for word in words.flat_map(|code| {
            code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
        }) {
            let key: Vec<&str> = word.split('.').collect();
            let lower = word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '_' || c == '.');
            let is_file = tree
                .iter()
                .any(|path| path.rsplit('/').next() == Some(word));
            if lower && key.len() > 1 && sections.contains_key(key[0]) && !is_file {
                checked += 1;
                // Events use the same dotted form.
                let is_event = sources.contains(&format!("\"{word}\""));
                if !is_event
                    && key[1..].iter().all(|segment| !segment.is_empty())
                    && !is_setting(&key, &schema, &schema)
                {
                    unknown.push(format!("{}: {word}", page.path));
                }
            }
            if let Some(name) = word
                .strip_prefix("VANTAGE_")
                .filter(|name| !name.is_empty())
            {
                checked += 1;
                let lowered = name.to_lowercase();
                let key: Vec<&str> = lowered.split("__").collect();
                // Tests and benchmarks have variables of their own.
                let is_read =
                    aliases.contains(word) || sources.contains(&format!("var(\"{word}\")"));
                if !is_setting(&key, &schema, &schema) && !is_read {
                    unknown.push(format!("{}: {word}", page.path));
                }
            }
        }
    }
    assert!(checked > 30, "{checked}");
    assert_eq!(unknown, [] as [String; 0]);
}

#[test]
fn every_metric_that_the_documentation_names_exists() {
    let tree = tree();
    let sources = rust_sources(&tree, "");
    let mut unknown = Vec::new();
    for page in pages(&tree) {
        let (inline, _) = code(&page.text);
        for word in inline
            .iter()
            .flat_map(|code| code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')))
        {
            if word.starts_with("vantage_") && !sources.contains(word) {
                unknown.push(format!("{}: {word}", page.path));
            }
        }
    }
    assert_eq!(unknown, [] as [String; 0]);
}
