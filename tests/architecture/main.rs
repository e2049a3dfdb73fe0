//! Architecture rules: allowed dependencies between crates, and a `//!` comment in every file.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod caching;
mod events;
mod floats;
mod names;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A workspace crate and its workspace dependencies, including dev-dependencies.
struct Crate {
    folder: String,
    imports: Vec<String>,
    /// All dependencies, as code names them.
    dependencies: Vec<String>,
}

fn crates() -> BTreeMap<String, Crate> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let manifest = Path::new(package["manifest_path"].as_str().unwrap());
            let folder = manifest.parent().unwrap().strip_prefix(ROOT).unwrap();
            let dependencies = package["dependencies"].as_array().unwrap();
            let imports = dependencies
                .iter()
                // Path dependencies are workspace crates or vendored.
                .filter(|dependency| {
                    dependency["path"].as_str().is_some_and(|path| {
                        !Path::new(path).starts_with(Path::new(ROOT).join("vendor"))
                    })
                })
                .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
                .collect();
            let entry = Crate {
                folder: folder.to_str().unwrap().to_owned(),
                imports,
                dependencies: dependencies
                    .iter()
                    .map(|dependency| dependency["name"].as_str().unwrap().replace('-', "_"))
                    .collect(),
            };
            (package["name"].as_str().unwrap().to_owned(), entry)
        })
        .collect()
}

/// Allowed dependencies of each crate.
fn allowed(folder: &str) -> &'static [&'static str] {
    match folder {
        "resolvers" | "router" | "sandbox" => &["platform"],
        "entities" | "migrations" => &[],
        // For its tests, which run against the migrated tables.
        "platform" => &["migrations"],
        _ if folder.starts_with("subgraphs/") => {
            &["entities", "migrations", "platform", "resolvers"]
        }
        _ => panic!("{folder} has no import rule: give it one here and in ARCHITECTURE.md"),
    }
}

/// Dependencies between crates that no rule allows.
fn forbidden(crates: &BTreeMap<String, Crate>) -> Vec<String> {
    let mut edges = Vec::new();
    // The root package (folder "") may depend on everything.
    for (name, one) in crates.iter().filter(|(_, one)| !one.folder.is_empty()) {
        for import in &one.imports {
            if !allowed(&one.folder).contains(&import.as_str()) {
                edges.push(format!("{name} → {import}"));
            }
        }
    }
    edges
}

#[test]
fn crates_import_only_whom_they_may() {
    let crates = crates();
    assert!(crates.contains_key("vantage") && crates.contains_key("orders"));
    assert_eq!(forbidden(&crates), [] as [String; 0]);
}

#[test]
fn a_subgraph_that_imports_another_is_found() {
    let one = |folder: &str, imports: &[&str]| Crate {
        folder: folder.to_owned(),
        imports: imports.iter().map(|&import| import.to_owned()).collect(),
        dependencies: Vec::new(),
    };
    let crates = [
        ("vantage", one("", &["orders", "router"])),
        ("orders", one("subgraphs/orders", &["platform", "returns"])),
        ("router", one("router", &["resolvers", "platform"])),
        ("entities", one("entities", &["platform"])),
    ]
    .map(|(name, one)| (name.to_owned(), one));
    assert_eq!(
        forbidden(&crates.into()),
        [
            "entities → platform",
            "orders → returns",
            "router → resolvers"
        ]
    );
}

#[test]
fn a_subgraph_names_only_the_entities_and_migrations_of_its_own_domain() {
    let domains: Vec<String> = std::fs::read_dir(Path::new(ROOT).join("subgraphs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(domains.len(), 6);
    let mut strangers = Vec::new();
    for domain in &domains {
        for file in rust_files(&Path::new(ROOT).join("subgraphs").join(domain)) {
            let text = std::fs::read_to_string(&file).unwrap();
            for name in modules_named(&text) {
                if name != *domain && domains.contains(&name) {
                    strangers.push(format!("{}: {name}", file.display()));
                }
            }
        }
    }
    assert_eq!(strangers, [] as [String; 0]);
}

#[test]
fn modules_are_found_alone_and_in_braces() {
    let text = "use entities::orders::order;\nuse entities::{pricing::rate, search};\nmigrations::tracking::Migrator";
    assert_eq!(
        modules_named(text),
        ["orders", "pricing", "rate", "search", "tracking"]
    );
}

/// Modules named directly after `entities::` and `migrations::`.
fn modules_named(text: &str) -> Vec<String> {
    ["entities::", "migrations::"]
        .iter()
        .flat_map(|prefix| text.split(prefix).skip(1))
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => {
                let end = list.find(';').unwrap_or(list.len());
                list[..end].split(|c: char| !is_name(c)).collect()
            }
            None => vec![rest.split(|c: char| !is_name(c)).next().unwrap_or_default()],
        })
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let files = rust_files(Path::new(ROOT));
    assert!(files.len() > 20, "the sources are found");
    let silent: Vec<PathBuf> = files
        .into_iter()
        .filter(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            !text
                .lines()
                .next()
                .is_some_and(|line| line.starts_with("//! "))
        })
        .collect();
    assert_eq!(silent, [] as [PathBuf; 0]);
}

#[test]
fn third_parties_are_called_side_by_side() {
    // Where clients are constructed, besides their own folder and the client for other subgraphs.
    let places = [
        "platform/src/providers/",
        "platform/src/http/",
        "resolvers/src/client.rs",
    ];
    let files = rust_files(Path::new(ROOT));
    let made = files.iter().filter_map(|file| {
        let path = file.strip_prefix(ROOT).unwrap().to_str().unwrap();
        let is_made = std::fs::read_to_string(file)
            .unwrap()
            .contains("HttpClient::new(");
        (is_made && path != "tests/architecture/main.rs").then_some(path)
    });
    let (inside, outside): (Vec<_>, Vec<_>) =
        made.partition(|path| places.iter().any(|place| path.starts_with(place)));
    assert!(inside.len() > 5, "the clients are found: {inside:?}");
    assert_eq!(outside, [] as [&str; 0]);
}

#[test]
fn every_metric_is_described() {
    let mut recorded = BTreeMap::new();
    let mut described = BTreeSet::new();
    for file in rust_files(Path::new(ROOT)) {
        let path = file.strip_prefix(ROOT).unwrap();
        let is_test = |part: &str| matches!(part, "tests" | "tests.rs" | "benches");
        if path.iter().any(|part| is_test(&part.to_string_lossy())) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for kind in ["counter", "gauge", "histogram"] {
            let call = format!("{kind}!(");
            for (position, _) in text.match_indices(&call) {
                let rest = &text[position + call.len()..];
                let Some(name) = rest
                    .split('"')
                    .nth(1)
                    .filter(|name| name.chars().all(is_name))
                else {
                    continue;
                };
                if text[..position].ends_with("describe_") {
                    described.insert(name.to_owned());
                } else if name.starts_with("vantage_") || name.starts_with("router_") {
                    recorded.insert(name.to_owned(), file.clone());
                }
            }
        }
    }
    assert!(recorded.len() > 50, "the metrics are found: {recorded:?}");
    recorded.retain(|name, _| !described.contains(name));
    assert_eq!(
        recorded,
        BTreeMap::new(),
        "say in the crate's metrics.rs what they mean"
    );
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            // Vendored code is exempt.
            if !matches!(&*name, "target" | "vendor" | "node_modules") && !name.starts_with('.') {
                files.extend(rust_files(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
