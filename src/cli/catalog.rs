//! `vantage catalog`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{FileFormatArgument, Settings};

#[derive(Debug, Subcommand)]
pub(crate) enum Catalog {
    /// Add, change and remove products as a file says: all of them, or none if a line has a problem
    Import(CatalogImport),
}

#[derive(Args, Debug)]
pub(crate) struct CatalogImport {
    /// CSV with the columns id, title, … or JSON with fields of the same names
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Report what is wrong with the file and what it would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Remove the products that the file does not name: it is the whole catalog
    #[arg(long)]
    pub(crate) prune: bool,
    /// How many products --prune may remove, in percent of those for sale
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=100), requires = "prune")]
    pub(crate) prune_limit: u8,
    /// The format, where the name of the file does not tell it
    #[arg(long, value_enum)]
    pub(crate) format: Option<FileFormatArgument>,
}
