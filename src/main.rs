//! The vantage binary: a router and six domain subgraphs, in one process or many.

mod cli;
mod clients_file;
mod commands;
mod config;
mod data_directory;
mod demo;
mod domains;
mod entity_cache;
#[cfg(test)]
mod error_codes;
mod error_line;
mod graph;
mod keys;
mod lifecycle;
mod listener;
mod mcp;
mod memory;
mod messages;
mod metrics;
mod nodes;
mod output;
mod partners;
mod pictures;
mod playground;
mod rest;
mod sandbox_server;
mod schema_report;
mod serving;
mod subgraph_server;
mod workers;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, Deals};

// Rows are allocated on the databases' threads and freed on the runtime's; glibc's allocator would make these threads
// contend.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error_line::one_line(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    if let Command::Config(command) = command {
        commands::config::run(command)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Check(command) => return Ok(commands::check::run(command).await),
            Command::Objects(command) => return Ok(commands::objects::run(command).await),
            Command::Load(command) => return Ok(commands::load::run(*command).await),
            Command::Sandbox(command) => commands::sandbox::run(command).await,
            Command::Serve(command) => commands::serve::run(command).await,
            Command::Subgraph(command) => commands::subgraph::run(command).await,
            Command::Router(command) => commands::router::run(command).await,
            Command::Compose(command) => commands::compose::run(&command).await,
            Command::Anonymize(command) => commands::anonymize::run(&command),
            Command::Schema(command) => commands::schema::run(command).await,
            Command::Client(command) => commands::client::run(command),
            Command::Webhooks(command) => commands::webhooks::run(command).await,
            Command::Operations(command) => commands::operations::run(command).await,
            Command::Migrate(command) => commands::migrate::run(command).await,
            Command::Seed(command) => commands::seed::run(command).await,
            Command::Token(command) => commands::token::run(command).await,
            Command::Outbox(command) => commands::outbox::run(command).await,
            Command::Tasks(command) => commands::tasks::run(command).await,
            Command::Catalog(command) => commands::catalog::run(command).await,
            Command::Customer(command) => commands::customer::run(command).await,
            Command::Search(command) => commands::search::run(command).await,
            Command::Notifications(command) => commands::notifications::run(command).await,
            Command::Deals(Deals::Schedule(command)) => commands::deals::run(command).await,
            Command::Deals(Deals::SetupQueue(command)) => {
                return Ok(commands::deals_queue::run(&command).await);
            }
            Command::Prices(command) => commands::prices::run(command).await,
            Command::Stock(command) => commands::stock::run(command).await,
            Command::Rates(command) => commands::rates::run(command).await,
            Command::Backup(command) => commands::backup::back_up(command).await,
            Command::Restore(command) => commands::backup::restore(command).await,
            Command::Config(command) => commands::config::run(command),
        }?;
        Ok(ExitCode::SUCCESS)
    })
}
