//! `vantage migrate`: migrates the databases to this version.

use crate::cli::Migrate;
use crate::config::Configuration;
use crate::domains::{self, Domain};
use crate::output;

pub(crate) async fn run(command: Migrate) -> anyhow::Result<()> {
    let configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.settings.overrides(None),
    )?;
    let all = Domain::ALL.to_vec();
    for domain in command.domain.map_or(all, |domain| vec![domain]) {
        let (_, steps) =
            domains::open_database(&configuration, domain, command.missing.allowed()).await?;
        output::line(&format!("{}: {steps} migrations applied", domain.name()))?;
    }
    Ok(())
}
