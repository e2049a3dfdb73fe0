//! Cases from the programs in `language/`, each with the result of graphql-js. `language/run.sh` installs graphql-js.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// Default number of cases.
const COUNT: &str = "2000";

/// The cases that a program prints. Fails the test if there are fewer than requested.
pub(crate) struct Cases {
    program: Child,
    lines: BufReader<ChildStdout>,
    left: usize,
}

impl Cases {
    /// As many as `LANGUAGE_COUNT` says, by the seed `LANGUAGE_SEED`.
    pub(crate) fn of(program: &str) -> Self {
        let option = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
        let count = option("LANGUAGE_COUNT", COUNT);
        let seed = option("LANGUAGE_SEED", "1");
        let mut running = Command::new("node")
            .args([program, "--count", &count, "--seed", &seed])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/language"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("node");
        println!("{program}: {count} cases, seed {seed}");
        Self {
            lines: BufReader::new(running.stdout.take().expect("its output")),
            program: running,
            left: count.parse().expect("a number"),
        }
    }
}

impl Iterator for Cases {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        if self.lines.read_line(&mut line).expect("a line") == 0 {
            assert!(self.program.wait().expect("an end").success());
            assert_eq!(self.left, 0, "cases are missing");
            return None;
        }
        self.left -= 1;
        Some(serde_json::from_str(&line).expect("JSON"))
    }
}
