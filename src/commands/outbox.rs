//! `vantage outbox list|requeue`: lists events that failed or were given up, and retries them.

use anyhow::Context;
use chrono::{DateTime, SecondsFormat, Utc};
use platform::clock::Clock;
use platform::database::Database;
use platform::{inbox, outbox};
use uuid::Uuid;

use crate::cli::Outbox;
use crate::config::Configuration;
use crate::data_directory::Missing;
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
                let (database, _) =
                    domains::open_database(&configuration, domain, Missing::Refuse).await?;
                for letter in failed(&database, limit).await? {
                    output::line(&letter)?;
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
            let (database, _) =
                domains::open_database(&configuration, domain, Missing::Refuse).await?;
            let chosen = if all { None } else { Some(ids.as_slice()) };
            let (db, now) = (database.write(), Clock::system().now());
            let told = outbox::requeue(db, chosen, now).await?;
            let received = inbox::requeue(db, chosen, now).await?;
            let requeued = told + received;
            output::line(&format!("{requeued} events will be delivered again"))?;
            Ok(())
        }
    }
}

/// A line for each event that could not be published or handled: domain, event id, type, aggregate, the side on which
/// it failed, whether it will be retried, and the error.
async fn failed(database: &Database, limit: u64) -> anyhow::Result<Vec<String>> {
    let db = database.read();
    let line = |event: Uuid, kind: &str, aggregate: &str, side: &str, error: Option<String>| {
        let (domain, error) = (database.domain(), error.unwrap_or_default());
        format!("{domain} {event} {kind} {aggregate} {side}: {error}")
    };
    let again = |attempts: i32, at: DateTime<Utc>| {
        let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
        format!("after {attempts} attempts, next attempt at {at}")
    };
    let mut lines = Vec::new();
    for event in outbox::dead_letters(db, limit).await? {
        let side = format!("not published after {} attempts", event.attempts);
        lines.push(line(
            event.id,
            &event.event_type,
            &event.aggregate_id,
            &side,
            event.last_error,
        ));
    }
    for event in outbox::failing(db, limit).await? {
        let side = format!(
            "not published {}",
            again(event.attempts, event.next_attempt_at)
        );
        lines.push(line(
            event.id,
            &event.event_type,
            &event.aggregate_id,
            &side,
            event.last_error,
        ));
    }
    for delivery in inbox::dead_letters(db, limit).await? {
        let (consumer, attempts) = (&delivery.consumer, delivery.attempts);
        let side = format!("not handled by {consumer} after {attempts} attempts");
        lines.push(line(
            delivery.event_id,
            &delivery.event_type,
            &delivery.aggregate_id,
            &side,
            delivery.last_error,
        ));
    }
    for delivery in inbox::failing(db, limit).await? {
        let consumer = &delivery.consumer;
        let again = again(delivery.attempts, delivery.next_attempt_at);
        lines.push(line(
            delivery.event_id,
            &delivery.event_type,
            &delivery.aggregate_id,
            &format!("not handled by {consumer} {again}"),
            delivery.last_error,
        ));
    }
    Ok(lines)
}
