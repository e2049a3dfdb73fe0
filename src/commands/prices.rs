//! `vantage prices import`: changes prices from a file.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use pricing::price_import::{self, FileFormat, ImportOptions, ImportReport, Progress};

use super::rates;
use crate::cli::{Prices, PricesImport};
use crate::output;

pub(crate) async fn run(command: Prices) -> anyhow::Result<()> {
    match command {
        Prices::Import(import) => run_import(import).await,
    }
}

async fn run_import(arguments: PricesImport) -> anyhow::Result<()> {
    let path = &arguments.file;
    let format = match arguments.format {
        Some(format) => format.into(),
        None => format_of(path)?,
    };
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("{shown} cannot be read"))?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let state = rates::open(&arguments.settings).await?;
    let options = ImportOptions {
        format,
        reason: match arguments.reason {
            Some(reason) => reason,
            None => format!("import of {}", name(path)),
        },
        actor: arguments.actor,
        dry_run: arguments.dry_run,
    };
    // Drawn on standard error, and only on a terminal.
    let bar = ProgressBar::new(length).with_style(style()?);
    let mut unprinted = None;
    let mut tell = |progress: Progress<'_>| match progress {
        Progress::Read { bytes } => bar.set_position(bytes),
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
            let printed = bar.suspend(|| output::line(&format!("line {line}: {field}{message}")));
            unprinted = unprinted.take().or(printed.err());
        }
    };
    let imported = price_import::import(&state, file, options, &mut tell).await;
    bar.finish_and_clear();
    let report = imported.with_context(|| format!("{shown} was not imported"))?;
    if let Some(error) = unprinted {
        return Err(error);
    }
    summarize(report, arguments.dry_run)
}

fn summarize(report: ImportReport, dry_run: bool) -> anyhow::Result<()> {
    let ImportReport {
        changes,
        scheduled,
        problems,
    } = report;
    if problems > 0 {
        bail!(
            "nothing was changed: the file has {}",
            counted(problems, "problem")
        );
    }
    if changes == 0 {
        bail!("there are no changes in the file");
    }
    let would = if dry_run { "would be " } else { "" };
    let later = match scheduled {
        0 => String::new(),
        scheduled => format!(", {scheduled} of them later"),
    };
    let changes = counted(changes, "change");
    output::line(&format!("{changes} {would}imported{later}"))
}

fn counted(count: u64, noun: &str) -> String {
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
            "{} does not end in .csv or .json: give --format",
            path.display()
        ),
    }
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_tells_its_format() {
        let format = |name: &str| format_of(Path::new(name)).ok();
        assert_eq!(format("prices.CSV"), Some(FileFormat::Csv));
        assert_eq!(format("a/prices.json"), Some(FileFormat::Json));
        assert_eq!(format("prices.jsonl"), Some(FileFormat::Json));
        assert_eq!(format("prices"), None);
        assert_eq!(format("prices.xlsx"), None);
    }
}
