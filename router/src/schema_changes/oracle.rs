//! Compares our schema comparison with graphql-js; `router/language/run.sh` installs that and runs this.

use std::collections::{BTreeMap, BTreeSet};

use super::{ChangeKind, schema_changes};
use crate::graphql_js::Cases;

#[test]
#[ignore = "needs Node.js and its packages: run router/language/run.sh"]
fn graphql_js_finds_the_same_changes() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut compared = 0;
    for case in Cases::of("schemas.mjs") {
        let text = |name: &str| case[name].as_str().expect("a text");
        let changes = schema_changes(text("old"), text("new"))
            .unwrap_or_else(|error| panic!("{error}\n{}\n{}", text("old"), text("new")));
        let theirs: BTreeSet<(String, String)> =
            serde_json::from_value(case["changes"].clone()).expect("changes");
        let ours: BTreeSet<(String, String)> = changes
            .iter()
            .filter(|change| !OURS.contains(&change.kind))
            .map(|change| (change.kind.as_str().to_owned(), change.message.clone()))
            .collect();
        let mut missing = theirs.difference(&ours).peekable();
        assert!(
            missing.peek().is_none(),
            "{:?}\n{}\n\n{}",
            missing.collect::<Vec<_>>(),
            text("old"),
            text("new")
        );
        // It reports a harmless type change only if there is no default.
        let mut more = ours
            .difference(&theirs)
            .filter(|(kind, _)| !kind.ends_with("_SAFE"))
            .peekable();
        assert!(
            more.peek().is_none(),
            "{:?}\n{}\n\n{}",
            more.collect::<Vec<_>>(),
            text("old"),
            text("new")
        );
        for change in &changes {
            let grade = case["grades"][change.kind.as_str()].as_str();
            assert!(
                grade.is_none_or(|grade| grade == change.kind.severity().as_str()
                    || STRICTER.contains(&change.kind)),
                "{change:?}"
            );
        }
        for (kind, _) in theirs {
            *seen.entry(kind).or_default() += 1;
        }
        compared += 1;
    }
    println!("{compared} pairs of schemas have the same changes: {seen:?}");
    assert!(seen.len() >= 25, "not all kinds were drawn: {seen:?}");
}

/// Changes that graphql-js does not report, or reports in other words.
const OURS: [ChangeKind; 9] = [
    ChangeKind::RootTypeChanged,
    ChangeKind::RootTypeAdded,
    ChangeKind::SpecifiedByChange,
    ChangeKind::DeprecationAdded,
    ChangeKind::DeprecationRemoved,
    ChangeKind::DeprecationReasonChange,
    ChangeKind::DescriptionChanged,
    ChangeKind::OneOfAdded,
    ChangeKind::OneOfRemoved,
];

/// Graded like GraphQL Inspector.
const STRICTER: [ChangeKind; 2] = [
    ChangeKind::ArgDefaultValueAdded,
    ChangeKind::InputFieldDefaultValueAdded,
];
