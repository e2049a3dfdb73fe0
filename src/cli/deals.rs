//! `vantage deals`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{FileFormatArgument, Settings};

#[derive(Debug, Subcommand)]
pub(crate) enum Deals {
    /// Schedule the deals of a file, as push messages to customers: all of them, or none if a line has a problem
    Schedule(DealsSchedule),
    /// Give the queue of deals the attributes that it should have
    SetupQueue(DealsSetupQueue),
}

#[derive(Args, Debug)]
pub(crate) struct DealsSetupQueue {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Create the queue if there is none
    #[arg(long, conflicts_with = "check")]
    pub(crate) create: bool,
    /// Print how the attributes differ, and change nothing
    #[arg(long, visible_alias = "dry-run")]
    pub(crate) check: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DealsSchedule {
    /// CSV with the columns customerId, title, body, windowEnd, … or JSON with these fields
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Report what is wrong with the file, and schedule nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The format, where the name of the file does not tell it
    #[arg(long, value_enum)]
    pub(crate) format: Option<FileFormatArgument>,
}
