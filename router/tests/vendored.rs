//! Vendored crates equal the published ones plus the patches beside them.

use std::process::Command;

/// Runs a script's check.
fn check(script: &str) {
    let script = format!("{}/../vendor/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("bash")
        .args([&script, "check"])
        .output()
        .expect("bash");
    let text = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&text)
    );
}

#[test]
fn the_planner_is_what_is_published_and_its_patches() {
    check("hive-router-planner/vendor.sh");
}

#[test]
fn other_crates_are_what_is_published_and_their_patches() {
    check("vendor.sh");
}
