//! `vantage prices import`: changes prices from a file.

use anyhow::bail;
use pricing::price_import::{self, ImportOptions, ImportReport};

use super::file_import::{self, ImportFile, counted};
use super::rates;
use crate::cli::{Prices, PricesImport};
use crate::output;

pub(crate) async fn run(command: Prices) -> anyhow::Result<()> {
    match command {
        Prices::Import(import) => run_import(import).await,
    }
}

async fn run_import(arguments: PricesImport) -> anyhow::Result<()> {
    let (mut import, file) = ImportFile::open(&arguments.file, arguments.format)?;
    let state = rates::open(&arguments.settings).await?;
    let options = ImportOptions {
        format: import.format,
        reason: import.reason(arguments.reason),
        actor: arguments.actor,
        dry_run: arguments.dry_run,
    };
    let mut report = |progress: price_import::Progress<'_>| import.report(progress);
    let imported = price_import::import(&state, file, options, &mut report).await;
    summarize(import.finish(imported)?, arguments.dry_run)
}

fn summarize(report: ImportReport, dry_run: bool) -> anyhow::Result<()> {
    let ImportReport {
        changes,
        scheduled,
        problems,
    } = report;
    file_import::check(problems)?;
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
