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
    if let Some(products) = command.products {
        configuration.demo.products = products;
    }
    configuration.demo.customers = command.customers.or(configuration.demo.customers);
    let databases = Databases::open(&configuration, command.missing.allowed()).await?;
    let plan = demo::Plan::new(&configuration.demo, &Clock::system());
    let progress = demo::Progress::shown(&plan)?;
    let is_seeded = demo::seed(&databases, &plan, &progress).await;
    let (rows, time) = progress.finish();
    if !is_seeded? {
        bail!(
            "the databases already contain orders: seed another --data directory, or an empty database"
        );
    }
    output::line(&format!(
        "seeded {} orders of {} customers and {} products: {rows} rows in {:.0?}",
        plan.orders, plan.customers, plan.products, time
    ))?;
    Ok(())
}
