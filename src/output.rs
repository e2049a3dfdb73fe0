//! Output of commands. Never panics if the reader is gone.

use std::io::Write;

use anyhow::Context;

/// Like `print!`, but a closed pipe (`| head`) is an error instead of a panic.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write to standard output")
}

/// Prints a line.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    print(&format!("{text}\n"))
}

/// Prints a line of a server's startup message. The server continues if nobody reads it.
pub(crate) fn announce(text: &str) {
    if let Err(error) = line(text) {
        tracing::debug!(error = format!("{error:#}"), "startup message not printed");
    }
}

/// A line beside the output, for whoever watches.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints a failed command's error line; without a reader the exit code has to do.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "error: {text}");
}
