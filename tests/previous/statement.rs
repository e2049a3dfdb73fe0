//! A statement as it was recorded, and which statements differ only in the number of their values.

use std::collections::{BTreeMap, BTreeSet};

/// Separators of what a statement may have any number of.
const SEPARATORS: [&str; 4] = [", ", " OR ", " WHEN ", " UNION ALL "];

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Statement {
    /// Of its parameters, on PostgreSQL.
    pub(crate) types: Vec<String>,
    pub(crate) sql: String,
}

impl Statement {
    /// Reads a line: the types, separated by commas, a tab, and the SQL.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (types, sql) = line.split_once('\t')?;
        let types = types.split(',').filter(|name| !name.is_empty());
        Some(Self {
            types: types.map(str::to_owned).collect(),
            sql: sql.to_owned(),
        })
    }

    pub(crate) fn line(&self) -> String {
        format!("{}\t{}", self.types.join(","), self.sql)
    }

    /// Whether it reads or changes rows, as opposed to settings of the connection.
    pub(crate) fn is_query(&self) -> bool {
        let verb = self.sql.split(' ').next().unwrap_or_default();
        ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"]
            .iter()
            .any(|known| verb.eq_ignore_ascii_case(known))
    }
}

/// The shortest of all statements that differ only in the number of their values.
pub(crate) fn shortest(statements: impl IntoIterator<Item = Statement>) -> BTreeSet<Statement> {
    let mut by_shape: BTreeMap<_, Statement> = BTreeMap::new();
    for statement in statements {
        let types: BTreeSet<String> = statement.types.iter().cloned().collect();
        let shape = (shape(&statement.sql), types);
        match by_shape.get(&shape) {
            Some(known) if known.sql.len() <= statement.sql.len() => {}
            _ => drop(by_shape.insert(shape, statement)),
        }
    }
    by_shape.into_values().collect()
}

/// The statement with one of each repetition.
fn shape(sql: &str) -> String {
    let mut shape = String::new();
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('$') {
        let number = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        shape.push_str(before);
        shape.push(if number > 0 { '?' } else { '$' });
        rest = &after[number..];
    }
    shape.push_str(rest);
    for (repeated, once) in [("?, ?", "?"), ("(?), (?)", "(?)")] {
        while shape.contains(repeated) {
            shape = shape.replace(repeated, once);
        }
    }
    for separator in SEPARATORS {
        let mut parts: Vec<&str> = shape.split(separator).collect();
        parts.dedup();
        shape = parts.join(separator);
    }
    shape
}

#[test]
fn statements_with_more_values_have_the_same_shape() {
    for (more, fewer) in [
        ("a IN (?, ?, ?) AND b = ?", "a IN (?) AND b = ?"),
        ("a IN ($1, $2) AND b = $3", "a IN ($1) AND b = $2"),
        ("VALUES (?, ?), (?, ?), (?, ?)", "VALUES (?, ?)"),
        ("a = ? OR a = ? OR a = ?", "a = ? OR a = ?"),
        (
            "CASE WHEN a = ? THEN ? WHEN a = ? THEN ? WHEN a = ? THEN ? END",
            "CASE WHEN a = ? THEN ? WHEN a = ? THEN ? END",
        ),
    ] {
        let of = |sql: &str| Statement {
            types: Vec::new(),
            sql: sql.to_owned(),
        };
        let different = of("SELECT $$x$$");
        let left = shortest([of(more), different.clone(), of(fewer)]);
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(
            left.contains(&different) && left.contains(&of(fewer)),
            "{left:?}"
        );
    }
}

#[test]
fn a_line_is_read_as_it_is_written() {
    for line in ["uuid,text\tSELECT 1", "\tSELECT 1"] {
        assert_eq!(Statement::parse(line).unwrap().line(), line);
    }
    assert_eq!(Statement::parse("SELECT 1"), None);
}
