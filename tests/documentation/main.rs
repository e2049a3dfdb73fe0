//! Everything the documentation names exists: files, links, commands and options, settings, variables and metrics.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod commands;
mod deployment;
mod links;
mod paths;
mod settings;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use commands::{check_cargo, check_vantage, targets};
use paths::{alternatives, exists, is_path};
use settings::is_setting;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A Markdown file, by its path from the root.
struct Page {
    path: String,
    text: String,
}

/// All files by their paths from the root; directories end with a slash.
fn tree() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![PathBuf::from(ROOT)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if matches!(name, ".git" | "target" | "node_modules" | "data") {
                continue;
            }
            let mut relative = path
                .strip_prefix(ROOT)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if path.is_dir() {
                relative.push('/');
                folders.push(path);
            }
            found.insert(relative);
        }
    }
    found
}

fn pages(tree: &BTreeSet<String>) -> Vec<Page> {
    tree.iter()
        .filter(|path| path.ends_with(".md"))
        // Vendored files are not ours; the pages about them are.
        .filter(|path| !path.starts_with("vendor/") || path.matches('/').count() <= 2)
        .map(|path| Page {
            path: path.clone(),
            text: std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap(),
        })
        .collect()
}

/// Inline code of a page, and the lines of its shell blocks with comments removed and continuations joined.
fn code(text: &str) -> (Vec<&str>, Vec<String>) {
    let mut inline = Vec::new();
    let mut shell = Vec::new();
    for (index, block) in text.split("```").enumerate() {
        if index % 2 == 0 {
            inline.extend(block.split('`').skip(1).step_by(2));
        } else if let Some(lines) = block.strip_prefix("sh\n") {
            let lines = lines.replace("\\\n", " ");
            shell.extend(lines.lines().map(|line| match line.split_once(" #") {
                Some((command, _)) => command.trim().to_owned(),
                None => line.trim().to_owned(),
            }));
        }
    }
    (inline, shell)
}

/// Contents of our Rust files below a folder, except this test.
fn rust_sources(tree: &BTreeSet<String>, folder: &str) -> String {
    tree.iter()
        .filter(|path| path.ends_with(".rs") && path.starts_with(folder))
        .filter(|path| !path.starts_with("vendor/") && !path.starts_with("tests/documentation/"))
        .map(|path| std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap())
        .collect()
}

#[test]
fn what_does_not_exist_is_found() {
    let tree = tree();
    assert!(is_path("src/nowhere.rs", &tree));
    assert!(!is_path("text/event-stream", &tree));
    assert!(!exists("src/nowhere.rs", "README.md", &tree));
    assert!(!exists("nowhere.rs", "README.md", &tree));
    assert!(exists("entities/src/<domain>/", "README.md", &tree));
    assert!(
        exists("subgraphs/{orders,returns}/", "README.md", &tree)
            || alternatives("subgraphs/{orders,returns}/").len() == 2
    );
    assert!(check_vantage(&["nothing"]).is_err());
    assert!(check_vantage(&["serve", "--nothing"]).is_err());
    assert!(check_vantage(&["subgraph", "NAME", "--listen", "ADDR:PORT"]).is_ok());
    let (packages, targets) = targets();
    assert!(check_cargo(&["test", "-p", "nothing"], &packages, &targets).is_err());
    assert!(check_cargo(&["bench", "--bench", "nothing"], &packages, &targets).is_err());
    let schema: Value =
        serde_json::from_str(include_str!("../../router-config/vantage.schema.json")).unwrap();
    assert!(is_setting(&["router", "deadline"], &schema, &schema));
    assert!(!is_setting(&["router", "nothing"], &schema, &schema));
}
