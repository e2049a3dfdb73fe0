//! `vantage sandbox`: only the simulated third parties, for subgraphs in other processes.

use std::time::Duration;

use platform::clock::Clock;
use platform::supervisor::Supervisor;

use crate::cli::Sandbox;
use crate::config::Configuration;
use crate::workers::SHUTDOWN_PATIENCE;
use crate::{lifecycle, output, sandbox_server};

pub(crate) async fn run(command: Sandbox) -> anyhow::Result<()> {
    let configuration = Configuration::load(
        command.settings.config.as_deref(),
        std::env::vars_os(),
        &command.settings.sandbox_overrides(command.listen),
    )?;
    let _log = configuration.telemetry.start_log()?;
    let shutdown = lifecycle::shutdown_on_signal(Duration::ZERO)?;
    let supervisor = Supervisor::new();
    let clock = Clock::system();
    let started =
        sandbox_server::start(&configuration.sandbox, &clock, "--listen", &supervisor).await?;
    output::announce(&format!(
        "The sandbox is listening on http://{}",
        started.address
    ));
    output::announce(&format!(
        "Its mail server is listening on smtp://{}, and emails are shown at http://{}/mail",
        started.mail_address, started.address
    ));
    shutdown.begun.cancelled().await;
    supervisor.shutdown(SHUTDOWN_PATIENCE).await;
    Ok(())
}
