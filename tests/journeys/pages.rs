//! The pages for those who call the graph: all of their commands are run, and answer what is printed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use platform::testing::ports::free_port;
use serde_json::Value;
use tokio::process::Command;

use crate::kit::{Process, vantage};

const PAGES: [&str; 4] = [
    "docs/rest.md",
    "docs/clients.md",
    "docs/partners.md",
    "docs/agents.md",
];

/// Long enough for a debug build on a busy machine; nothing waits for it when all goes well.
const PATIENCE: Duration = Duration::from_secs(180);

/// The lines of the page's blocks in this language.
fn blocks(page: &str, language: &str) -> String {
    let blocks = page.split("```").skip(1).step_by(2);
    let blocks = blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'));
    blocks.collect()
}

/// The ways to all values of an answer: what it is, whatever the values are.
fn shape(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                shape(member, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(items) => {
            for item in items {
                shape(item, &format!("{path}[]"), found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

/// The shapes of all lines that are JSON.
fn shapes(lines: &str) -> Vec<BTreeSet<String>> {
    let values = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    values
        .map(|value: Value| {
            let mut found = BTreeSet::new();
            shape(&value, "", &mut found);
            found
        })
        .collect()
}

#[tokio::test]
async fn every_command_for_clients_runs_and_answers_what_is_printed() {
    let data = tempfile::tempdir().unwrap();
    let mut command = vantage(data.path());
    command.args(["serve", "--demo", "--listen", "127.0.0.1:0"]);
    let server = Process::start(command).await;
    for name in PAGES {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let page = std::fs::read_to_string(page).unwrap();
        let free = format!("127.0.0.1:{}", free_port());
        let commands = blocks(&page, "sh")
            .replace("http://127.0.0.1:4000", &server.base)
            .replace("127.0.0.1:4100", &free)
            // A busy machine takes longer to the first event of a stream.
            .replace("--max-time 2 ", "--max-time 15 ")
            .replace("--max-time 3 ", "--max-time 15 ");
        // What is cut after its time was a stream.
        let script = format!(
            "set -euo pipefail\nPATH=$PWD/bin:$PATH\n\
             curl() {{ local s=0; command curl \"$@\" || s=$?; echo; [ $s = 0 ] || [ $s = 28 ]; }}\n{commands}"
        );
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join("bin")).unwrap();
        let program = scratch.path().join("bin/vantage");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vantage"), program).unwrap();
        let running = Command::new("bash")
            .args(["-c", &script])
            .current_dir(scratch.path())
            .env("VANTAGE_DATA", data.path())
            .env("VANTAGE_TELEMETRY__LOG_LEVEL", "warn")
            .env("VANTAGE_DEMO__ORDERS", "60")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(PATIENCE, running).await;
        let output = output.expect("done in time").unwrap();
        // Frames of a WebSocket are not text.
        let answers = String::from_utf8_lossy(&output.stdout);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {answers}\n{told}");
        let found = shapes(&answers);
        let printed = blocks(&page, "json");
        for (printed, line) in std::iter::zip(shapes(&printed), printed.lines()) {
            assert!(found.contains(&printed), "{name}: {line}\n{answers}");
        }
    }
}

#[test]
fn an_answer_of_another_shape_is_another() {
    let same = shapes("{\"a\":[{\"b\":1}]}\n{\"a\":[{\"b\":2},{\"b\":3}]}");
    assert_eq!(same[0], same[1]);
    let other = shapes("{\"a\":[{\"c\":1}]}\nno JSON");
    assert_eq!(other.len(), 1);
    assert_ne!(same[0], other[0]);
}
