//! The committed SDL is what the code says. `cargo run -- schema export` brings it up to date.

use std::path::Path;

use crate::kit::vantage;

#[tokio::test]
async fn the_committed_schema_is_up_to_date() {
    let scratch = tempfile::tempdir().unwrap();
    let output = vantage(scratch.path())
        .args(["schema", "export", "--directory", "exported"])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let exported = scratch.path().join("exported");
    let mut names: Vec<_> = std::fs::read_dir(&exported)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names.len(),
        8,
        "six subgraphs, the supergraph and the public schema"
    );
    for name in names {
        let text = std::fs::read_to_string(committed.join(&name)).unwrap_or_default();
        let current = std::fs::read_to_string(exported.join(&name)).unwrap();
        assert!(
            text == current,
            "schema/{} is out of date: run `cargo run -- schema export`",
            name.display()
        );
    }
}

#[tokio::test]
async fn a_schema_that_lost_something_is_refused_by_the_check() {
    let scratch = tempfile::tempdir().unwrap();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/api.graphql");
    let text = std::fs::read_to_string(committed).unwrap();
    let same = scratch.path().join("same.graphql");
    std::fs::write(&same, &text).unwrap();
    let more = scratch.path().join("more.graphql");
    std::fs::write(&more, text + "\ntype Gone { field: Int }\n").unwrap();
    for (baseline, expected) in [(same, true), (more, false)] {
        let output = vantage(scratch.path())
            .args(["schema", "check", "--baseline"])
            .arg(&baseline)
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.success(), expected, "{output:?}");
    }
}
