//! The `notifications` section: messages to customers.

use std::num::{NonZeroU32, NonZeroU64};

use platform::config::{ConnectionUrl, Duration, Invalid};
use platform::providers::sqs::SqsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const AT_ONCE: NonZeroU64 = NonZeroU64::new(10).expect("not zero");
const PER_SECOND: NonZeroU32 = NonZeroU32::new(200).expect("not zero");

/// Messages to customers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Notifications {
    /// The shop's name in messages.
    pub(crate) shop_name: String,
    /// The sender of emails, as "Shop <orders@shop.example>".
    pub(crate) email_from: String,
    /// The sender of text messages: a telephone number of the provider's account, or a messaging service's id, "MG…".
    pub(crate) sms_from: Option<String>,
    /// The shop's address on the web, which links in messages begin with. By default `public_url`.
    pub(crate) web_url: Option<ConnectionUrl>,
    /// How long the texts of messages are kept.
    pub(crate) text_retention: Duration,
    pub(crate) deals: Deals,
}

/// How deals are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Deals {
    /// How often one instance looks for deals that are due.
    pub(crate) interval: Duration,
    /// Deals that are sent concurrently.
    pub(crate) at_once: NonZeroU64,
    /// Deals that are sent in a second, at most.
    pub(crate) per_second: NonZeroU32,
    /// What carries deals that are due to the instances that send them.
    pub(crate) queue: DealQueue,
    /// The queue of `queue: sqs`.
    pub(crate) sqs: Option<SqsConfig>,
}

/// What carries deals that are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DealQueue {
    /// The database: one instance sends them.
    #[default]
    Database,
    /// An SQS FIFO queue: all instances send them.
    Sqs,
}

impl Default for Deals {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            at_once: AT_ONCE,
            per_second: PER_SECOND,
            queue: DealQueue::default(),
            sqs: None,
        }
    }
}

impl Default for Notifications {
    fn default() -> Self {
        Self {
            shop_name: "Vantage".to_owned(),
            email_from: "Vantage <no-reply@vantage.example>".to_owned(),
            sms_from: None,
            web_url: None,
            deals: Deals::default(),
            text_retention: Duration::from_secs(90 * 24 * 60 * 60),
        }
    }
}

impl Notifications {
    pub(super) fn check(&self) -> Result<(), Invalid> {
        let web_url = self.web_url.as_ref();
        if let Some(url) = web_url.filter(|url| !matches!(url.scheme(), "http" | "https")) {
            return Err(Invalid::new(
                "notifications.web_url",
                format!("{:?} is not one of http, https", url.scheme()),
            ));
        }
        let deals = &self.deals;
        if deals.queue == DealQueue::Sqs && deals.sqs.is_none() {
            return Err(Invalid::new(
                "notifications.deals.sqs",
                "is required with notifications.deals.queue: sqs",
            ));
        }
        Ok(())
    }
}
