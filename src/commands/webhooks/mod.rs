//! `vantage webhooks`: registers webhooks in the clients file, and manages what they send.

mod registration;
mod state;

use anyhow::Context;
use platform::clock::Clock;

use crate::cli::{Webhooks, WebhooksSettings};
use crate::config::Configuration;

pub(crate) async fn run(command: Webhooks) -> anyhow::Result<()> {
    match command {
        Webhooks::Add {
            settings,
            client,
            url,
            event,
            all_customers,
            customer,
        } => {
            let customers = (!all_customers).then_some(customer);
            let new = registration::NewWebhook {
                client,
                url,
                events: event,
                customers,
            };
            registration::add(&settings, &new)
        }
        Webhooks::List { settings } => registration::list(&settings),
        Webhooks::RotateSecret { webhook, overlap } => {
            let now = Clock::system().now();
            let until = chrono::TimeDelta::from_std(overlap.get())
                .ok()
                .and_then(|overlap| now.checked_add_signed(overlap))
                .context("--overlap is too long")?;
            registration::rotate(&webhook, now, until)
        }
        Webhooks::Remove { webhook } => registration::remove(&webhook),
        Webhooks::Status { settings } => state::status(&settings).await,
        Webhooks::Resume { webhook } => state::resume(&webhook).await,
        Webhooks::Replay {
            webhook,
            after,
            all: _,
            dead_letters,
        } => state::replay(&webhook, after.as_deref(), dead_letters).await,
        Webhooks::DeadLetters { settings, limit } => state::dead_letters(&settings, limit).await,
    }
}

fn configuration(settings: &WebhooksSettings) -> anyhow::Result<Configuration> {
    let shared = settings.shared();
    let configuration = Configuration::load(
        shared.config.as_deref(),
        std::env::vars_os(),
        &shared.overrides(None),
    )?;
    Ok(configuration)
}
