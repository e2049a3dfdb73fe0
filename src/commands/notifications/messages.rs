//! `vantage notifications list`, `dead-letters`, `requeue`, `preview` and `erase`.

use std::path::Path;

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use entities::notifications::notification::{self, DeliveryStatus, Listed};
use notifications::privacy;
use notifications::templates::{
    EVENTS, EmailDetails, LOCALES, Templates, sample_data, sample_details,
};
use platform::clock::Clock;
use platform::database::Database;
use resolvers::id::IdKind;

use crate::cli::{Channel, MessageStatus, Settings};
use crate::commands::file_import::counted;
use crate::config::Configuration;
use crate::data_directory::Missing;
use crate::domains::{self, Domain};
use crate::output;

pub(super) async fn requeue(settings: &Settings, ids: &[String], all: bool) -> anyhow::Result<()> {
    let ids = ids
        .iter()
        .map(|text| parse(IdKind::Notification, text))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let database = open(&configuration(settings)?).await?;
    let chosen = if all { None } else { Some(ids.as_slice()) };
    let now = Clock::system().now();
    let requeued = notifications::message::requeue(&database, chosen, now).await?;
    let mut told = format!("{} will be sent again", counted(requeued, "message"));
    let others = (ids.len() as u64).saturating_sub(requeued);
    if !all && others > 0 {
        told.push_str(&format!(
            ", {} not among the dead letters",
            counted(others, "id")
        ));
    }
    output::line(&told)
}

pub(super) async fn erase(settings: &Settings, customer: &str) -> anyhow::Result<()> {
    let (id, customer) = (customer, parse(IdKind::Customer, customer)?);
    let database = open(&configuration(settings)?).await?;
    let now = Clock::system().now();
    if !privacy::is_known(&database, customer).await? {
        output::note(&format!(
            "nothing is known of {id}: check that it is the right customer; it is recorded that they were erased"
        ));
    }
    let erased = privacy::erase_customer(&database, customer, now).await?;
    let messages = counted(erased, "message");
    output::line(&format!("erased the customer and the texts of {messages}"))
}

/// Which messages to list.
pub(super) fn listed(
    status: Option<MessageStatus>,
    customer: Option<&str>,
    order: Option<&str>,
) -> anyhow::Result<Listed> {
    Ok(Listed {
        status: status.map(stored),
        customer: id(IdKind::Customer, customer)?,
        order: id(IdKind::Order, order)?,
    })
}

fn configuration(settings: &Settings) -> anyhow::Result<Configuration> {
    let configuration = Configuration::load(
        settings.config.as_deref(),
        std::env::vars_os(),
        &settings.overrides(None),
    )?;
    Ok(configuration)
}

async fn open(configuration: &Configuration) -> anyhow::Result<Database> {
    let opened =
        domains::open_database(configuration, Domain::Notifications, Missing::Refuse).await?;
    Ok(opened.0)
}

fn parse(kind: IdKind, text: &str) -> anyhow::Result<uuid::Uuid> {
    kind.parse(text)
        .with_context(|| format!("{text} is not an id of the form {}_…", kind.prefix()))
}

fn id(kind: IdKind, text: Option<&str>) -> anyhow::Result<Option<uuid::Uuid>> {
    text.map(|text| parse(kind, text)).transpose()
}

const fn stored(status: MessageStatus) -> DeliveryStatus {
    match status {
        MessageStatus::Scheduled => DeliveryStatus::Scheduled,
        MessageStatus::Sent => DeliveryStatus::Sent,
        MessageStatus::Failed => DeliveryStatus::Failed,
        MessageStatus::DeadLettered => DeliveryStatus::DeadLettered,
        MessageStatus::Suppressed => DeliveryStatus::Suppressed,
    }
}

/// A line for each message. What it says is not shown.
pub(super) async fn list(settings: &Settings, listed: &Listed, limit: u64) -> anyhow::Result<()> {
    let database = open(&configuration(settings)?).await?;
    for row in notification::list(database.read(), listed, limit).await? {
        output::line(&line(&row))?;
    }
    Ok(())
}

fn line(row: &notification::Model) -> String {
    let mut line = format!(
        "{} {} {} {} {} {} attempts={}",
        moment(row.created_at),
        IdKind::Notification.format(row.id),
        IdKind::Customer.format(row.customer_id),
        row.channel.as_str(),
        row.template.as_deref().unwrap_or("-"),
        row.status.as_str(),
        row.attempts,
    );
    let details = [
        ("order", row.order_id.map(|id| IdKind::Order.format(id))),
        ("scheduled_for", row.scheduled_for.map(moment)),
        ("sent_at", row.sent_at.map(moment)),
        ("provider", row.provider.clone()),
        ("provider_id", row.provider_id.clone()),
        ("reason", row.reason.clone()),
    ];
    for (name, value) in details {
        if let Some(value) = value {
            line = format!("{line} {name}={value}");
        }
    }
    line
}

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn preview(
    settings: &Settings,
    event: Option<&str>,
    channel: Channel,
    locale: &str,
    file: Option<&Path>,
) -> anyhow::Result<()> {
    let templates = Templates::new(configuration(settings)?.notifications.shop_name)?;
    let Some(event) = event else {
        for event in EVENTS {
            output::line(event)?;
        }
        return Ok(());
    };
    if !EVENTS.contains(&event) {
        bail!(
            "there is no message about {event}; the events are {}",
            EVENTS.join(", ")
        );
    }
    let data = sample_data();
    let details: EmailDetails = sample_details();
    let email = templates.email(event, locale, &data, &details)?;
    if let Some(file) = file {
        std::fs::write(file, &email.html)
            .with_context(|| format!("cannot write {}", file.display()))?;
        return output::line(&format!("wrote {}", file.display()));
    }
    let shown = match channel {
        Channel::Email => format!("{}\n\n{}", email.subject, email.text.trim_end()),
        Channel::Push => {
            let text = templates.text(event, locale, &data)?;
            format!("{}\n{}", text.title, text.body)
        }
        Channel::Sms => templates.sms(event, locale, &data)?,
    };
    output::line(&shown)?;
    if !LOCALES.contains(&locale.split('-').next().unwrap_or(locale)) {
        output::line(&format!(
            "\nThere are no texts in {locale}: shown in English."
        ))?;
    }
    Ok(())
}
