//! What commands that import a file have in common: its format by its name, a progress bar, and a line for each problem.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use platform::record_file::{FileFormat, Progress};

use crate::cli::FileFormatArgument;
use crate::output;

/// A file to import.
pub(super) struct ImportFile<'a> {
    path: &'a Path,
    pub(super) format: FileFormat,
    bar: ProgressBar,
    /// Why a problem was not printed.
    unprinted: Option<anyhow::Error>,
}

impl<'a> ImportFile<'a> {
    /// Opens it. The format is that of its name, unless one is given.
    pub(super) fn open(
        path: &'a Path,
        format: Option<FileFormatArgument>,
    ) -> anyhow::Result<(Self, File)> {
        let format = match format {
            Some(format) => format.into(),
            None => format_of(path)?,
        };
        let file =
            File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let opened = Self {
            path,
            format,
            // Drawn on standard error, and only on a terminal.
            bar: ProgressBar::new(length).with_style(style()?),
            unprinted: None,
        };
        Ok((opened, file))
    }

    /// The file's name without its folders.
    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Shows how far it is, or prints what is wrong with a line.
    pub(super) fn report(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Read { bytes } => self.bar.set_position(bytes),
            Progress::Problem {
                line,
                field,
                message,
            } => {
                let field = if field.is_empty() {
                    String::new()
                } else {
                    format!("{field}: ")
                };
                let line = format!("line {line}: {field}{message}");
                let printed = self.bar.suspend(|| output::line(&line));
                self.unprinted = self.unprinted.take().or(printed.err());
            }
        }
    }

    /// Ends the progress bar, with the import's result.
    pub(super) fn finish<T, E>(self, imported: Result<T, E>) -> anyhow::Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        self.bar.finish_and_clear();
        let report =
            imported.with_context(|| format!("{} was not imported", self.path.display()))?;
        match self.unprinted {
            Some(error) => Err(error),
            None => Ok(report),
        }
    }
}

/// Fails if the file has problems.
pub(super) fn check(problems: u64) -> anyhow::Result<()> {
    if problems > 0 {
        bail!(
            "nothing was changed: the file has {}",
            counted(problems, "problem")
        );
    }
    Ok(())
}

pub(super) fn counted(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

fn style() -> anyhow::Result<ProgressStyle> {
    Ok(ProgressStyle::with_template(
        "{bar:40} {percent} % of {total_bytes}, {eta} left",
    )?)
}

/// A file's format by its name.
fn format_of(path: &Path) -> anyhow::Result<FileFormat> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => Ok(FileFormat::Csv),
        Some("json" | "jsonl" | "ndjson") => Ok(FileFormat::Json),
        _ => bail!(
            "{} does not end in .csv, .json or .jsonl: give --format",
            path.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_determines_its_format() {
        let format = |name: &str| format_of(Path::new(name)).ok();
        assert_eq!(format("prices.CSV"), Some(FileFormat::Csv));
        assert_eq!(format("a/prices.json"), Some(FileFormat::Json));
        assert_eq!(format("prices.jsonl"), Some(FileFormat::Json));
        assert_eq!(format("prices"), None);
        assert_eq!(format("prices.xlsx"), None);
    }
}
