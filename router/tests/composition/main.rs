//! Composes odd sets of subgraphs as Apollo's composition does: the same sets are refused, for the same reasons. The
//! expected codes are written by differential/composition.mjs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What is deliberately different, as router/README.md explains: names of sets, and our code instead of Apollo's.
const DIFFERENT: &[(&str, Option<&str>)] = &[
    ("access/on_interface", None),
    ("access/requires_a_protected_field", None),
    ("context/good", Some("FEATURE_NOT_SUPPORTED")),
    ("context/not_set", Some("FEATURE_NOT_SUPPORTED")),
    ("context/bad_name", Some("FEATURE_NOT_SUPPORTED")),
    ("context/wrong_type", Some("FEATURE_NOT_SUPPORTED")),
    ("context/required_argument", Some("FEATURE_NOT_SUPPORTED")),
    // Apollo's composition crashes.
    (
        "composeDirective/names_differ",
        Some("DIRECTIVE_COMPOSITION_ERROR"),
    ),
    ("requires/circular", Some("SATISFIABILITY_ERROR")),
];

/// Sets of subgraphs, each with its name, and a header unless it is raw.
struct Sets {
    sets: Vec<(String, Vec<(String, String)>)>,
    /// Apollo's codes, none for what it accepts.
    expected: BTreeMap<String, BTreeSet<String>>,
}

impl Sets {
    /// Of the directory `COMPOSITION_SETS`, or of this one.
    fn read() -> Self {
        let given = std::env::var_os("COMPOSITION_SETS").map(PathBuf::from);
        let directory = given
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/composition"));
        let read = |file: &str| std::fs::read_to_string(directory.join(file)).expect(file);
        let header = read("header.graphql");
        let expected = serde_json::from_str(&read("expected.json")).expect("expected.json");
        let mut sets = Vec::new();
        for file in std::fs::read_dir(directory.join("sets")).expect("sets") {
            let text = std::fs::read_to_string(file.expect("a file").path()).expect("sets");
            for set in format!("\n{text}").split("\n== ").skip(1) {
                let mut parts = set.split("\n-- ");
                let name = parts.next().unwrap_or_default().to_owned();
                let subgraphs = parts.map(|part| {
                    let (head, sdl) = part.split_once('\n').unwrap_or((part, ""));
                    match head.split_once(' ') {
                        Some((name, _)) => (name.to_owned(), sdl.to_owned()),
                        None => (head.to_owned(), format!("{header}{sdl}")),
                    }
                });
                sets.push((name, subgraphs.collect()));
            }
        }
        Self { sets, expected }
    }
}

/// Our codes, none for what we accept.
fn codes(subgraphs: &[(String, String)]) -> (BTreeSet<String>, String) {
    let urls: Vec<String> = subgraphs
        .iter()
        .map(|(name, _)| format!("http://{name}.test"))
        .collect();
    let subgraphs: Vec<(&str, &str, &str)> = subgraphs
        .iter()
        .zip(&urls)
        .map(|((name, sdl), url)| (&**name, &**sdl, &**url))
        .collect();
    match router::compose(&subgraphs) {
        Ok(_) => (BTreeSet::new(), String::new()),
        Err(error) => {
            let diagnostics = error.diagnostics.iter();
            let codes = diagnostics
                .map(|one| one.code.as_str().to_owned())
                .collect();
            (codes, error.to_string())
        }
    }
}

#[test]
fn sets_are_refused_as_by_apollo() {
    let sets = Sets::read();
    let (mut verdicts, mut differ) = (0, Vec::new());
    for (name, subgraphs) in &sets.sets {
        let different = DIFFERENT.iter().find(|(known, _)| known == name);
        let different =
            different.map(|(_, code)| code.iter().map(|code| (*code).to_owned()).collect());
        let expected = different.as_ref().unwrap_or(&sets.expected[name]);
        let (codes, message) = codes(subgraphs);
        if codes.is_empty() != expected.is_empty() {
            verdicts += 1;
            differ.push(format!(
                "{name}: VERDICT {codes:?}, not {expected:?} {message}"
            ));
        } else if codes != *expected {
            differ.push(format!("{name}: {codes:?}, not {expected:?} {message}"));
        }
    }
    assert!(
        differ.is_empty(),
        "of {} sets, {} verdicts and {} codes differ:\n{}",
        sets.sets.len(),
        verdicts,
        differ.len() - verdicts,
        differ.join("\n")
    );
}

const FEDERATION: &str = r#"extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@override", "@requiresScopes", "@cost"])"#;

fn composed(subgraphs: &[(&str, &str)]) -> String {
    let linked = subgraphs
        .iter()
        .map(|(name, sdl)| (*name, format!("{FEDERATION} {sdl}")));
    let linked: Vec<(&str, String)> = linked.collect();
    let subgraphs: Vec<(&str, &str, &str)> = linked
        .iter()
        .map(|(name, sdl)| (*name, &**sdl, "http://a"))
        .collect();
    router::compose(&subgraphs).expect("composes")
}

#[test]
fn the_scopes_of_all_subgraphs_are_needed_and_the_highest_cost_counts() {
    let sdl = composed(&[
        (
            "a",
            r#"type Query { a: Int @shareable @requiresScopes(scopes: [["x"]]) @cost(weight: 2) }"#,
        ),
        (
            "b",
            r#"type Query { a: Int @shareable @requiresScopes(scopes: [["y"], ["z", "x"]]) @cost(weight: 5) }"#,
        ),
    ]);
    assert!(
        sdl.contains(r#"@requiresScopes(scopes: [["x", "y"], ["x", "z"]])"#),
        "{sdl}"
    );
    assert!(sdl.contains("@cost(weight: 5)"), "{sdl}");
}

#[test]
fn what_differs_between_subgraphs_is_joined_to_each() {
    let sdl = composed(&[
        (
            "a_1",
            r#"type Query { a: A i(n: Int = 1): [Int!] @shareable } type A @key(fields: "id") { id: ID! x: Int }"#,
        ),
        (
            "2b",
            r#"type Query { i(n: Int): [Int] @shareable } type A @key(fields: "id") { id: ID! x: Int @override(from: "a_1", label: "percent(5)") }"#,
        ),
    ]);
    for part in [
        r#"A_1 @join__graph(name: "a_1", "#,
        r#"S_2B @join__graph(name: "2b", "#,
        r#"x: Int @join__field(graph: A_1, overrideLabel: "percent(5)")"#,
        r#"override: "a_1""#,
        "i(n: Int): [Int] ",
        r#"@join__field(graph: A_1, type: "[Int!]")"#,
    ] {
        assert!(sdl.contains(part), "{part}: {sdl}");
    }
}
