//! Prints the result of a check for people, programs and build servers.

use std::fmt::Write;

use router::schema_changes::{Change, Severity};
use serde_json::{Value, json};

use super::check::{Checked, Outcome, is_breaking};
use crate::cli::OperationsFormat;

pub(super) fn write(outcome: &Outcome, format: OperationsFormat) -> anyhow::Result<String> {
    Ok(match format {
        OperationsFormat::Text => text(outcome),
        OperationsFormat::Json => serde_json::to_string_pretty(&value(outcome))? + "\n",
        OperationsFormat::Junit => junit(outcome),
    })
}

/// A line for each problem and each dangerous change.
fn text(outcome: &Outcome) -> String {
    let mut text = String::new();
    let mut broken = 0;
    for one in &outcome.operations {
        let (client, operation) = (&one.client.name, &one.operation.name);
        let place = format!(
            "{client}: {operation} ({})",
            one.operation.manifest.display()
        );
        let problems = one.problems();
        broken += usize::from(!problems.is_empty());
        for problem in problems {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{place}: {problem}");
        }
        for change in one.changes.iter().filter(|change| !is_breaking(change)) {
            let _ = writeln!(text, "{place}: dangerous: {}", change.message);
        }
    }
    for change in &outcome.unused {
        let _ = writeln!(
            text,
            "schema: {}: {}",
            change.severity.as_str(),
            change.message
        );
    }
    if broken == 0 {
        let count = outcome.operations.len();
        let _ = writeln!(
            text,
            "ok: {count} registered operations are valid against the schema"
        );
    }
    text
}

fn value(outcome: &Outcome) -> Value {
    let operations = outcome.operations.iter().map(|one| {
        let errors = one.errors.iter().map(|error| {
            json!({
                "message": error.message,
                "code": error.code().as_str(),
                "locations": error.locations,
            })
        });
        json!({
            "client": one.client.name,
            "operation": one.operation.name,
            "id": one.operation.id,
            "manifest": one.operation.manifest,
            "fits": one.problems().is_empty(),
            "errors": errors.collect::<Vec<_>>(),
            "changes": one.changes,
        })
    });
    json!({
        "operations": operations.collect::<Vec<_>>(),
        "changes": outcome.unused,
    })
}

/// A suite for each client, and one for the schema if all of its changes are included.
fn junit(outcome: &Outcome) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    let suites = outcome
        .operations
        .chunk_by(|one, next| one.client.name == next.client.name);
    for suite in suites {
        let cases: Vec<_> = suite.iter().map(operation_case).collect();
        write_suite(&mut xml, &suite[0].client.name, &cases);
    }
    if !outcome.unused.is_empty() {
        let cases: Vec<_> = outcome.unused.iter().map(change_case).collect();
        write_suite(&mut xml, "schema", &cases);
    }
    xml + "</testsuites>\n"
}

/// A test case in XML, and whether it failed.
type Case = (String, bool);

fn write_suite(xml: &mut String, name: &str, cases: &[Case]) {
    let (name, tests) = (escape(name), cases.len());
    let failures = cases.iter().filter(|(_, failed)| *failed).count();
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">"
    );
    for (case, _) in cases {
        let _ = writeln!(xml, "    {case}");
    }
    xml.push_str("  </testsuite>\n");
}

fn operation_case(one: &Checked) -> Case {
    let (client, name) = (escape(&one.client.name), escape(&one.operation.name));
    let file = escape(&one.operation.manifest.to_string_lossy());
    let case = format!("<testcase classname=\"{client}\" name=\"{name}\" file=\"{file}\"");
    let problems = one.problems();
    match problems.first() {
        None => (case + "/>", false),
        Some(first) => {
            let (first, all) = (escape(first), escape(&problems.join("\n")));
            let failure = format!("<failure message=\"{first}\">{all}</failure>");
            (format!("{case}>{failure}</testcase>"), true)
        }
    }
}

fn change_case(change: &Change) -> Case {
    let name = escape(&change.coordinate);
    let message = escape(&change.message);
    let case = format!("<testcase classname=\"schema\" name=\"{name}\"");
    match change.severity {
        Severity::Breaking => {
            let failure = format!("<failure message=\"{message}\"/>");
            (format!("{case}>{failure}</testcase>"), true)
        }
        Severity::Dangerous | Severity::Safe => (case + "/>", false),
    }
}

/// Escapes text for an XML attribute or element, dropping control characters.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_reads_otherwise_is_escaped() {
        let text = "Field \"a\" of <T> & more\nnext\u{1}";
        let escaped = "Field &quot;a&quot; of &lt;T&gt; &amp; more&#10;next ";
        assert_eq!(escape(text), escaped);
    }
}
