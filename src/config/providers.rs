//! The `providers` section: third parties and our credentials.

use platform::config::{ConnectionUrl, Invalid, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// The third parties. Without a URL, `serve` uses its sandbox.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Providers {
    pub(crate) easypost: Provider,
    pub(crate) stripe: Provider,
    pub(crate) dhl: Provider,
    pub(crate) fedex: Provider,
    pub(crate) ups: Provider,
    pub(crate) exchange_rates: Provider,
    pub(crate) fcm: Provider,
    pub(crate) sms: Provider,
    pub(crate) smtp: MailServer,
    pub(crate) fulfilment: Fulfilment,
}

/// The server that takes our emails.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MailServer {
    /// `smtp://host:port` uses STARTTLS if the server offers it; `smtps://host` is encrypted from the start. With
    /// credentials, as in `smtps://user:password@host`, the connection must be encrypted.
    pub(crate) url: Option<ConnectionUrl>,
}

/// One third party.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Provider {
    /// The API's base URL, without a path.
    pub(crate) url: Option<ConnectionUrl>,
    /// Our account, where one is needed in addition to the key: FedEx's and UPS's client id, FCM's project, Twilio's
    /// account for text messages.
    pub(crate) account: Option<String>,
    /// The API key, the client secret, or the application's id, which authenticates us.
    pub(crate) key: Option<Secret>,
    /// Verifies the webhooks that it sends. Without it they are rejected.
    pub(crate) webhook_secret: Option<Secret>,
}

impl Providers {
    /// Each with its name, and whether it requires an account.
    fn named(&self) -> [(&'static str, &Provider, bool); 8] {
        [
            ("easypost", &self.easypost, false),
            ("stripe", &self.stripe, false),
            ("dhl", &self.dhl, false),
            ("fedex", &self.fedex, true),
            ("ups", &self.ups, true),
            ("exchange_rates", &self.exchange_rates, false),
            ("fcm", &self.fcm, true),
            ("sms", &self.sms, true),
        ]
    }

    /// Points providers without a URL at the sandbox, and email at its mail server. `webhook_secret` signs the
    /// simulators' webhooks.
    pub(crate) fn simulate(&mut self, at: &Url, mail: &Url, webhook_secret: &Secret) {
        self.smtp.url.get_or_insert_with(|| mail.clone().into());
        let fulfilment = &mut self.fulfilment.webhook_secret;
        fulfilment.get_or_insert_with(|| webhook_secret.clone());
        for provider in self.all_mut() {
            if provider.url.is_none() {
                *provider = Provider {
                    url: Some(at.clone().into()),
                    account: Some("sandbox".to_owned()),
                    // Stripe's keys must have its prefix; the others can be anything.
                    key: Some(Secret::new("sk_test_sandbox")),
                    webhook_secret: Some(webhook_secret.clone()),
                };
            }
        }
    }

    fn all_mut(&mut self) -> [&mut Provider; 8] {
        [
            &mut self.easypost,
            &mut self.stripe,
            &mut self.dhl,
            &mut self.fedex,
            &mut self.ups,
            &mut self.exchange_rates,
            &mut self.fcm,
            &mut self.sms,
        ]
    }

    /// The names of those without a URL.
    pub(crate) fn without_url(&self) -> Vec<&'static str> {
        self.named()
            .into_iter()
            .filter(|(_, provider, _)| provider.url.is_none())
            .map(|(name, ..)| name)
            .chain(self.smtp.url.is_none().then_some("smtp"))
            .collect()
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        if let Some(url) = &self.smtp.url
            && (!matches!(url.scheme(), "smtp" | "smtps") || !url.expose_url().has_host())
        {
            return Err(Invalid::new(
                "providers.smtp.url",
                "is not of the form smtp://host:port or smtps://user:password@host",
            ));
        }
        for (name, provider, has_account) in self.named() {
            let Some(url) = &provider.url else { continue };
            if !matches!(url.scheme(), "http" | "https") {
                return Err(Invalid::new(
                    format!("providers.{name}.url"),
                    format!("{:?} is not one of http, https", url.scheme()),
                ));
            }
            if provider.key.is_none() {
                return Err(Invalid::new(
                    format!("providers.{name}.key"),
                    format!("is required with providers.{name}.url"),
                ));
            }
            if has_account && provider.account.is_none() {
                return Err(Invalid::new(
                    format!("providers.{name}.account"),
                    format!("is required with providers.{name}.url"),
                ));
            }
        }
        Ok(())
    }
}

/// The warehouse, which registers the parcels of orders by webhooks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fulfilment {
    /// Verifies its webhooks. Without it they are rejected.
    pub(crate) webhook_secret: Option<Secret>,
    /// Verifies its webhooks, too, until it signs with the new secret.
    pub(crate) previous_webhook_secret: Option<Secret>,
}

impl Fulfilment {
    /// All secrets that verify its webhooks.
    pub(crate) fn webhook_secrets(&self) -> Vec<Secret> {
        let secrets = [&self.webhook_secret, &self.previous_webhook_secret];
        secrets.into_iter().flatten().cloned().collect()
    }
}
