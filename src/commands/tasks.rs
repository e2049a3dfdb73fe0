//! `vantage tasks list|retry|discard`: manages tasks that failed or were given up.

use anyhow::Context;
use chrono::SecondsFormat;
use platform::clock::Clock;
use platform::database::Database;
use platform::tables::task;
use platform::tasks;

use crate::cli::{Settings, Tasks};
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{self, Domain};
use crate::output;

pub(crate) async fn run(command: Tasks) -> anyhow::Result<()> {
    match command {
        Tasks::List {
            settings,
            domain,
            all,
            limit,
        } => {
            let domains = domain.map_or(Domain::ALL.to_vec(), |domain| vec![domain]);
            for domain in domains {
                let database = open(&settings, domain).await?;
                for row in tasks::list(database.read(), all, limit).await? {
                    output::line(&line(domain, &row))?;
                }
            }
            Ok(())
        }
        Tasks::Retry {
            settings,
            domain,
            tasks,
            all,
        } => {
            let database = open(&settings, domain).await?;
            let (db, now) = (database.write(), Clock::system().now());
            let mut retried = 0;
            if all {
                retried += tasks::retry(db, None, now).await?;
            }
            for name in &tasks {
                retried += tasks::retry(db, Some(parts(name)?), now).await?;
            }
            output::line(&format!("{retried} tasks will be retried"))?;
            Ok(())
        }
        Tasks::Discard {
            settings,
            domain,
            tasks,
        } => {
            let database = open(&settings, domain).await?;
            let (db, now) = (database.write(), Clock::system().now());
            let mut discarded = 0;
            for name in &tasks {
                let (kind, subject) = parts(name)?;
                discarded += u64::from(tasks::discard(db, kind, subject, now).await?);
            }
            output::line(&format!("{discarded} tasks discarded"))?;
            Ok(())
        }
    }
}

async fn open(settings: &Settings, domain: Domain) -> anyhow::Result<Database> {
    let configuration = Configuration::load(
        settings.config.as_deref(),
        std::env::vars_os(),
        &settings.overrides(None),
    )?;
    let (database, _) = domains::open_database(&configuration, domain, Missing::Refuse).await?;
    Ok(database)
}

/// A task's name as listed: its kind and the id of its subject.
fn parts(name: &str) -> anyhow::Result<(&str, &str)> {
    name.split_once('/').with_context(|| {
        format!("{name} is not a task: write it as KIND/ID, as shown by `tasks list`")
    })
}

/// The domain, the task's name, its state, and the last error.
fn line(domain: Domain, row: &task::Model) -> String {
    let name = format!("{} {}/{}", domain.name(), row.kind, row.subject);
    let due = row.due_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let attempts = row.attempts;
    let error = row.last_error.as_deref().unwrap_or_default();
    match (row.dead_lettered_at, &row.last_error) {
        (Some(_), _) => format!("{name} given up after {attempts} attempts: {error}"),
        (None, Some(_)) => {
            format!("{name} failed after {attempts} attempts, next attempt at {due}: {error}")
        }
        (None, None) => format!("{name} due at {due}"),
    }
}
