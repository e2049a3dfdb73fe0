//! `vantage outbox list|requeue`: events that were given up, and another try for them.

use anyhow::Context;
use platform::clock::Clock;
use platform::outbox;
use uuid::Uuid;

use crate::cli::Outbox;
use crate::config::Configuration;
use crate::domains::{self, Domain};
use crate::output;

pub(crate) async fn run(command: Outbox) -> anyhow::Result<()> {
    match command {
        Outbox::List {
            settings,
            domain,
            limit,
        } => {
            let configuration = Configuration::load(
                settings.config.as_deref(),
                std::env::vars_os(),
                &settings.overrides(None),
            )?;
            let all = Domain::ALL.to_vec();
            for domain in domain.map_or(all, |domain| vec![domain]) {
                let (database, _) = domains::open_database(&configuration, domain).await?;
                for event in outbox::dead_letters(database.read(), limit).await? {
                    output::line(&format!(
                        "{} {} {} {} after {} attempts: {}",
                        domain.name(),
                        event.id,
                        event.event_type,
                        event.aggregate_id,
                        event.attempts,
                        event.last_error.unwrap_or_default()
                    ))?;
                }
            }
            Ok(())
        }
        Outbox::Requeue {
            settings,
            domain,
            events,
            all,
        } => {
            let configuration = Configuration::load(
                settings.config.as_deref(),
                std::env::vars_os(),
                &settings.overrides(None),
            )?;
            let ids = events
                .iter()
                .map(|id| {
                    id.parse()
                        .with_context(|| format!("{id} is not an event's id"))
                })
                .collect::<anyhow::Result<Vec<Uuid>>>()?;
            let (database, _) = domains::open_database(&configuration, domain).await?;
            let chosen = if all { None } else { Some(ids.as_slice()) };
            let requeued = outbox::requeue(database.write(), chosen, Clock::system().now()).await?;
            output::line(&format!("{requeued} events will be delivered again"))?;
            Ok(())
        }
    }
}
