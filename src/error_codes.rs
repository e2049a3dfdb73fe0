//! `docs/errors.md` lists every code of every closed set, and some test meets each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use platform::error_code::ErrorCode;
use resolvers::user_error::UserErrorCode;

use crate::rest::RestErrorCode;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Each set's codes, with the names that code has for them, under the heading of its table.
fn sets() -> [(&'static str, Vec<(&'static str, String)>); 3] {
    let graph = ErrorCode::ALL.iter();
    let user = UserErrorCode::ALL.iter();
    let rest = RestErrorCode::ALL.iter();
    [
        (
            "## In `errors`",
            graph
                .map(|code| (code.as_str(), format!("ErrorCode::{code:?}")))
                .collect(),
        ),
        (
            "## In `userErrors`",
            user.map(|code| (code.as_str(), format!("UserErrorCode::{code:?}")))
                .collect(),
        ),
        (
            "## REST only",
            rest.map(|code| (code.as_str(), format!("RestErrorCode::{code:?}")))
                .collect(),
        ),
    ]
}

/// The rows of the table under a heading: their cells.
fn rows<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, section) = page
        .split_once(heading)
        .unwrap_or_else(|| panic!("{heading}"));
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| `"));
    lines
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

#[test]
fn every_code_is_explained_and_no_other() {
    let page = std::fs::read_to_string(Path::new(ROOT).join("docs/errors.md")).unwrap();
    for (heading, codes) in sets() {
        let rows = rows(&page, heading);
        let explained: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
        let codes: Vec<_> = codes.iter().map(|(code, _)| *code).collect();
        assert_eq!(explained, codes, "{heading}: in the order of the code");
        for row in rows {
            assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
            let retry = row.last().unwrap();
            assert!(["no", "later", "new token"].contains(retry), "{row:?}");
        }
    }
}

#[test]
fn a_code_belongs_to_one_set() {
    let mut seen = BTreeSet::new();
    for (heading, codes) in sets() {
        for (code, _) in codes {
            assert!(seen.insert(code), "{heading}: {code}");
        }
    }
}

#[test]
fn some_test_meets_every_code() {
    let tests = tests();
    let mut unmet = Vec::new();
    for (_, codes) in sets() {
        for (code, name) in codes {
            let met = tests.contains(&format!("\"{code}\"")) || tests.contains(&name);
            if !met {
                unmet.push(code);
            }
        }
    }
    assert_eq!(unmet, [] as [&str; 0]);
}

/// All code that only tests have: files below `tests`, and what follows `#[cfg(test)]` elsewhere.
fn tests() -> String {
    let mut tests = String::new();
    let mut folders: Vec<PathBuf> = [
        "src",
        "tests",
        "router",
        "resolvers",
        "subgraphs",
        "platform",
    ]
    .iter()
    .map(|folder| Path::new(ROOT).join(folder))
    .collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            if !is_rust || path.ends_with(file!()) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let is_test = path.components().any(|part| part.as_os_str() == "tests")
                || path.file_stem().is_some_and(|name| name == "tests");
            match text.split_once("#[cfg(test)]") {
                _ if is_test => tests.push_str(&text),
                Some((_, own)) => tests.push_str(own),
                None => {}
            }
        }
    }
    tests
}
