//! `vantage prices`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{FileFormatArgument, Settings};

#[derive(Debug, Subcommand)]
pub(crate) enum Prices {
    /// Change prices as a file says: all of them, or none if a line has a problem
    Import(PricesImport),
}

#[derive(Args, Debug)]
pub(crate) struct PricesImport {
    /// CSV with the columns productId, baseUsd, … or JSON with the fields of `priceSet`
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Report what is wrong with the file, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The reason of changes that name none [default: the name of the file]
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Who makes the changes, for the history
    #[arg(long, value_name = "NAME", default_value = "vantage prices import")]
    pub(crate) actor: String,
    /// The format, where the name of the file does not tell it
    #[arg(long, value_enum)]
    pub(crate) format: Option<FileFormatArgument>,
}
