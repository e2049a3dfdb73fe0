//! `vantage seed`: fills empty databases with a demo shop of any size.

use anyhow::bail;
use platform::clock::Clock;

use crate::cli::Seed;
use crate::config::Configuration;
use crate::demo::{self, Databases};
use crate::output;

pub(crate) async fn run(command: Seed) -> anyhow::Result<()> {
    let mut configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.settings.overrides(None),
    )?;
    if let Some(orders) = command.orders {
        configuration.demo.orders = orders;
    }
    let databases = Databases::open(&configuration, command.missing.allowed()).await?;
    let plan = demo::Plan::new(&configuration.demo, &Clock::system());
    if !demo::seed(&databases, &plan).await? {
        bail!(
            "the databases already contain orders: seed another --data directory, or an empty database"
        );
    }
    output::line(&format!(
        "seeded {} orders of {} customers",
        plan.orders,
        plan.customers()
    ))?;
    Ok(())
}
