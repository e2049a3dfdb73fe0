//! `vantage customer export|erase`: the rights of customers to get what is stored of them, and to have it erased.

mod erase;
mod export;
#[cfg(test)]
mod tests;

use anyhow::Context;
use resolvers::id::IdKind;
use uuid::Uuid;

use crate::cli::{Customer, Settings};
use crate::config::Configuration;

pub(crate) async fn run(command: Customer) -> anyhow::Result<()> {
    match command {
        Customer::Export(command) => export::run(&command).await,
        Customer::Erase(command) => erase::run(&command).await,
    }
}

fn parse(customer: &str) -> anyhow::Result<Uuid> {
    let kind = IdKind::Customer;
    kind.parse(customer)
        .with_context(|| format!("{customer} is not an id of the form {}_…", kind.prefix()))
}

fn configuration(settings: &Settings) -> anyhow::Result<Configuration> {
    let configuration = Configuration::load(
        settings.config.as_deref(),
        std::env::vars_os(),
        &settings.overrides(None),
    )?;
    Ok(configuration)
}
