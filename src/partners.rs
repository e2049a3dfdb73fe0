//! Partners' webhooks: read from the clients file, which is reloaded when it changes, and sent as configured.

use std::path::{Path, PathBuf};

use anyhow::Context;
use async_trait::async_trait;
use notifications::{Partner, Partners, WebhookDelivery};
use platform::reload::{Reload, Reloader};
use platform::supervisor::Supervisor;
use platform::webhooks::WebhookSender;
use router::clients::{ClientWebhooks, ClientsError};

use crate::config::Configuration;
use crate::keys;

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
pub(crate) fn read(path: &Path, text: &str) -> Result<Vec<Partner>, ClientsError> {
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
    type Error = ClientsError;

    const NAME: &'static str = "webhooks";

    async fn read(&self) -> Result<String, ClientsError> {
        let text = tokio::fs::read_to_string(&self.path).await;
        let text = text.map_err(|reason| ClientsError::Read {
            path: self.path.clone(),
            reason,
        })?;
        Ok(text)
    }

    async fn apply(&mut self, text: &String) -> Result<Option<String>, ClientsError> {
        let partners = read(&self.path, text)?;
        let webhooks: usize = partners.iter().map(|one| one.webhooks.len()).sum();
        // The router uses the file in spite of these: a scope that was removed must be removed here, too.
        for problem in partners.iter().flat_map(Partner::problems) {
            tracing::warn!(file = %self.path.display(), %problem, "webhook does not get what it is registered for");
        }
        self.partners.replace(partners);
        Ok(Some(format!("{webhooks} webhooks")))
    }
}
