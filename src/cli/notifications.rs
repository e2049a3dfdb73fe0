//! `vantage notifications`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use platform::config::Duration;

use super::{FileFormatArgument, Settings};

#[derive(Debug, Subcommand)]
pub(crate) enum Notifications {
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
