//! Partners that are registered with webhooks, and which events each gets.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use entities::notifications::partner_event::EventFilter;
use platform::webhooks::{Customers, Subscription};
use resolvers::id::IdKind;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::rules::partner_event::{self, PartnerEventType};

/// A partner: a client whose key has these scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    pub client: String,
    pub scopes: BTreeSet<String>,
    pub webhooks: Vec<Subscription>,
}

/// Why a webhook does not get what it is registered for.
#[derive(Debug, thiserror::Error)]
pub enum PartnerError {
    #[error("client `{client}`: webhook `{webhook}`: `{customer}` is not a customer's id (usr_…)")]
    Customer {
        client: String,
        webhook: String,
        customer: String,
    },
    #[error(
        "client `{client}`: webhook `{webhook}` gets no events: its `events` are none that the client's scopes allow \
         (orders:read, returns:read, tracking:read)"
    )]
    NoEvents { client: String, webhook: String },
}

/// The partners as the clients file has them now. Cheap to clone; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Partners(Arc<ArcSwap<Vec<Partner>>>);

/// A webhook with its partner.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub id: Uuid,
    pub client: String,
    pub subscription: Subscription,
    /// Whether the partner may see personal data.
    pub personal: bool,
    pub filter: EventFilter,
}

impl Partners {
    /// Replaces all partners. A webhook with a problem gets less or nothing; it must not keep what others lose.
    pub fn replace(&self, partners: Vec<Partner>) {
        self.0.store(Arc::new(partners));
    }

    pub fn find(&self, client: &str) -> Option<Partner> {
        let partners = self.0.load();
        partners.iter().find(|one| one.client == client).cloned()
    }

    /// Every webhook.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let partners = self.0.load();
        partners.iter().flat_map(Partner::endpoints).collect()
    }

    pub fn endpoint(&self, client: &str, webhook: &str) -> Option<Endpoint> {
        let partner = self.find(client)?;
        let mut endpoints = partner.endpoints();
        endpoints.find(|one| one.subscription.id == webhook)
    }

    /// The webhooks that get an event of this type about this customer.
    pub(crate) fn endpoints_of(
        &self,
        event_type: &PartnerEventType,
        customer: Option<Uuid>,
    ) -> Vec<Endpoint> {
        let mut endpoints = self.endpoints();
        endpoints.retain(|one| one.filter.matches(event_type.name, customer));
        endpoints
    }
}

impl Partner {
    /// Why webhooks get less than they are registered for, or nothing.
    pub fn problems(&self) -> Vec<PartnerError> {
        let problems = self.webhooks.iter().filter_map(|one| self.problem(one));
        problems.collect()
    }

    fn problem(&self, webhook: &Subscription) -> Option<PartnerError> {
        let (client, id) = (self.client.clone(), webhook.id.clone());
        if let Customers::Some(ids) = &webhook.customers
            && let Some(customer) = ids.iter().find(|id| IdKind::Customer.parse(id).is_none())
        {
            return Some(PartnerError::Customer {
                client,
                webhook: id,
                customer: customer.clone(),
            });
        }
        let gets_nothing = self.filter(webhook).types.is_empty();
        gets_nothing.then_some(PartnerError::NoEvents {
            client,
            webhook: id,
        })
    }

    /// Whether it may see personal data.
    pub(crate) fn sees_personal_data(&self) -> bool {
        self.scopes.contains(partner_event::CUSTOMERS)
    }

    /// The events that any of its webhooks gets.
    pub(crate) fn filters(&self) -> Vec<EventFilter> {
        self.webhooks.iter().map(|one| self.filter(one)).collect()
    }

    fn endpoints(&self) -> impl Iterator<Item = Endpoint> {
        self.webhooks.iter().map(|webhook| Endpoint {
            id: endpoint_id(&self.client, &webhook.id),
            client: self.client.clone(),
            filter: self.filter(webhook),
            subscription: webhook.clone(),
            personal: self.sees_personal_data(),
        })
    }

    fn filter(&self, webhook: &Subscription) -> EventFilter {
        let allowed = partner_event::TYPES
            .iter()
            .filter(|one| self.scopes.contains(one.scope) && webhook.includes(one.name));
        EventFilter {
            types: allowed.map(|one| one.name).collect(),
            customers: match &webhook.customers {
                Customers::All => None,
                Customers::Some(ids) => {
                    let ids = ids.iter().filter_map(|id| IdKind::Customer.parse(id));
                    Some(ids.collect())
                }
            },
        }
    }
}

/// The key of a webhook's state, which other processes and commands derive in the same way.
pub fn endpoint_id(client: &str, webhook: &str) -> Uuid {
    let hash = Sha256::new_with_prefix(b"webhook\0")
        .chain_update(client)
        .chain_update(b"\0")
        .chain_update(webhook)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
