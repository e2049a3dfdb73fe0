//! Rules modules are pure: limits what they may import.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{ROOT, crates, is_name, rust_files};

/// Paths that rules may use beyond the standard library: money, time, and reference data. From `entities`, only enums
/// stored in columns.
const RULES_MAY_NAME: [&str; 19] = [
    "resolvers::money::",
    "chrono::",
    "chrono_tz::",
    // Carriers' times and places.
    "platform::carriers::",
    "rust_decimal::",
    "uuid::",
    "thiserror::Error",
    "proptest::",
    // Countries, regions and postal codes.
    "celes::",
    "keshvar::",
    "regex::",
    // Word boundaries.
    "tantivy::tokenizer::",
    // String similarity.
    "strsim::",
    // Letters without their diacritics.
    "unicode_normalization::",
    // Values that are stored as they are.
    "serde::",
    // Names of variants, both ways.
    "strum::EnumString",
    "strum::IntoStaticStr",
    // Mathematical functions.
    "libm::",
    // A hash.
    "xxhash_rust::",
];

#[test]
fn rules_import_only_rules_money_and_time() {
    let enumerations = stored_enumerations();
    let mut files = 0;
    let mut impure = Vec::new();
    for (name, one) in crates() {
        let rules = Path::new(ROOT).join(&one.folder).join("src/rules");
        if !one.folder.starts_with("subgraphs/") || !rules.exists() {
            continue;
        }
        for file in rust_files(&rules) {
            files += 1;
            let text = std::fs::read_to_string(&file).unwrap();
            for path in impure_paths(&text, &one.dependencies, &enumerations) {
                let file = file.strip_prefix(&rules).unwrap().display();
                impure.push(format!("{name}/{file}: {path}"));
            }
        }
    }
    assert!(files > 30, "the rules are found: {files}");
    assert_eq!(impure, [] as [String; 0]);
}

#[test]
fn a_rule_that_reaches_beyond_the_rules_is_found() {
    let text = "//! crate::State is only a word here.
        use entities::orders::order::{Model, OrderStatus};
        use entities::orders::order_item::Restriction;
        use resolvers::{ApiResult, money::Money};
        use resolvers::money::Money;
        use crate::rules::line;
        use crate::order::Order;
        #[derive(async_graphql::Enum)]
        fn now() { platform::clock::now(); line::sum(); std::time::Instant::now() }";
    let dependencies = ["entities", "resolvers", "async_graphql", "platform"];
    let enumerations = ["OrderStatus", "Restriction"];
    assert_eq!(
        impure_paths(
            text,
            &dependencies.map(str::to_owned),
            &enumerations.map(str::to_owned).into()
        ),
        [
            "entities::orders::order::{Model, OrderStatus}",
            "resolvers::{ApiResult, money::Money}",
            "crate::order::Order",
            "async_graphql::Enum",
            "platform::clock::now",
        ]
    );
}

/// Paths outside the module that rules may not use.
fn impure_paths(
    text: &str,
    dependencies: &[String],
    enumerations: &BTreeSet<String>,
) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut found = Vec::new();
    let mut rest = code.as_str();
    while let Some(start) = rest.find(is_name) {
        let begins = !rest[..start].ends_with("::");
        rest = &rest[start..];
        let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        let root = &rest[..end];
        let is_elsewhere = root == "crate" || dependencies.iter().any(|name| name == root);
        if begins && is_elsewhere && rest[end..].starts_with("::") {
            let path = path_at(rest);
            let is_enumeration = || {
                let stored = path.rsplit("::").next().unwrap_or_default();
                let mut names = stored.trim_matches(['{', '}']).split(", ");
                root == "entities" && names.all(|name| enumerations.contains(name))
            };
            let may = path.starts_with("crate::rules::")
                || RULES_MAY_NAME
                    .iter()
                    .any(|allowed| path.starts_with(allowed));
            if !may && !is_enumeration() {
                found.push(path.split_whitespace().collect::<Vec<_>>().join(" "));
            }
        }
        rest = &rest[end..];
    }
    found
}

/// The path at the start of a text, and the names in braces after it.
fn path_at(text: &str) -> &str {
    let end = text
        .find(|c: char| !is_name(c) && c != ':')
        .unwrap_or(text.len());
    match text[end..].strip_prefix('{') {
        Some(list) => &text[..=end + list.find(';').unwrap_or(list.len())],
        None => &text[..end],
    }
}

/// Names of the enums stored in columns.
fn stored_enumerations() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in rust_files(&Path::new(ROOT).join("entities")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for block in text.split("stored_enum! {").skip(1) {
            let name = block
                .lines()
                .map(str::trim)
                .find(|line| !line.is_empty() && !line.starts_with("//"));
            found.extend(
                name.and_then(|line| line.strip_suffix(" {"))
                    .map(str::to_owned),
            );
        }
    }
    assert!(found.contains("OrderStatus") && found.contains("TrackingStatus"));
    found
}
