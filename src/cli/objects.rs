//! `vantage objects`.

use clap::{Args, Subcommand};

use super::Settings;

#[derive(Debug, Subcommand)]
pub(crate) enum Objects {
    /// Give the bucket of objects the settings that it should have
    Setup(ObjectsSetup),
}

#[derive(Args, Debug)]
pub(crate) struct ObjectsSetup {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Create the bucket if there is none
    #[arg(long, conflicts_with = "check")]
    pub(crate) create: bool,
    /// Print how the settings differ, and change nothing
    #[arg(long, visible_alias = "dry-run")]
    pub(crate) check: bool,
}
