//! How far webhooks have got, and sending events again.

use std::collections::HashMap;

use anyhow::{Context, bail};
use entities::notifications::{partner_event, webhook_dead_letter, webhook_endpoint};
use notifications::{DeliverWebhooks, Partners, endpoint_id};
use platform::clock::Clock;
use platform::database::Database;
use platform::tasks;
use resolvers::id::{format_event, parse_event};
use sea_orm::ConnectionTrait;

use super::configuration;
use super::registration::{find, moment};
use crate::cli::{Webhook, WebhooksSettings};
use crate::clients_file::ClientsFile;
use crate::data_directory::Missing;
use crate::domains::{self, Domain};
use crate::{output, partners};

pub(super) async fn status(settings: &WebhooksSettings) -> anyhow::Result<()> {
    let database = open(settings).await?;
    let file = ClientsFile::open(&settings.file)?;
    let registered = Partners::default();
    registered.replace(partners::read(file.shown(), file.text())?);
    let rows = webhook_endpoint::all(database.read()).await?;
    let rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    for endpoint in registered.endpoints() {
        let name = format!("{}/{}", endpoint.client, endpoint.subscription.id);
        let Some(row) = rows.get(&endpoint.id) else {
            output::line(&format!("{name} waits for its first event"))?;
            continue;
        };
        let filters = std::slice::from_ref(&endpoint.filter);
        let (read, all) = (database.read(), i64::MAX);
        let waiting = partner_event::count_between(read, filters, row.position, all).await?;
        let letters = webhook_dead_letter::count(database.read(), row.id).await?;
        output::line(&format!(
            "{name} {} waiting={waiting} dead_letters={letters}",
            condition(row),
        ))?;
    }
    Ok(())
}

fn condition(row: &webhook_endpoint::Model) -> String {
    let error = row.last_error.as_deref().unwrap_or_default();
    match (row.disabled_at, row.failing_since, row.next_attempt_at) {
        (Some(at), _, _) => format!("disabled since {}: {error};", moment(at)),
        (None, Some(since), Some(next)) => format!(
            "failing since {}, after {} attempts next at {}: {error};",
            moment(since),
            row.attempts,
            moment(next),
        ),
        (None, Some(since), None) => format!("failing since {}: {error};", moment(since)),
        (None, None, _) => "working".to_owned(),
    }
}

pub(super) async fn dead_letters(settings: &WebhooksSettings, limit: u64) -> anyhow::Result<()> {
    let database = open(settings).await?;
    let db = database.read();
    let rows = webhook_endpoint::all(db).await?;
    let names: HashMap<_, _> = rows
        .into_iter()
        .map(|row| (row.id, format!("{}/{}", row.client, row.webhook)))
        .collect();
    for letter in webhook_dead_letter::list(db, None, limit).await? {
        let event = partner_event::at(db, letter.position).await?;
        let (event_type, object) = event.map_or_else(
            || ("-".to_owned(), "-".to_owned()),
            |event| (event.event_type, event.object_id),
        );
        let name = names.get(&letter.endpoint_id).map_or("-", String::as_str);
        let requeued = if letter.requeued_at.is_some() {
            ", to be sent again"
        } else {
            ""
        };
        output::line(&format!(
            "{name} {} {event_type} {object} given up at {} after {} attempts{requeued}: {}",
            format_event(letter.event_id),
            moment(letter.dead_lettered_at),
            letter.attempts,
            letter.error,
        ))?;
    }
    Ok(())
}

pub(super) async fn resume(which: &Webhook) -> anyhow::Result<()> {
    let database = open_registered(which).await?;
    let transaction = database.begin().await?;
    let id = endpoint_id(&which.client, &which.webhook);
    if !webhook_endpoint::resume(&transaction, id, None).await? {
        bail!(
            "{}/{} has had no event yet: there is nothing to resume",
            which.client,
            which.webhook
        );
    }
    wake(&transaction, which).await?;
    transaction.commit().await?;
    output::line(&format!("{}/{} is resumed", which.client, which.webhook))
}

/// Sends events again: those after one, those given up, or all.
pub(super) async fn replay(
    which: &Webhook,
    after: Option<&str>,
    dead_letters: bool,
) -> anyhow::Result<()> {
    let database = open_registered(which).await?;
    let position = match after {
        None => 0,
        Some(after) => position(&database, after).await?,
    };
    let (now, id) = (
        Clock::system().now(),
        endpoint_id(&which.client, &which.webhook),
    );
    let transaction = database.begin().await?;
    if dead_letters {
        webhook_dead_letter::requeue(&transaction, id, now).await?;
        webhook_endpoint::resume(&transaction, id, None).await?;
    } else {
        let start = webhook_endpoint::NewEndpoint {
            id,
            client: &which.client,
            webhook: &which.webhook,
            position,
        };
        webhook_endpoint::start(&transaction, start, now).await?;
        webhook_endpoint::resume(&transaction, id, Some(position)).await?;
    }
    wake(&transaction, which).await?;
    transaction.commit().await?;
    let what = match (dead_letters, after) {
        (true, _) => "events that were given up".to_owned(),
        (false, Some(after)) => format!("events after {after}"),
        (false, None) => "all events".to_owned(),
    };
    output::line(&format!(
        "{}/{} sends {what} again",
        which.client, which.webhook
    ))
}

async fn position(database: &Database, event: &str) -> anyhow::Result<i64> {
    let id = parse_event(event).with_context(|| format!("{event} is not an event's id: evt_…"))?;
    let row = partner_event::by_event(database.read(), id).await?;
    let row = row.with_context(|| {
        format!("there is no event {event}, or it is no longer kept (webhooks.retention)")
    })?;
    Ok(row.position)
}

/// Has the server look at the webhook.
async fn wake(db: &impl ConnectionTrait, which: &Webhook) -> anyhow::Result<()> {
    let now = Clock::system().now();
    let task = DeliverWebhooks {
        client: which.client.clone(),
        webhook: which.webhook.clone(),
    };
    tasks::enqueue(db, &task, now, now).await?;
    Ok(())
}

/// The database, if the webhook is registered.
async fn open_registered(which: &Webhook) -> anyhow::Result<Database> {
    find(&ClientsFile::open(&which.settings.file)?, which)?;
    open(&which.settings).await
}

async fn open(settings: &WebhooksSettings) -> anyhow::Result<Database> {
    let configuration = configuration(settings)?;
    let (database, _) =
        domains::open_database(&configuration, Domain::Notifications, Missing::Refuse).await?;
    Ok(database)
}
