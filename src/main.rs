//! The vantage binary.

mod cli;
mod commands;
mod config;
mod errors;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Config(command) => commands::config::run(command),
        other => Err(anyhow::anyhow!("{other:?} is not wired to its command")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", errors::line(&error));
            ExitCode::FAILURE
        }
    }
}
