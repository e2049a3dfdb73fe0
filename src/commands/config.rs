//! `vantage config check` validates the configuration; `config schema` describes it to editors.

use std::path::Path;

use anyhow::Context;

use crate::cli::{Config, ConfigCheck};
use crate::config::{Configuration, json_schema};
use crate::output::print;

pub(crate) fn run(command: Config) -> anyhow::Result<()> {
    match command {
        Config::Check(check) => run_check(&check),
        Config::Schema { output } => run_schema(output.as_deref()),
    }
}

/// Prints "ok" and the resulting configuration, with secrets shown as an ellipsis.
fn run_check(check: &ConfigCheck) -> anyhow::Result<()> {
    let configuration = Configuration::load(
        check.settings.config.as_deref(),
        std::env::vars_os(),
        &check.settings.overrides(Some(&check.listen)),
    )?;
    print("ok\n")?;
    print(&platform::yaml::to_string(&configuration)?)
}

fn run_schema(output: Option<&Path>) -> anyhow::Result<()> {
    let schema = json_schema()?;
    match output {
        Some(file) => {
            std::fs::write(file, schema).with_context(|| format!("cannot write {}", file.display()))
        }
        None => print(&schema),
    }
}
