//! What `deploy/` names exists: metrics, runbooks, settings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::settings::is_setting;
use crate::{ROOT, rust_sources, tree};

/// The files of the deployment by their paths from the root.
fn deployment() -> BTreeMap<String, String> {
    tree()
        .into_iter()
        .filter(|path| path.starts_with("deploy/") && !path.ends_with('/'))
        .map(|path| {
            let text = std::fs::read_to_string(Path::new(ROOT).join(&path)).unwrap();
            (path, text)
        })
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
}

/// The names of the metrics that `/metrics` shows.
fn metrics(sources: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for kind in ["counter", "gauge", "histogram"] {
        for rest in sources.split(&format!("describe_{kind}!(")).skip(1) {
            let Some(name) = rest.trim_start().strip_prefix('"') else {
                continue;
            };
            let name = name.split('"').next().unwrap();
            let suffixes: &[&str] = match kind {
                "histogram" => &["_bucket", "_count", "_sum"],
                _ => &[""],
            };
            names.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
        }
    }
    names
}

/// Names in the form of our metrics that are none.
fn unknown_metrics<'a>(text: &'a str, known: &BTreeSet<String>) -> BTreeSet<&'a str> {
    words(text)
        .filter(|word| word.starts_with("vantage_") || word.starts_with("router_"))
        .filter(|word| !known.contains(*word))
        .collect()
}

/// Variables that set nothing. A template may name only the beginning.
fn unknown_variables<'a>(text: &'a str, schema: &Value) -> BTreeSet<&'a str> {
    words(text)
        .filter(|word| {
            let Some(name) = word.strip_prefix("VANTAGE_") else {
                return false;
            };
            let name = name.trim_end_matches('_').to_lowercase();
            let key: Vec<&str> = name.split("__").collect();
            name != "config" && !name.is_empty() && !is_setting(&key, schema, schema)
        })
        .collect()
}

#[test]
fn every_metric_of_rules_and_dashboards_exists() {
    let known = metrics(&rust_sources(&tree(), ""));
    assert!(known.len() > 100, "{known:?}");
    let mut unknown = Vec::new();
    let mut used = 0;
    for (path, text) in deployment() {
        used += words(&text).filter(|word| known.contains(*word)).count();
        for name in unknown_metrics(&text, &known) {
            unknown.push(format!("{path}: {name}"));
        }
    }
    assert!(used > 200, "{used}");
    assert_eq!(unknown, [] as [String; 0]);
}

#[test]
fn every_alert_has_a_runbook_and_a_test() {
    let files = deployment();
    let of = |folder: &str| -> String {
        files
            .iter()
            .filter(|(path, _)| path.starts_with(folder))
            .map(|(_, text)| text.as_str())
            .collect()
    };
    let (rules, tests) = (
        of("deploy/prometheus/rules/"),
        of("deploy/prometheus/tests/"),
    );
    let mut wrong = Vec::new();
    let mut pages: BTreeSet<String> = tree()
        .into_iter()
        .filter(|path| path.starts_with("docs/runbooks/") && path.ends_with(".md"))
        .collect();
    assert!(pages.remove("docs/runbooks/README.md"));
    let index = std::fs::read_to_string(Path::new(ROOT).join("docs/runbooks/README.md")).unwrap();
    let alerts: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    assert!(alerts.len() > 30, "{}", alerts.len());
    for alert in alerts {
        let name = alert.lines().next().unwrap().trim();
        let page = format!("docs/runbooks/{name}.md");
        if !alert.contains(&format!("runbook: {page}\n")) || !pages.remove(&page) {
            wrong.push(format!("{name}: no runbook"));
        }
        if !index.contains(&format!("({name}.md)")) {
            wrong.push(format!("{name}: not in the list of runbooks"));
        }
        if !tests.contains(&format!("alertname: {name}\n")) {
            wrong.push(format!("{name}: no test"));
        }
    }
    wrong.extend(pages.into_iter().map(|page| format!("{page}: no alert")));
    assert_eq!(wrong, [] as [String; 0]);
}

/// The alerts that the drill makes fire, and those for which it says why not.
fn of_the_drill(script: &str) -> (Vec<&str>, Vec<&str>) {
    let calls = script
        .lines()
        .filter_map(|line| line.trim().strip_prefix("drill \""));
    let fired = calls
        .filter_map(|call| call.split('"').nth(2))
        .flat_map(str::split_whitespace);
    let reasons = script
        .lines()
        .filter_map(|line| line.strip_prefix("#   ")?.split_once(": "));
    let excepted = reasons
        .filter(|(name, reason)| !name.contains([' ', '/']) && reason.len() > 15)
        .map(|(name, _)| name);
    (fired.collect(), excepted.collect())
}

#[test]
fn every_alert_is_made_to_fire_or_the_drill_says_why_not() {
    let files = deployment();
    let rules = files
        .iter()
        .filter(|(path, _)| path.starts_with("deploy/prometheus/rules/"));
    let mut alerts: Vec<&str> = rules
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    let (mut fired, mut excepted) = of_the_drill(&files["deploy/drill.sh"]);
    assert!(fired.len() > 15, "{fired:?}");
    // Each is in one of both, once.
    fired.append(&mut excepted);
    fired.sort_unstable();
    alerts.sort_unstable();
    assert_eq!(fired, alerts);
}

#[test]
fn the_alerts_of_a_drill_are_read() {
    let script = "#   deploy/drill.sh: not a name\n#   LogLinesLost: takes a full disk\n    drill \"Redis is away\" \"EventsDelayed RedisNotAnswering\" stop true start\ndrill() {\n";
    let expected = (
        vec!["EventsDelayed", "RedisNotAnswering"],
        vec!["LogLinesLost"],
    );
    assert_eq!(of_the_drill(script), expected);
}

#[test]
fn every_variable_of_the_deployment_exists() {
    let schema: Value =
        serde_json::from_str(include_str!("../../router-config/vantage.schema.json")).unwrap();
    let mut unknown = Vec::new();
    for (path, text) in deployment() {
        for name in unknown_variables(&text, &schema) {
            unknown.push(format!("{path}: {name}"));
        }
    }
    assert_eq!(unknown, [] as [String; 0]);
}

#[test]
fn a_metric_or_variable_that_does_not_exist_is_found() {
    let known = metrics(
        "describe_counter!(\"vantage_orders_total\", \"Orders.\"); describe_histogram!(\n\"router_seconds\"",
    );
    let text = "sum(rate(vantage_orders_total[5m])) > router_seconds_count, router_seconds, vantage_order_total";
    assert_eq!(
        unknown_metrics(text, &known)
            .into_iter()
            .collect::<Vec<_>>(),
        ["router_seconds", "vantage_order_total"]
    );
    let schema: Value =
        serde_json::from_str(include_str!("../../router-config/vantage.schema.json")).unwrap();
    let text = "VANTAGE_REDIS_URL VANTAGE_REDIS_ADDRESS VANTAGE_SUBGRAPHS__{{ name }} VANTAGE_CONFIG VANTAGE_ROUTER__DEADLINES";
    assert_eq!(
        unknown_variables(text, &schema)
            .into_iter()
            .collect::<Vec<_>>(),
        ["VANTAGE_REDIS_ADDRESS", "VANTAGE_ROUTER__DEADLINES"]
    );
}
