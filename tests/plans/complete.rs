//! Every finder has its plan checked, unless it says itself that it finds rows by their primary key.

use std::collections::BTreeSet;
use std::path::Path;

use super::NONE;

/// Where finders are.
const FINDERS: [&str; 2] = ["entities/src", "platform/src/tables"];

/// What is in a function that inserts rows, or finds one by its primary key.
const KEYED: [&str; 9] = [
    "Entity::insert",
    "insert::upsert",
    "insert_many",
    "into_active_model(",
    "find_by_id(",
    "delete_by_id(",
    "Column::Id.eq(",
    "Column::Name.eq(",
    "Column::Provider.eq(",
];

/// Others that need no check: beginnings of their names.
const EXEMPT: [&str; 15] = [
    // A row for each partner's webhook, and what it could not be sent.
    "webhook_endpoint::",
    "webhook_dead_letter::",
    // The log of events for partners is read by position.
    "partner_event::",
    "partner_event_position::",
    // A row for each currency.
    "exchange_rate::",
    "held_exchange_rate::",
    "rate_freshness::",
    // What waits to be done.
    "task::",
    "inbox_delivery::record_failure",
    // Locks a table.
    "customer_erasure::lock_out",
    // For commands that walk over everything.
    "legacy_preference::count",
    "legacy_preference::migrate",
    "product_vector::delete_all",
    "foreign_key::all",
    "foreign_key::orphans",
];

#[test]
fn the_plan_of_every_finder_is_checked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut checked = String::new();
    for (_, text) in sources(&root.join("tests/plans")) {
        checked.push_str(&text);
    }
    let (mut count, mut missing) = (0, BTreeSet::new());
    for (path, text) in FINDERS.iter().flat_map(|of| sources(&root.join(of))) {
        // A finder in a submodule is called by the name of its entity.
        let stem = name(path.file_stem());
        let folder = name(path.parent().and_then(Path::file_name));
        for function in text.split("\npub async fn ").skip(1) {
            count += 1;
            let end = function.find("\n}\n").unwrap_or(function.len());
            let body = &function[..end];
            let (function, _) = function.split_once(['(', '<']).unwrap();
            let names = [&stem, &folder].map(|module| format!("{module}::{function}"));
            let is_checked = names
                .iter()
                .any(|name| checked.contains(&format!(" {name}(")));
            let is_keyed = KEYED.iter().any(|part| body.contains(part));
            let is_exempt = EXEMPT.iter().any(|exempt| names[0].starts_with(exempt));
            if !is_checked && !is_keyed && !is_exempt {
                missing.insert(names[0].clone());
            }
        }
    }
    assert!(count > 300, "{count} finders");
    let missing: Vec<String> = missing.into_iter().collect();
    assert_eq!(
        missing, NONE,
        "their plans are to be checked here: {missing:#?}"
    );
}

fn name(part: Option<&std::ffi::OsStr>) -> String {
    part.unwrap().to_str().unwrap().to_owned()
}

/// Files of Rust in this folder and those below.
fn sources(folder: &Path) -> Vec<(std::path::PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}
