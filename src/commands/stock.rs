//! `vantage stock set|write-off|import|list`: the ledger of stock.

use std::io::Cursor;

use anyhow::bail;
use orders::stock_import::{self, FileFormat, ImportOptions, ImportReport, Progress};
use platform::clock::Clock;
use platform::database::Database;
use resolvers::id::IdKind;
use serde_json::{Value, json};

use super::file_import::{self, ImportFile, counted};
use crate::cli::{Settings, Stock, StockImport, StockSet, StockWriteOff};
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{self, Domain};
use crate::output;

/// Products that are read at a time.
const BATCH: u64 = 1_000;

pub(crate) async fn run(command: Stock) -> anyhow::Result<()> {
    match command {
        Stock::Set(set) => run_set(set).await,
        Stock::WriteOff(write_off) => run_write_off(write_off).await,
        Stock::Import(import) => run_import(import).await,
        Stock::List { settings } => run_list(&settings).await,
    }
}

async fn open(settings: &Settings) -> anyhow::Result<Database> {
    let configuration = Configuration::load(
        settings.config.as_deref(),
        std::env::vars_os(),
        &settings.overrides(None),
    )?;
    let (database, _) =
        domains::open_database(&configuration, Domain::Orders, Missing::Refuse).await?;
    Ok(database)
}

async fn run_set(arguments: StockSet) -> anyhow::Result<()> {
    let line = json!({ "productId": arguments.product, "quantity": arguments.quantity });
    change_one(
        &arguments.settings,
        &line,
        arguments.reason,
        arguments.actor,
    )
    .await?;
    let units = counted(arguments.quantity.unsigned_abs().into(), "unit");
    output::line(&format!("{} has {units}", arguments.product))
}

async fn run_write_off(arguments: StockWriteOff) -> anyhow::Result<()> {
    let line = json!({ "productId": arguments.product, "writeOff": arguments.quantity });
    change_one(
        &arguments.settings,
        &line,
        arguments.reason,
        arguments.actor,
    )
    .await?;
    let units = counted(arguments.quantity.unsigned_abs().into(), "damaged unit");
    output::line(&format!("{units} of {} written off", arguments.product))
}

/// Changes the stock of one product, as a file with this line would.
async fn change_one(
    settings: &Settings,
    line: &Value,
    reason: String,
    actor: String,
) -> anyhow::Result<()> {
    let database = open(settings).await?;
    let options = ImportOptions {
        format: FileFormat::Json,
        reason,
        actor,
        dry_run: false,
    };
    let mut problems = Vec::new();
    let mut report = |progress: Progress<'_>| {
        if let Progress::Problem { field, message, .. } = progress {
            problems.push(format!("{field}: {message}"));
        }
    };
    let source = Cursor::new(line.to_string());
    let clock = Clock::system();
    stock_import::import(&database, &clock, source, options, &mut report).await?;
    if !problems.is_empty() {
        bail!("{}", problems.join("; "));
    }
    Ok(())
}

async fn run_import(arguments: StockImport) -> anyhow::Result<()> {
    let (mut import, file) = ImportFile::open(&arguments.file, arguments.format)?;
    let database = open(&arguments.settings).await?;
    let options = ImportOptions {
        format: import.format,
        reason: import.reason(arguments.reason),
        actor: arguments.actor,
        dry_run: arguments.dry_run,
    };
    let mut report = |progress: Progress<'_>| import.report(progress);
    let clock = Clock::system();
    let imported = stock_import::import(&database, &clock, file, options, &mut report).await;
    summarize(import.finish(imported)?, arguments.dry_run)
}

fn summarize(report: ImportReport, dry_run: bool) -> anyhow::Result<()> {
    file_import::check(report.problems)?;
    if report.products == 0 {
        bail!("there are no products in the file");
    }
    let would = if dry_run { "would be " } else { "" };
    let products = counted(report.products, "product");
    let changed = report.changed;
    output::line(&format!(
        "stock of {products} {would}imported: {changed} changed"
    ))
}

async fn run_list(settings: &Settings) -> anyhow::Result<()> {
    let database = open(settings).await?;
    let mut after = None;
    output::line("product available damaged changed")?;
    loop {
        let known = stock_import::list(&database, after, BATCH).await?;
        let Some(last) = known.last() else {
            return Ok(());
        };
        after = IdKind::Product.parse(&last.product_id);
        for stock in known {
            let changed = stock.updated_at.format("%Y-%m-%dT%H:%M:%SZ");
            output::line(&format!(
                "{} {} {} {changed}",
                stock.product_id, stock.available, stock.damaged
            ))?;
        }
    }
}
