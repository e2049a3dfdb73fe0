//! `vantage deals schedule`: schedules the deals of a file.

use anyhow::bail;
use notifications::deals::{self, DealReport, DealRun, Progress, Scheduled};
use platform::clock::Clock;

use super::file_import::{self, RereadFile, counted};
use crate::cli::DealsSchedule;
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{self, Domain};
use crate::output;

pub(crate) async fn run(arguments: DealsSchedule) -> anyhow::Result<()> {
    let configuration = Configuration::load(
        arguments.settings.config.as_deref(),
        std::env::vars_os(),
        &arguments.settings.overrides(None),
    )?;
    let file = RereadFile::open(&arguments.file, arguments.format)?;
    let (database, _) =
        domains::open_database(&configuration, Domain::Notifications, Missing::Refuse).await?;
    let checked = read(DealRun::Check, &file).await?;
    file_import::check(checked.problems)?;
    if checked.deals == 0 {
        bail!("there are no deals in the file");
    }
    let (run, done) = if arguments.dry_run {
        (DealRun::DryRun(&database), "would be scheduled")
    } else {
        (DealRun::Schedule(&database), "scheduled")
    };
    let report = read(run, &file).await?;
    file.check_same(checked.deals, report.deals)?;
    output::line(&summary(report.scheduled, done))
}

/// What became of the deals, or would.
fn summary(scheduled: Scheduled, done: &str) -> String {
    let mut told = format!("{} {done}", counted(scheduled.scheduled, "deal"));
    for (count, what) in [
        (scheduled.suppressed, "not wanted by their customers"),
        (scheduled.quiet_hours, "within their customers' quiet hours"),
        (scheduled.unknown_customer, "of unknown customers"),
        (scheduled.known, "scheduled before"),
    ] {
        if count > 0 {
            told.push_str(&format!(", {count} {what}"));
        }
    }
    told
}

/// Reads the file.
async fn read(run: DealRun<'_>, file: &RereadFile<'_>) -> anyhow::Result<DealReport> {
    let (mut import, file) = file.read()?;
    let (clock, format) = (Clock::system(), import.format);
    let mut report = |progress: Progress<'_>| import.report(progress);
    let read = deals::schedule_file(run, &clock, file, format, &mut report).await;
    import.finish(read)
}
