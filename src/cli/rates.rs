//! `vantage rates`.

use clap::Subcommand;

use super::Settings;

#[derive(Debug, Subcommand)]
pub(crate) enum Rates {
    /// List the rate of each currency, its age, and what is held because it moved too far
    List {
        #[command(flatten)]
        settings: Settings,
    },
    /// Use held rates from now on
    Release {
        #[command(flatten)]
        settings: Settings,
        /// Currencies whose rate is held
        #[arg(value_name = "CURRENCY", required = true)]
        currencies: Vec<String>,
    },
    /// Use this rate until the next fetch brings another
    Set {
        #[command(flatten)]
        settings: Settings,
        currency: String,
        /// Units of the currency for one US dollar, such as 0.9345
        rate: String,
    },
}
