//! What a command prints.

use std::io::Write;

use anyhow::Context;

/// Like `print!`, but a closed pipe (`| head`) is an error and not a panic.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write to standard output")
}

/// A line of output.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    print(&format!("{text}\n"))
}
