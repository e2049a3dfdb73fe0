//! The outcome of a check, for people, for programs, and for build servers.

use std::fmt::Write;

use router::GraphQLError;
use serde_json::{Value, json};

use super::check::{Checked, Outcome};
use crate::cli::Format;

pub(super) fn write(outcome: &Outcome, format: Format) -> anyhow::Result<String> {
    Ok(match format {
        Format::Text => text(outcome),
        Format::Json => serde_json::to_string_pretty(&value(outcome))? + "\n",
        Format::Junit => junit(outcome),
    })
}

fn text(outcome: &Outcome) -> String {
    let mut text = String::new();
    for one in outcome.broken() {
        for error in &one.errors {
            let (client, operation) = (&one.client.name, &one.operation.name);
            let manifest = one.operation.manifest.display();
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{client}: {operation} ({manifest}): {}",
                in_words(error)
            );
        }
    }
    for change in &outcome.changes {
        let _ = writeln!(text, "schema: {change}");
    }
    if text.is_empty() {
        let count = outcome.operations.len();
        let _ = writeln!(text, "ok: {count} registered operations fit the schema");
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
            "fits": one.errors.is_empty(),
            "errors": errors.collect::<Vec<_>>(),
        })
    });
    json!({
        "operations": operations.collect::<Vec<_>>(),
        "changes": outcome.changes,
    })
}

/// A suite for each client, and one for the schema where its changes count.
fn junit(outcome: &Outcome) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for suite in outcome
        .operations
        .chunk_by(|one, next| one.client.name == next.client.name)
    {
        let cases: Vec<_> = suite.iter().map(case).collect();
        let failures = suite.iter().filter(|one| !one.errors.is_empty()).count();
        write_suite(&mut xml, &suite[0].client.name, &cases, failures);
    }
    if !outcome.changes.is_empty() {
        let cases = outcome.changes.iter().map(|change| {
            let name = escape(change);
            format!("<testcase classname=\"schema\" name=\"{name}\"><failure message=\"breaking change\"/></testcase>")
        });
        let cases: Vec<_> = cases.collect();
        write_suite(&mut xml, "schema", &cases, cases.len());
    }
    xml + "</testsuites>\n"
}

fn write_suite(xml: &mut String, name: &str, cases: &[String], failures: usize) {
    let (name, tests) = (escape(name), cases.len());
    // Writing to a string does not fail.
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">"
    );
    for case in cases {
        let _ = writeln!(xml, "    {case}");
    }
    xml.push_str("  </testsuite>\n");
}

fn case(one: &Checked) -> String {
    let (client, name) = (escape(&one.client.name), escape(&one.operation.name));
    let file = escape(&one.operation.manifest.to_string_lossy());
    let case = format!("<testcase classname=\"{client}\" name=\"{name}\" file=\"{file}\"");
    let Some(first) = one.errors.first() else {
        return case + "/>";
    };
    let message = escape(&first.message);
    let all: Vec<_> = one.errors.iter().map(in_words).collect();
    let all = escape(&all.join("\n"));
    format!("{case}><failure message=\"{message}\">{all}</failure></testcase>")
}

fn in_words(error: &GraphQLError) -> String {
    match error.locations.first() {
        Some(place) => format!(
            "{} (line {}, column {})",
            error.message, place.line, place.column
        ),
        None => error.message.clone(),
    }
}

/// As an attribute or text of XML, which has no control characters.
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
