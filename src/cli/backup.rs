//! `vantage backup` and `vantage restore`.

use std::path::PathBuf;

use clap::Args;

use super::Settings;

#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// Directory for the copy; must be empty or not exist
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// Directory of the backup
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) settings: Settings,
}
