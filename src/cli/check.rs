//! `vantage check`.

use clap::Args;

use super::Settings;
use crate::domains::Domain;

#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// A single domain instead of all
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<Domain>,
    /// Print a JSON object for each violation, and one at the end
    #[arg(long)]
    pub(crate) json: bool,
}
