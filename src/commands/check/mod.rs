//! `vantage check`: whether the databases contradict themselves or each other. It only reads, a page at a time.
//!
//! Exit codes: 0 if nothing is wrong, 1 if there are violations, 2 if it could not look.

mod refunds;
mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, bail};
use platform::clock::Clock;
use platform::invariants::Inspection;

use self::report::Report;
use crate::cli::Check;
use crate::config::Configuration;
use crate::domains::{self, Domain};
use crate::{error_line, output};

/// It could not look.
const NOT_CHECKED: u8 = 2;

pub(crate) async fn run(command: Check) -> ExitCode {
    match check(&command).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            output::error(&error_line::one_line(&error));
            ExitCode::from(NOT_CHECKED)
        }
    }
}

/// Checks the databases, and returns how many violations there are.
async fn check(command: &Check) -> anyhow::Result<u64> {
    let configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.settings.overrides(None),
    )?;
    let mut report = Report::new(command.json)?;
    let chosen = command.domain.map_or(Domain::ALL.to_vec(), |one| vec![one]);
    let mut databases = BTreeMap::new();
    for domain in chosen {
        match domains::open_read_only(&configuration, domain).await? {
            Some(database) => drop(databases.insert(domain, database)),
            None => report.skip(
                domain.name(),
                "its database is not here: check it where its process runs",
            ),
        }
    }
    if databases.is_empty() {
        bail!("none of the databases is here: use the settings of a process that serves a domain");
    }
    let now = Clock::system().now();
    for (domain, database) in &databases {
        report.begin(domain.name());
        let mut add = |progress| report.add(progress);
        let mut inspection = Inspection::new(database, now, &mut add);
        let checked = domain.check(&mut inspection).await;
        checked.with_context(|| format!("the {} database cannot be read", domain.name()))?;
    }
    let orders = databases.get(&Domain::Orders);
    match orders.zip(databases.get(&Domain::Returns)) {
        Some((orders, returns)) => {
            report.begin("returns of orders");
            let mut add = |progress| report.add(progress);
            let checked = refunds::check(orders, returns, &mut add).await;
            checked.context("the databases of orders and returns cannot be read")?;
        }
        None => report.skip(
            "returns of orders",
            "the databases of orders and returns are needed for it, and not both are checked",
        ),
    }
    for database in databases.values() {
        database.close().await;
    }
    report.finish()
}
