//! The webhooks of registered clients. Whoever sends them reads only this part of the file, without manifests.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use platform::webhooks::Subscription;

use super::config::ClientConfig;
use super::error::ClientsError;
use super::file;

/// A client that has webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientWebhooks {
    pub client: String,
    /// The scopes of its key.
    pub scopes: BTreeSet<String>,
    pub webhooks: Vec<Subscription>,
}

impl ClientWebhooks {
    /// Reads the clients file's text. Without webhooks, a client is left out.
    ///
    /// # Errors
    /// The first problem.
    pub fn load(path: &Path, text: &str) -> Result<Vec<Self>, ClientsError> {
        let document = file::parse(text).map_err(|reason| ClientsError::Syntax {
            path: path.to_owned(),
            reason,
        })?;
        let mut all: Vec<Self> = Vec::new();
        for config in document.clients {
            let problem = |problem: String| ClientsError::Client {
                path: path.to_owned(),
                client: config.name.clone(),
                problem,
            };
            check(&config).map_err(problem)?;
            if all.iter().any(|one| one.client == config.name) {
                return Err(problem("another client has the same name".to_owned()));
            }
            if !config.webhooks.is_empty() {
                all.push(Self {
                    client: config.name,
                    scopes: config.scopes.unwrap_or_default(),
                    webhooks: config.webhooks,
                });
            }
        }
        Ok(all)
    }
}

/// Checks a client's webhooks, as far as they depend on nothing else.
pub(super) fn check(config: &ClientConfig) -> Result<(), String> {
    let mut ids = HashSet::new();
    for webhook in &config.webhooks {
        webhook.check().map_err(|error| error.to_string())?;
        if !ids.insert(&webhook.id) {
            return Err(format!("it has two webhooks named `{}`", webhook.id));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::{Clients, ClientsFiles};

    const HOOK: &str = "url: https://acme.example/hooks, customers: all, secrets: [{ id: s1 }]";

    /// Both readers accept the same files.
    fn load(text: &str) -> Result<Vec<ClientWebhooks>, String> {
        let path = Path::new("clients.yaml");
        let clients = Clients::load(&ClientsFiles::of(path, text.to_owned()));
        let webhooks = ClientWebhooks::load(path, text);
        assert_eq!(clients.is_ok(), webhooks.is_ok(), "{text}");
        webhooks.map_err(|error| error.to_string())
    }

    #[test]
    fn clients_with_webhooks_are_read_with_their_scopes() {
        let found = load(&format!(
            "clients:
              - {{ name: acme, scopes: [orders:read], webhooks: [{{ id: wh_1, {HOOK} }}] }}
              - {{ name: web }}"
        ))
        .expect("clients");
        let [acme] = found.as_slice() else {
            panic!("one client: {found:?}");
        };
        assert_eq!((acme.client.as_str(), acme.webhooks.len()), ("acme", 1));
        assert!(acme.scopes.contains("orders:read"));
    }

    #[test]
    fn a_webhook_that_could_not_work_is_named() {
        let check = |webhooks: &str, expected: &str| {
            let text = format!("clients: [{{ name: acme, webhooks: [{webhooks}] }}]");
            let error = load(&text).expect_err("refused");
            assert!(
                error.contains("`acme`") && error.contains(expected),
                "{error}"
            );
        };
        let hook = format!("{{ id: wh_1, {HOOK} }}");
        check(&format!("{hook}, {hook}"), "two webhooks named `wh_1`");
        check(
            &hook.replace("https", "ftp"),
            "webhook `wh_1` has the URL of no server",
        );
    }
}
