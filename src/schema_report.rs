//! The output of `vantage schema check`, for people, programs and pull requests.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::ValueEnum;
use router::schema_changes::{Change, Severity};
use serde::Serialize;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Markdown,
}

/// The relevant changes, and whom they affect.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    /// Where the schemas come from.
    pub(crate) old: String,
    pub(crate) new: String,
    /// How many operations were checked for what they use.
    pub(crate) operations: usize,
    /// How many changes affect none of them and are therefore left out.
    pub(crate) unused: usize,
    pub(crate) changes: Vec<Line>,
}

/// A relevant change.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Line {
    #[serde(flatten)]
    pub(crate) change: Change,
    /// The operations affected.
    pub(crate) operations: Vec<String>,
}

const SEVERITIES: [Severity; 3] = [Severity::Breaking, Severity::Dangerous, Severity::Safe];

impl Report {
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.graded(severity).count()
    }

    fn graded(&self, severity: Severity) -> impl Iterator<Item = &Line> {
        let lines = self.changes.iter();
        lines.filter(move |line| line.change.severity == severity)
    }

    pub(crate) fn write(&self, format: Format) -> anyhow::Result<String> {
        Ok(match format {
            Format::Text => self.text(),
            Format::Json => self.json()?,
            Format::Markdown => self.markdown(),
        })
    }

    /// `2 breaking, 1 dangerous and 4 safe changes`.
    fn summary(&self) -> String {
        let [breaking, dangerous, safe] = SEVERITIES.map(|severity| self.count(severity));
        let mut summary =
            format!("{breaking} breaking, {dangerous} dangerous and {safe} safe changes");
        if self.operations > 0 {
            let _ = write!(
                summary,
                "; {} more affect none of the {} operations",
                self.unused, self.operations
            );
        }
        summary
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for Line { change, operations } in &self.changes {
            let (severity, kind) = (change.severity.as_str(), change.kind.as_str());
            let _ = writeln!(text, "{severity:<9}  {kind}  {}", change.message);
            if !operations.is_empty() {
                let _ = writeln!(text, "           used by {}", operations.join(", "));
            }
        }
        let _ = writeln!(text, "{} → {}: {}", self.old, self.new, self.summary());
        text
    }

    fn json(&self) -> anyhow::Result<String> {
        #[derive(Serialize)]
        struct Whole<'r> {
            #[serde(flatten)]
            counts: BTreeMap<&'static str, usize>,
            #[serde(flatten)]
            report: &'r Report,
        }
        let counts = SEVERITIES.map(|severity| (severity.as_str(), self.count(severity)));
        let whole = Whole {
            counts: counts.into(),
            report: self,
        };
        Ok(serde_json::to_string_pretty(&whole)? + "\n")
    }

    fn markdown(&self) -> String {
        let mut text = format!("## Schema changes\n\n{}.\n", self.summary());
        for severity in SEVERITIES {
            let mut lines = self.graded(severity).peekable();
            if lines.peek().is_none() {
                continue;
            }
            let _ = write!(
                text,
                "\n### {}\n\n| Where | What | Operations |\n|---|---|---|\n",
                match severity {
                    Severity::Breaking => "Breaking",
                    Severity::Dangerous => "Dangerous",
                    Severity::Safe => "Safe",
                }
            );
            for Line { change, operations } in lines {
                let operations: Vec<String> = operations.iter().map(|name| cell(name)).collect();
                let _ = writeln!(
                    text,
                    "| `{}` | {} | {} |",
                    change.coordinate,
                    cell(&change.message),
                    operations.join(", ")
                );
            }
        }
        text
    }
}

/// A text that can be used in a table cell.
fn cell(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use router::schema_changes::schema_changes;

    use super::*;

    fn report() -> Report {
        let old = "type Query { a: Int b: Int c: E } enum E { X }";
        let new = "type Query { a: Int c: E d: Int @deprecated(reason: \"a|b\") } enum E { X Y }";
        let changes = schema_changes(old, new).unwrap();
        Report {
            old: "old.graphql".to_owned(),
            new: "new.graphql".to_owned(),
            operations: 2,
            unused: 3,
            changes: changes
                .into_iter()
                .map(|change| Line {
                    change,
                    operations: vec!["B (app.json)".to_owned()],
                })
                .collect(),
        }
    }

    #[test]
    fn people_read_a_line_for_each_change() {
        assert_eq!(
            report().write(Format::Text).unwrap(),
            "breaking   FIELD_REMOVED  Field Query.b was removed.\n           used by B (app.json)\n\
             dangerous  VALUE_ADDED_TO_ENUM  Enum value E.Y was added.\n           used by B (app.json)\n\
             safe       FIELD_ADDED  Field Query.d was added.\n           used by B (app.json)\n\
             old.graphql → new.graphql: 1 breaking, 1 dangerous and 1 safe changes; 3 more affect none of the 2 operations\n"
        );
    }

    #[test]
    fn programs_read_json() {
        let json = report().write(Format::Json).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["breaking"], 1);
        assert_eq!(json["unused"], 3);
        assert_eq!(
            json["changes"][0],
            serde_json::json!({
                "severity": "breaking", "kind": "FIELD_REMOVED", "coordinate": "Query.b",
                "message": "Field Query.b was removed.", "operations": ["B (app.json)"]
            })
        );
    }

    #[test]
    fn pull_requests_read_tables() {
        assert_eq!(
            report().write(Format::Markdown).unwrap(),
            "## Schema changes\n\n1 breaking, 1 dangerous and 1 safe changes; 3 more affect none of the 2 operations.\n\
             \n### Breaking\n\n| Where | What | Operations |\n|---|---|---|\n| `Query.b` | Field Query.b was removed. | B (app.json) |\n\
             \n### Dangerous\n\n| Where | What | Operations |\n|---|---|---|\n| `E.Y` | Enum value E.Y was added. | B (app.json) |\n\
             \n### Safe\n\n| Where | What | Operations |\n|---|---|---|\n| `Query.d` | Field Query.d was added. | B (app.json) |\n"
        );
        assert_eq!(cell("a|b\n<c>"), "a\\|b &lt;c>");
    }
}
