//! Every event that a domain publishes has a schema.

use std::path::Path;

use super::ROOT;

/// The names of events in a text: `order.placed`, `product.upserted.v1`. Topics end in `.events`.
fn event_names(text: &str) -> Vec<&str> {
    let is_name = |text: &&str| {
        let parts: Vec<_> = text.split('.').collect();
        let is_word = |part: &&str| {
            part.starts_with(|first: char| first.is_ascii_lowercase())
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        parts.len() > 1 && parts.iter().all(is_word) && parts.last() != Some(&"events")
    };
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(is_name)
        .collect()
}

#[test]
fn every_event_has_a_schema() {
    let mut missing = Vec::new();
    let mut found = 0;
    for domain in std::fs::read_dir(Path::new(ROOT).join("subgraphs")).unwrap() {
        for file in super::rust_files(&domain.unwrap().path().join("src")) {
            if !file.to_str().unwrap().ends_with("events.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            for name in event_names(&text) {
                found += 1;
                let schema = format!("schema/events/{name}.json");
                if !Path::new(ROOT).join(&schema).is_file() {
                    missing.push(format!("{name} in {}", file.display()));
                }
            }
        }
    }
    assert!(found > 15, "the events of the domains are found");
    assert_eq!(
        missing,
        [] as [String; 0],
        "list them in TYPES beside them, and run `cargo run -- schema export`"
    );
}

/// A name that is written where the event is published would have no schema.
#[test]
fn events_are_named_beside_their_types_alone() {
    let mut strays = Vec::new();
    for file in super::rust_files(&Path::new(ROOT).join("subgraphs")) {
        let shown = file.strip_prefix(ROOT).unwrap().display().to_string();
        if !shown.contains("/src/") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines() {
            if line.trim_start().starts_with("event_type: \"") {
                strays.push(format!("{shown}: {}", line.trim()));
            }
        }
    }
    assert_eq!(strays, [] as [String; 0]);
}
