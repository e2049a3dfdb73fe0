//! The state of all third parties, and its changes over time.

use chrono::{DateTime, Utc};

use crate::carriers::Tokens;
use crate::config::Config;
use crate::easypost::EasyPost;
use crate::exchange_rates::ExchangeRates;
use crate::fcm::Fcm;
use crate::ids::Ids;
use crate::parcels::Parcels;
use crate::provider::Provider;
use crate::smtp::Mailbox;
use crate::stripe::Stripe;
use crate::twilio::Twilio;
use crate::warehouse::Warehouse;
use crate::webhooks::{Endpoints, Webhook};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) now: DateTime<Utc>,
    pub(crate) ids: Ids,
    pub(crate) parcels: Parcels,
    pub(crate) easypost: EasyPost,
    pub(crate) stripe: Stripe,
    pub(crate) tokens: Tokens,
    pub(crate) exchange_rates: ExchangeRates,
    pub(crate) fcm: Fcm,
    pub(crate) twilio: Twilio,
    pub(crate) mailbox: Mailbox,
    pub(crate) warehouse: Warehouse,
    pub(crate) endpoints: Endpoints,
    /// Events that have not been sent yet.
    notices: Vec<Webhook>,
}

impl World {
    pub(crate) fn new(config: Config, now: DateTime<Utc>) -> Self {
        Self {
            ids: Ids::new(config.seed, now),
            parcels: Parcels::default(),
            easypost: EasyPost::default(),
            stripe: Stripe::default(),
            tokens: Tokens::default(),
            exchange_rates: ExchangeRates::new(config.seed),
            fcm: Fcm::default(),
            twilio: Twilio::default(),
            mailbox: Mailbox::default(),
            warehouse: Warehouse::default(),
            endpoints: Endpoints::default(),
            notices: Vec::new(),
            config,
            now,
        }
    }

    /// Advances the world to this time: whatever is due happens in order.
    pub(crate) fn advance(&mut self, now: DateTime<Utc>) {
        // A clock that was set back changes nothing.
        self.now = self.now.max(now);
        for number in self.parcels.advance(self.now) {
            self.notify_movement(&number);
        }
        self.work_in_warehouse();
        self.settle_label_refunds();
        self.settle_refunds();
        self.expire_authorizations();
    }

    /// When the next change is due.
    pub(crate) fn next_due(&self) -> Option<DateTime<Utc>> {
        [
            self.parcels.next_due(),
            self.warehouse.next_due(),
            self.easypost.next_due(),
            self.stripe.next_due(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Queues an event for everybody subscribed to this provider.
    pub(crate) fn notify(&mut self, provider: Provider, event: &str, id: String, body: Vec<u8>) {
        for endpoint in self.endpoints.of(provider, event) {
            self.notices.push(Webhook {
                provider,
                event: event.to_owned(),
                id: id.clone(),
                body: body.clone().into(),
                endpoint,
            });
        }
    }

    /// A parcel has moved: notifies the carrier's and EasyPost's subscribers.
    pub(crate) fn notify_movement(&mut self, number: &str) {
        self.notify_carrier_subscribers(number);
        self.notify_trackers(number);
    }

    pub(crate) fn drain_webhooks(&mut self) -> Vec<Webhook> {
        std::mem::take(&mut self.notices)
    }
}
