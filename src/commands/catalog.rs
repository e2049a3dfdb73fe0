//! `vantage catalog import`: adds, changes and removes products from a file.

use anyhow::bail;
use platform::clock::Clock;
use search::catalog_import::{self, ImportOptions, ImportReport, Progress};

use super::file_import::{self, ImportFile, counted};
use crate::cli::{Catalog, CatalogImport};
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{self, Domain};
use crate::output;

pub(crate) async fn run(command: Catalog) -> anyhow::Result<()> {
    match command {
        Catalog::Import(import) => run_import(import).await,
    }
}

async fn run_import(arguments: CatalogImport) -> anyhow::Result<()> {
    let (mut import, file) = ImportFile::open(&arguments.file, arguments.format)?;
    let configuration = Configuration::load(
        arguments.settings.config.as_deref(),
        std::env::vars_os(),
        &arguments.settings.overrides(None),
    )?;
    let (database, _) =
        domains::open_database(&configuration, Domain::Search, Missing::Refuse).await?;
    let options = ImportOptions {
        format: import.format,
        dry_run: arguments.dry_run,
        prune: arguments.prune.then_some(arguments.prune_limit),
    };
    let mut report = |progress: Progress<'_>| import.report(progress);
    let clock = Clock::system();
    let imported = catalog_import::import(&database, &clock, file, options, &mut report).await;
    summarize(import.finish(imported)?, arguments.dry_run)
}

fn summarize(report: ImportReport, dry_run: bool) -> anyhow::Result<()> {
    file_import::check(report.problems)?;
    if report.products == 0 {
        bail!("there are no products in the file");
    }
    let would = if dry_run { "would be " } else { "" };
    let mut parts = vec![
        format!("{} new", report.created),
        format!("{} changed", report.updated),
        format!("{} unchanged", report.unchanged),
    ];
    if report.deleted > 0 {
        parts.push(format!("{} removed", report.deleted));
    }
    let products = counted(report.products, "product");
    output::line(&format!("{products} {would}imported: {}", parts.join(", ")))?;
    if report.pruned > 0 {
        let pruned = counted(report.pruned, "product");
        output::line(&format!(
            "{pruned} that the file does not name {would}removed"
        ))?;
    }
    if report.unused_prices > 0 {
        let prices = counted(report.unused_prices, "base price");
        output::line(&format!(
            "{prices} not imported: prices of products that are there are changed by `vantage prices import`"
        ))?;
    }
    if report.unused_quantities > 0 {
        let quantities = counted(report.unused_quantities, "quantity");
        output::line(&format!(
            "{quantities} not imported: stock of products that are there is changed by `vantage stock import`"
        ))?;
    }
    Ok(())
}
