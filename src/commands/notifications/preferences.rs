//! `vantage notifications migrate-preferences` and `repair-preferences`.

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use notifications::legacy_file::{self, LegacyReport, LegacyRun, Progress};
use notifications::preference_migration::{self, MigrationProgress, Pace};
use platform::clock::Clock;
use platform::database::Database;
use resolvers::id::IdKind;

use crate::cli::{MigratePreferences, PaceArguments, RepairPreferences, Settings};
use crate::commands::file_import::{self, RereadFile, counted};
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{self, Domain};
use crate::output;

pub(super) async fn migrate(arguments: MigratePreferences) -> anyhow::Result<()> {
    let path = arguments.file.as_deref();
    let file = path.map(|path| RereadFile::open(path, arguments.format));
    let file = file.transpose()?;
    let database = open(&arguments.settings).await?;
    if let Some(file) = &file {
        let checked = load(LegacyRun::Check(&database), file).await?;
        file_import::check(checked.problems)?;
        if arguments.dry_run {
            return output::line(&would_be_migrated(&checked));
        }
        let loaded = load(LegacyRun::Load(&database), file).await?;
        let all = |report: &LegacyReport| report.customers + report.erased;
        file.check_same(all(&checked), all(&loaded))?;
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

fn would_be_migrated(checked: &LegacyReport) -> String {
    let mut told = format!(
        "{} would be migrated",
        counted(checked.customers, "customer")
    );
    if checked.erased > 0 {
        told.push_str(&format!(", {} left out as erased", checked.erased));
    }
    told
}

async fn load(run: LegacyRun<'_>, file: &RereadFile<'_>) -> anyhow::Result<LegacyReport> {
    let (mut import, file) = file.read()?;
    let format = import.format;
    let mut report = |progress: Progress<'_>| import.report(progress);
    let loaded = legacy_file::load(run, file, format, &mut report).await;
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
