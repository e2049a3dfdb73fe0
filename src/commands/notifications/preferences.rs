//! `vantage notifications migrate-preferences` and `repair-preferences`.

use std::path::Path;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use notifications::legacy_file::{self, LegacyReport, Progress};
use notifications::preference_migration::{self, MigrationProgress, Pace};
use platform::clock::Clock;
use platform::database::Database;
use resolvers::id::IdKind;

use crate::cli::{
    FileFormatArgument, MigratePreferences, PaceArguments, RepairPreferences, Settings,
};
use crate::commands::file_import::{self, ImportFile, counted};
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{self, Domain};
use crate::output;

pub(super) async fn migrate(arguments: MigratePreferences) -> anyhow::Result<()> {
    let database = open(&arguments.settings).await?;
    if let Some(path) = &arguments.file {
        let report = load(None, path, arguments.format).await?;
        file_import::check(report.problems)?;
        if arguments.dry_run {
            let customers = counted(report.customers, "customer");
            return output::line(&format!("{customers} would be migrated"));
        }
        load(Some(&database), path, arguments.format).await?;
    }
    migrate_all(&database, arguments.pace, "migrated").await
}

pub(super) async fn repair(arguments: RepairPreferences) -> anyhow::Result<()> {
    let database = open(&arguments.settings).await?;
    if arguments.customers.all {
        return migrate_all(&database, arguments.pace, "repaired").await;
    }
    let mut repaired = 0;
    for id in &arguments.customers.customers {
        let customer = IdKind::Customer
            .parse(id)
            .with_context(|| format!("{id:?} is no customer's id"))?;
        if preference_migration::repair(&database, &Clock::system(), customer).await? {
            repaired += 1;
        } else {
            output::line(&format!("{id} has no legacy preferences"))?;
        }
    }
    output::line(&format!("{} repaired", counted(repaired, "customer")))
}

async fn migrate_all(database: &Database, pace: PaceArguments, done: &str) -> anyhow::Result<()> {
    let pace = Pace {
        batch: pace.batch,
        pause: pace.pause.get(),
    };
    let style = "{bar:40} {pos} of {len} customers, {eta} left";
    // Drawn on standard error, and only on a terminal.
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(style)?);
    let mut tell = |progress: MigrationProgress| {
        bar.set_length(progress.total);
        bar.set_position(progress.migrated);
    };
    let clock = Clock::system();
    let migrated = preference_migration::migrate_all(database, &clock, pace, &mut tell).await;
    bar.finish_and_clear();
    let migrated = migrated.context("the migration was interrupted; the same command goes on")?;
    output::line(&format!(
        "{} {done}",
        counted(migrated.migrated, "customer")
    ))
}

async fn load(
    database: Option<&Database>,
    path: &Path,
    format: Option<FileFormatArgument>,
) -> anyhow::Result<LegacyReport> {
    let (mut import, file) = ImportFile::open(path, format)?;
    let format = import.format;
    let mut report = |progress: Progress<'_>| import.report(progress);
    let loaded = legacy_file::load(database, file, format, &mut report).await;
    import.finish(loaded)
}

async fn open(settings: &Settings) -> anyhow::Result<Database> {
    let configuration = Configuration::load(
        settings.config.as_deref(),
        std::env::vars_os(),
        &settings.overrides(None),
    )?;
    let opened =
        domains::open_database(&configuration, Domain::Notifications, Missing::Refuse).await?;
    Ok(opened.0)
}
