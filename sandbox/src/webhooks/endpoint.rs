//! Webhook endpoints.

use bytes::Bytes;
use serde::Serialize;

use crate::provider::Provider;

/// A subscriber to a provider's events.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) provider: Provider,
    pub(crate) url: String,
    /// The secret that signs its webhooks; empty: unsigned.
    #[serde(skip)]
    pub(crate) secret: String,
    /// Event names; `*` matches all.
    pub(crate) events: Vec<String>,
}

/// An event for one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) provider: Provider,
    /// The event's name.
    pub(crate) event: String,
    /// The event's own id, by which a receiver recognizes a repetition.
    pub(crate) id: String,
    pub(crate) body: Bytes,
    pub(crate) endpoint: Endpoint,
}

/// All endpoints, in the order they were added.
#[derive(Debug, Default)]
pub(crate) struct Endpoints(Vec<Endpoint>);

impl Endpoints {
    /// Adding the same provider and URL again replaces the secret and the events.
    pub(crate) fn add(&mut self, endpoint: Endpoint) {
        self.0
            .retain(|one| one.provider != endpoint.provider || one.url != endpoint.url);
        self.0.push(endpoint);
    }

    pub(crate) fn all(&self, provider: Provider) -> impl Iterator<Item = &Endpoint> {
        self.0.iter().filter(move |one| one.provider == provider)
    }

    pub(crate) fn find(&mut self, provider: Provider, id: &str) -> Option<&mut Endpoint> {
        self.0
            .iter_mut()
            .find(|one| one.provider == provider && one.id == id)
    }

    pub(crate) fn remove(&mut self, provider: Provider, id: &str) -> Option<Endpoint> {
        let position = self
            .0
            .iter()
            .position(|one| one.provider == provider && one.id == id)?;
        Some(self.0.remove(position))
    }

    /// The subscribers to this event.
    pub(crate) fn of(&self, provider: Provider, event: &str) -> Vec<Endpoint> {
        self.all(provider)
            .filter(|one| one.events.iter().any(|name| name == "*" || name == event))
            .cloned()
            .collect()
    }
}
