//! `vantage tasks`.

use clap::Subcommand;

use super::Settings;
use crate::domains::Domain;

#[derive(Debug, Subcommand)]
pub(crate) enum Tasks {
    /// List tasks that were given up, and those that failed and will be retried
    List {
        #[command(flatten)]
        settings: Settings,
        /// A single domain instead of all
        #[arg(long, value_name = "NAME")]
        domain: Option<Domain>,
        /// Include tasks that did not fail
        #[arg(long)]
        all: bool,
        /// Maximum number of tasks per domain
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u64,
    },
    /// Retry tasks at once
    Retry {
        #[command(flatten)]
        settings: Settings,
        domain: Domain,
        /// Tasks as shown by `list`, such as refund/ret_01h…
        #[arg(value_name = "TASK", required_unless_present = "all")]
        tasks: Vec<String>,
        /// All that were given up or failed
        #[arg(long, conflicts_with = "tasks")]
        all: bool,
    },
    /// Delete tasks; their work is not done
    Discard {
        #[command(flatten)]
        settings: Settings,
        domain: Domain,
        /// Tasks as shown by `list`, such as refund/ret_01h…
        #[arg(value_name = "TASK", required = true)]
        tasks: Vec<String>,
    },
}
