//! The recorded release: its name, statements and schema.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::schema::Schema;
use crate::statement::Statement;

/// Statements on the tables that every domain has.
pub(crate) const SHARED: &str = "shared";

/// A file of the fixture.
pub(crate) fn path(name: &str) -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/previous/release");
    PathBuf::from(root).join(name)
}

/// The version, a space, and the commit.
pub(crate) fn release() -> String {
    read("release.txt").trim().to_owned()
}

pub(crate) fn statements(kind: &str, domain: &str) -> BTreeSet<Statement> {
    [domain, SHARED]
        .iter()
        .flat_map(|name| {
            let text = read(&statements_file(kind, name));
            let lines = text.lines().map(|line| Statement::parse(line).unwrap());
            lines.collect::<Vec<_>>()
        })
        .collect()
}

pub(crate) fn schema(kind: &str, domain: &str) -> Schema {
    serde_json::from_str(&read(&schema_file(kind, domain))).unwrap()
}

pub(crate) fn statements_file(kind: &str, domain: &str) -> String {
    format!("statements/{kind}/{domain}.tsv")
}

pub(crate) fn schema_file(kind: &str, domain: &str) -> String {
    format!("schema/{kind}/{domain}.json")
}

fn read(name: &str) -> String {
    let path = path(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        let path = path.display();
        panic!("{path}: {error}; tests/previous/record.sh records the release")
    })
}
