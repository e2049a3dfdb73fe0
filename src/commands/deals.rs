//! `vantage deals schedule`: schedules the deals of a file.

use anyhow::bail;
use notifications::deals::{self, DealReport, Progress};
use platform::clock::Clock;
use platform::database::Database;

use super::file_import::{self, ImportFile, counted};
use crate::cli::{Deals, DealsSchedule};
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{self, Domain};
use crate::output;

pub(crate) async fn run(command: Deals) -> anyhow::Result<()> {
    match command {
        Deals::Schedule(schedule) => run_schedule(schedule).await,
    }
}

async fn run_schedule(arguments: DealsSchedule) -> anyhow::Result<()> {
    let configuration = Configuration::load(
        arguments.settings.config.as_deref(),
        std::env::vars_os(),
        &arguments.settings.overrides(None),
    )?;
    let (database, _) =
        domains::open_database(&configuration, Domain::Notifications, Missing::Refuse).await?;
    let checked = read(None, &arguments).await?;
    file_import::check(checked.problems)?;
    if checked.deals == 0 {
        bail!("there are no deals in the file");
    }
    if arguments.dry_run {
        let deals = counted(checked.deals, "deal");
        return output::line(&format!("{deals} would be scheduled"));
    }
    let scheduled = read(Some(&database), &arguments).await?.scheduled;
    let mut told = format!("{} scheduled", counted(scheduled.scheduled, "deal"));
    if scheduled.suppressed > 0 {
        let suppressed = scheduled.suppressed;
        told.push_str(&format!(", {suppressed} not wanted by their customers"));
    }
    if scheduled.known > 0 {
        told.push_str(&format!(", {} scheduled before", scheduled.known));
    }
    output::line(&told)
}

/// Reads the file; schedules its deals if there is a database.
async fn read(
    database: Option<&Database>,
    arguments: &DealsSchedule,
) -> anyhow::Result<DealReport> {
    let (mut import, file) = ImportFile::open(&arguments.file, arguments.format)?;
    let (clock, format) = (Clock::system(), import.format);
    let mut report = |progress: Progress<'_>| import.report(progress);
    let read = deals::schedule_file(database, &clock, file, format, &mut report).await;
    import.finish(read)
}
