//! Webhooks in the clients file. Secrets are derived from the ids that the file has, and are not stored.

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use notifications::Partner;
use platform::config::Secret;
use rand::RngExt;
use serde_json::{Value, json};
use url::Url;

use super::configuration;
use crate::cli::{Webhook, WebhooksSettings};
use crate::clients_file::{ClientsFile, Edit};
use crate::{keys, output, partners};

const KEY: &str = "webhooks";

/// A webhook to register.
pub(super) struct NewWebhook {
    pub(super) client: String,
    pub(super) url: Url,
    pub(super) events: Vec<String>,
    /// `None`: all.
    pub(super) customers: Option<Vec<String>>,
}

pub(super) fn add(settings: &WebhooksSettings, new: &NewWebhook) -> anyhow::Result<()> {
    let configuration = configuration(settings)?;
    let delivery = partners::delivery(&configuration)?;
    let allowed = delivery.sender.check_url(&new.url);
    allowed.with_context(|| format!("webhooks cannot be sent to {}", new.url))?;
    let mut file = ClientsFile::open(&settings.file)?;
    let (id, secret) = (random_id("wh"), random_id("sec"));
    let mut webhook = json!({ "id": id, "url": new.url });
    if !new.events.is_empty() {
        webhook["events"] = json!(new.events);
    }
    webhook["customers"] = match &new.customers {
        None => json!("all"),
        Some(ids) => json!(ids),
    };
    webhook["secrets"] = json!([{ "id": secret }]);
    let client = new.client.as_str();
    check(&file, client, &webhook)?;
    file.edit(&Edit::Append {
        client,
        key: KEY,
        item: &flow(&webhook),
    })?;
    let secret = delivery.signing_key.secret(client, &id, &secret);
    show(client, &id, &secret.expose())
}

/// Checks the new webhook together with its client's scopes.
fn check(file: &ClientsFile, client: &str, webhook: &Value) -> anyhow::Result<()> {
    let scopes = file.list(client, "scopes")?;
    let alone = json!({
        "clients": [{ "name": client, "scopes": scopes, KEY: [webhook] }],
    });
    let partners = partners::read(file.shown(), &alone.to_string())?;
    let mut problems = partners.iter().flat_map(Partner::problems);
    problems
        .next()
        .map_or(Ok(()), |problem| Err(problem.into()))
}

pub(super) fn list(settings: &WebhooksSettings) -> anyhow::Result<()> {
    let file = ClientsFile::open(&settings.file)?;
    for partner in partners::read(file.shown(), file.text())? {
        for webhook in &partner.webhooks {
            let list = |texts: Vec<&str>| match texts.as_slice() {
                [] => "all".to_owned(),
                texts => texts.join(","),
            };
            let events = list(webhook.events.iter().map(String::as_str).collect());
            let customers = match &webhook.customers {
                platform::webhooks::Customers::All => "all".to_owned(),
                platform::webhooks::Customers::Some(ids) => {
                    list(ids.iter().map(String::as_str).collect())
                }
            };
            let secrets = webhook.secrets.iter().map(|secret| match secret.until {
                None => secret.id.clone(),
                Some(until) => format!("{} until {}", secret.id, moment(until)),
            });
            let secrets = secrets.collect::<Vec<_>>().join(", ");
            output::line(&format!(
                "{} {} url={} events={events} customers={customers} secrets={secrets}",
                partner.client, webhook.id, webhook.url,
            ))?;
        }
    }
    Ok(())
}

/// Adds a secret in addition to the existing ones, which sign until then.
pub(super) fn rotate(
    which: &Webhook,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> anyhow::Result<()> {
    let signing_key = keys::partner_webhooks(&configuration(&which.settings)?)?;
    let mut file = ClientsFile::open(&which.settings.file)?;
    let (index, mut webhook) = find(&file, which)?;
    let new = random_id("sec");
    let secrets = webhook["secrets"].as_array_mut();
    let secrets = secrets.context("it has no secrets")?;
    let ends = |secret: &Value| -> Option<DateTime<Utc>> { secret["until"].as_str()?.parse().ok() };
    secrets.retain(|secret| ends(secret).is_none_or(|end| now < end));
    for secret in secrets.iter_mut() {
        if ends(secret).is_none_or(|end| until < end) {
            secret["until"] = json!(moment(until));
        }
    }
    secrets.push(json!({ "id": new }));
    file.edit(&Edit::Replace {
        client: &which.client,
        key: KEY,
        index,
        item: &flow(&webhook),
    })?;
    let secret = signing_key.secret(&which.client, &which.webhook, &new);
    show(&which.client, &which.webhook, &secret.expose())?;
    output::line(&format!(
        "The old secret keeps signing until {}",
        moment(until)
    ))
}

pub(super) fn remove(which: &Webhook) -> anyhow::Result<()> {
    let mut file = ClientsFile::open(&which.settings.file)?;
    let (index, _) = find(&file, which)?;
    file.edit(&Edit::Remove {
        client: &which.client,
        key: KEY,
        index,
    })?;
    output::line(&format!("removed {}/{}", which.client, which.webhook))
}

/// The webhook and its place in its client's list.
pub(super) fn find(file: &ClientsFile, which: &Webhook) -> anyhow::Result<(usize, Value)> {
    let (client, id) = (&which.client, &which.webhook);
    let webhooks = file.list(client, KEY)?.into_iter().enumerate();
    let mut webhooks = webhooks.filter(|(_, webhook)| webhook["id"] == id.as_str());
    match webhooks.next() {
        Some(found) => Ok(found),
        None => {
            bail!("client `{client}` has no webhook `{id}`: `vantage webhooks list` shows them")
        }
    }
}

fn show(client: &str, webhook: &str, secret: &Secret) -> anyhow::Result<()> {
    output::line(&format!(
        "The secret of {client}'s webhook {webhook}. It is shown only once:\n{}",
        secret.expose()
    ))
}

/// Random, so that no id is used twice. Not secret.
fn random_id(kind: &str) -> String {
    format!("{kind}_{:016x}", rand::rng().random::<u64>())
}

pub(super) fn moment(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A value as YAML in one line, with quotes where they are necessary.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{name}: {}", flow(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            let items = items.iter().map(flow);
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        Value::String(text) if is_plain(text) => text.clone(),
        // JSON is YAML.
        other => other.to_string(),
    }
}

/// Whether a text is the same string without quotes.
fn is_plain(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let is_word = |byte: u8| is_letter(byte) || byte.is_ascii_digit() || byte == b'.';
    text.bytes().next().is_some_and(is_letter)
        && text.bytes().all(is_word)
        && !matches!(
            text,
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        )
}
