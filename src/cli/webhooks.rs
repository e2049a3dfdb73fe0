//! `vantage webhooks`: the webhooks that notify partners of events.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use platform::config::Duration;

use super::{ClientsFile, Settings};

/// The clients file, and where the webhooks' keys and state are.
#[derive(Args, Clone, Debug)]
pub(crate) struct WebhooksSettings {
    #[command(flatten)]
    pub(crate) file: ClientsFile,
    /// Directory of databases, indexes and generated keys [default: ./data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

impl WebhooksSettings {
    /// The settings that other commands share.
    pub(crate) fn shared(&self) -> Settings {
        Settings {
            config: self.file.config.clone(),
            data: self.data.clone(),
        }
    }
}

/// A webhook, by its client and its id.
#[derive(Args, Clone, Debug)]
pub(crate) struct Webhook {
    #[command(flatten)]
    pub(crate) settings: WebhooksSettings,
    pub(crate) client: String,
    /// Its id, as shown by `list`
    pub(crate) webhook: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// Notify a client of events, and print the secret that signs them: only once
    #[command(group = ArgGroup::new("whose").required(true).args(["all_customers", "customer"]))]
    Add {
        #[command(flatten)]
        settings: WebhooksSettings,
        client: String,
        /// Where events are sent: https://host/path
        url: url::Url,
        /// A type of events, such as order.shipped or order.*; repeated for each [default: all that its scopes allow]
        #[arg(long, value_name = "TYPE")]
        event: Vec<String>,
        /// Send the events of all customers
        #[arg(long)]
        all_customers: bool,
        /// Send the events of this customer (usr_…); repeated for each
        #[arg(long, value_name = "ID")]
        customer: Vec<String>,
    },
    /// List the webhooks
    List {
        #[command(flatten)]
        settings: WebhooksSettings,
    },
    /// Show how far each webhook has got, and how it fails
    Status {
        #[command(flatten)]
        settings: WebhooksSettings,
    },
    /// Create another secret and print it; the old ones keep signing for a while
    RotateSecret {
        #[command(flatten)]
        webhook: Webhook,
        /// How long the old secrets keep signing
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: Duration,
    },
    /// Remove a webhook
    Remove {
        #[command(flatten)]
        webhook: Webhook,
    },
    /// Go on at once: after 410 Gone, or without waiting for the next attempt
    Resume {
        #[command(flatten)]
        webhook: Webhook,
    },
    /// Send events again, in order and under the same ids
    #[command(group = ArgGroup::new("which").required(true).args(["after", "all", "dead_letters"]))]
    Replay {
        #[command(flatten)]
        webhook: Webhook,
        /// All events after this one (evt_…)
        #[arg(long, value_name = "EVENT")]
        after: Option<String>,
        /// All events that are kept
        #[arg(long)]
        all: bool,
        /// Those that were given up
        #[arg(long)]
        dead_letters: bool,
    },
    /// List events that were given up
    DeadLetters {
        #[command(flatten)]
        settings: WebhooksSettings,
        /// Maximum number of events
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u64,
    },
}
