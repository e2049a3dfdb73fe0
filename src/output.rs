//! What a command prints. Nothing here panics when the reader has gone.

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

/// A line of a server's welcome. It serves whether anybody reads that or not.
pub(crate) fn announce(text: &str) {
    if let Err(error) = line(text) {
        tracing::debug!(error = format!("{error:#}"), "the welcome was not printed");
    }
}

/// The line that a command fails with; without a reader the exit code has to do.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "error: {text}");
}
