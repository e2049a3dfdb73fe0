//! Partners' webhooks: read from the clients file, which is reloaded when it changes, and sent as configured.

use std::path::{Path, PathBuf};

use anyhow::Context;
use async_trait::async_trait;
use notifications::{Partner, PartnerError, Partners, WebhookDelivery};
use platform::reload::{Reload, Reloader};
use platform::supervisor::Supervisor;
use platform::webhooks::WebhookSender;
use router::clients::{ClientWebhooks, ClientsError};

use crate::config::Configuration;
use crate::keys;

/// Why the file's webhooks are not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartnersError {
    #[error(transparent)]
    Clients(#[from] ClientsError),
    #[error("the clients in {0} cannot be used: {1}")]
    Partner(PathBuf, #[source] PartnerError),
}

/// The partners of the configured file, kept up to date.
pub(crate) async fn load(
    configuration: &Configuration,
    supervisor: &Supervisor,
) -> anyhow::Result<Partners> {
    let partners = Partners::default();
    let Some(path) = configuration.clients.file.clone() else {
        return Ok(partners);
    };
    let source = Source {
        path,
        partners: partners.clone(),
    };
    let reloader = Reloader::open(source, supervisor).await;
    let interval = configuration.clients.reload_interval.get();
    reloader.context("clients.file")?.start(interval);
    Ok(partners)
}

/// The partners in a clients file's text.
pub(crate) fn read(path: &Path, text: &str) -> Result<Vec<Partner>, PartnersError> {
    let clients = ClientWebhooks::load(path, text)?;
    let partners: Vec<_> = clients
        .into_iter()
        .map(|one| Partner {
            client: one.client,
            scopes: one.scopes,
            webhooks: one.webhooks,
        })
        .collect();
    Ok(partners)
}

/// How webhooks are sent.
pub(crate) fn delivery(configuration: &Configuration) -> anyhow::Result<WebhookDelivery> {
    let webhooks = &configuration.webhooks;
    Ok(WebhookDelivery {
        sender: WebhookSender::new(webhooks.sender(configuration.mode))?,
        signing_key: keys::partner_webhooks(configuration)?,
        schedule: webhooks.schedule(),
        retention: webhooks.retention.get(),
        concurrency: webhooks.concurrency.get(),
    })
}

struct Source {
    path: PathBuf,
    partners: Partners,
}

#[async_trait]
impl Reload for Source {
    type Contents = String;
    type Error = PartnersError;

    const NAME: &'static str = "webhooks";

    async fn read(&self) -> Result<String, PartnersError> {
        let text = tokio::fs::read_to_string(&self.path).await;
        let text = text.map_err(|reason| ClientsError::Read {
            path: self.path.clone(),
            reason,
        })?;
        Ok(text)
    }

    async fn apply(&mut self, text: &String) -> Result<Option<String>, PartnersError> {
        let partners = read(&self.path, text)?;
        let webhooks: usize = partners.iter().map(|one| one.webhooks.len()).sum();
        let replaced = self.partners.replace(partners);
        replaced.map_err(|error| PartnersError::Partner(self.path.clone(), error))?;
        Ok(Some(format!("{webhooks} webhooks")))
    }
}
