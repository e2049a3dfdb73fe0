//! `vantage notifications`: messages to customers, and their preferences.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use platform::config::Duration;

use super::{FileFormatArgument, Settings};

#[derive(Debug, Subcommand)]
pub(crate) enum Notifications {
    /// List messages, newest first: when, to whom, by which channel, and what became of them
    List {
        #[command(flatten)]
        settings: Settings,
        /// Only messages with this status
        #[arg(long, value_name = "STATUS")]
        status: Option<Status>,
        /// Only messages to this customer (usr_…)
        #[arg(long, value_name = "ID")]
        customer: Option<String>,
        /// Only messages about this order (ord_…)
        #[arg(long, value_name = "ID")]
        order: Option<String>,
        /// How many to list at most
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
    /// List messages that were given up, with the reason
    DeadLetters {
        #[command(flatten)]
        settings: Settings,
        /// How many to list at most
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
    /// Send messages again that were given up
    Requeue {
        #[command(flatten)]
        settings: Settings,
        /// Their ids (ntf_…)
        #[arg(
            required_unless_present = "all",
            conflicts_with = "all",
            value_name = "ID"
        )]
        ids: Vec<String>,
        /// All that were given up
        #[arg(long)]
        all: bool,
    },
    /// Show what a message says, with sample values; without an event, list them
    Preview {
        #[command(flatten)]
        settings: Settings,
        /// The event that the message is about, such as order.shipped
        event: Option<String>,
        /// The channel that it is written for
        #[arg(long, default_value = "email")]
        channel: Channel,
        /// The language, such as de or de-AT
        #[arg(long, default_value = "en", value_name = "TAG")]
        locale: String,
        /// Write the HTML form of an email to this file, instead of printing its text
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Delete a customer's devices, preferences and the texts of their messages, and send them nothing any more
    Erase {
        #[command(flatten)]
        settings: Settings,
        /// The customer (usr_…)
        customer: String,
    },
    /// Migrate the preferences of a former system, where push messages, emails and text messages had one toggle each
    MigratePreferences(MigratePreferences),
    /// Compute migrated preferences again, without touching what customers have changed
    RepairPreferences(RepairPreferences),
}

#[derive(Args, Debug)]
pub(crate) struct MigratePreferences {
    /// CSV or JSON with id, email_notifications and sms_notifications of each customer; without it, a migration that was
    /// interrupted goes on
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Report what is wrong with the file, and change nothing
    #[arg(long, requires = "file")]
    pub(crate) dry_run: bool,
    /// The format, where the name of the file does not tell it
    #[arg(long, value_enum)]
    pub(crate) format: Option<FileFormatArgument>,
    #[command(flatten)]
    pub(crate) pace: PaceArguments,
}

#[derive(Args, Debug)]
pub(crate) struct RepairPreferences {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) customers: Repaired,
    #[command(flatten)]
    pub(crate) pace: PaceArguments,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Repaired {
    /// Only this customer, usr_…; may be given several times
    #[arg(long = "customer", value_name = "ID")]
    pub(crate) customers: Vec<String>,
    /// All migrated customers
    #[arg(long)]
    pub(crate) all: bool,
}

/// How fast customers are migrated.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct PaceArguments {
    /// Customers of one transaction
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) batch: u64,
    /// The pause after each, for other work of the database
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    pub(crate) pause: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Channel {
    Push,
    Email,
    Sms,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Status {
    Scheduled,
    Sent,
    Failed,
    DeadLettered,
    Suppressed,
}
