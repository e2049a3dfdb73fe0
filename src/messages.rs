//! How messages to customers are written and sent, from the configuration.

use std::sync::Arc;

use anyhow::Context;
use notifications::channels::{EmailChannel, PushChannel, SmsChannel};
use notifications::templates::Templates;
use notifications::{Delivery, Links, Live, UnsubscribeLinks};
use platform::clock::Clock;
use platform::providers::fcm::Fcm;
use platform::providers::smtp::Smtp;
use platform::providers::twilio::Twilio;
use platform::pubsub::PubSub;
use resolvers::client::SubgraphClient;

use crate::config::{Configuration, Mode};
use crate::domains::access;
use crate::keys;

/// `orders` knows the customers' addresses; `fcm` reaches their devices.
pub(crate) fn delivery(
    configuration: &Configuration,
    clock: &Clock,
    orders: Option<SubgraphClient>,
    fcm: Option<Fcm>,
    pubsub: Arc<dyn PubSub>,
) -> anyhow::Result<Delivery> {
    let settings = &configuration.notifications;
    let web_url = match &settings.web_url {
        Some(url) => url.expose_url().clone(),
        None => configuration.public_url()?,
    };
    Ok(Delivery {
        templates: Arc::new(Templates::new(settings.shop_name.clone())?),
        live: Live(pubsub),
        links: Links::new(web_url),
        push: fcm.map(|fcm| PushChannel {
            fcm,
            project: configuration
                .providers
                .fcm
                .account
                .clone()
                .unwrap_or_default(),
        }),
        email: email(configuration, clock, orders)?,
        sms: sms(configuration, clock)?,
        log: configuration.mode == Mode::Development,
    })
}

fn email(
    configuration: &Configuration,
    clock: &Clock,
    orders: Option<SubgraphClient>,
) -> anyhow::Result<Option<EmailChannel>> {
    let Some(url) = &configuration.providers.smtp.url else {
        tracing::warn!("providers.smtp.url is not set, no emails will be sent");
        return Ok(None);
    };
    let from = &configuration.notifications.email_from;
    let smtp = Smtp::new(url.expose_url(), from, clock.clone())
        .context("providers.smtp.url or notifications.email_from")?;
    let key = keys::unsubscribe_links(configuration)?;
    Ok(Some(EmailChannel {
        smtp,
        orders,
        unsubscribe: UnsubscribeLinks::new(configuration.public_url()?, &key)?,
    }))
}

fn sms(configuration: &Configuration, clock: &Clock) -> anyhow::Result<Option<SmsChannel>> {
    let provider = &configuration.providers.sms;
    let Some((url, token)) = access("sms", provider) else {
        return Ok(None);
    };
    let account = provider.account.as_deref().unwrap_or_default();
    let from = match (&configuration.notifications.sms_from, configuration.mode) {
        (Some(from), _) => from.as_str(),
        // The number that Twilio accepts in tests.
        (None, Mode::Development) => "+15005550006",
        (None, Mode::Production) => {
            anyhow::bail!("notifications.sms_from is required with providers.sms.url")
        }
    };
    let twilio = Twilio::new(url, account, &token, from, clock.clone());
    let twilio = twilio.context("providers.sms.url")?;
    Ok(Some(SmsChannel { twilio }))
}
