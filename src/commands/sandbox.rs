//! `vantage sandbox`: the simulated third parties alone, for subgraphs in processes of their own.

use platform::clock::Clock;

use crate::cli::Sandbox;
use crate::config::Configuration;
use crate::{listener, output, simulators};

pub(crate) async fn run(command: Sandbox) -> anyhow::Result<()> {
    let configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.settings.sandbox_overrides(command.listen),
    )?;
    platform::telemetry::init_log(
        configuration.telemetry.log_format,
        &configuration.telemetry.log_level,
    )?;
    let stop = listener::stopped()?;
    let started = simulators::start(&configuration.sandbox, &Clock::system(), "--listen").await?;
    output::line(&format!(
        "The sandbox is listening on http://{}",
        started.address
    ))?;
    tokio::select! {
        ended = started.serving => ended?,
        () = stop.cancelled() => Ok(()),
    }
}
