//! The vendored planner equals the published crate plus the patches beside it.

use std::process::Command;

#[test]
fn the_planner_is_what_is_published_and_its_patches() {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../vendor/hive-router-planner/vendor.sh"
    );
    let output = Command::new("bash")
        .args([script, "check"])
        .output()
        .expect("bash");
    let text = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&text)
    );
}
