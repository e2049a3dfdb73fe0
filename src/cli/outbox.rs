//! `vantage outbox`.

use clap::Subcommand;

use super::Settings;
use crate::domains::Domain;

#[derive(Debug, Subcommand)]
pub(crate) enum Outbox {
    /// List events that were given up, and those that failed and will be retried
    List {
        #[command(flatten)]
        settings: Settings,
        /// A single domain instead of all
        #[arg(long, value_name = "NAME")]
        domain: Option<Domain>,
        /// Maximum number of events per domain
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u64,
    },
    /// Deliver given-up events again, and retry failed ones at once
    Requeue {
        #[command(flatten)]
        settings: Settings,
        domain: Domain,
        /// Ids of the events
        #[arg(value_name = "EVENT", required_unless_present = "all")]
        events: Vec<String>,
        /// All that were given up or failed
        #[arg(long, conflicts_with = "events")]
        all: bool,
    },
}
