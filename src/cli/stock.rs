//! `vantage stock`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{FileFormatArgument, Settings};

#[derive(Debug, Subcommand)]
pub(crate) enum Stock {
    /// Set how many units of a product were counted
    Set(StockSet),
    /// Remove damaged units of a product that were disposed of
    WriteOff(StockWriteOff),
    /// Change stock as a file says: all of it, or nothing if a line has a problem
    Import(StockImport),
    /// List the stock of all products
    List {
        #[command(flatten)]
        settings: Settings,
    },
}

/// The ledger names who changes it.
fn actor(name: &str) -> Result<String, &'static str> {
    match name.trim() {
        "" => Err("name who it is"),
        name => Ok(name.to_owned()),
    }
}

#[derive(Args, Debug)]
pub(crate) struct StockSet {
    /// The product's id, prd_…
    #[arg(value_name = "PRODUCT")]
    pub(crate) product: String,
    /// How many units there are
    #[arg(value_name = "QUANTITY")]
    pub(crate) quantity: i32,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Why, for the ledger
    #[arg(long, value_name = "TEXT", default_value = "counted")]
    pub(crate) reason: String,
    /// Who sets it, for the ledger
    #[arg(long, value_name = "NAME", default_value = "vantage stock set", value_parser = actor)]
    pub(crate) actor: String,
}

#[derive(Args, Debug)]
pub(crate) struct StockWriteOff {
    /// The product's id, prd_…
    #[arg(value_name = "PRODUCT")]
    pub(crate) product: String,
    /// How many damaged units are gone
    #[arg(value_name = "QUANTITY")]
    pub(crate) quantity: i32,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Why, for the ledger
    #[arg(long, value_name = "TEXT", default_value = "disposed of")]
    pub(crate) reason: String,
    /// Who writes it off, for the ledger
    #[arg(long, value_name = "NAME", default_value = "vantage stock write-off", value_parser = actor)]
    pub(crate) actor: String,
}

#[derive(Args, Debug)]
pub(crate) struct StockImport {
    /// CSV with the columns productId, quantity or change or writeOff, reason, or JSON with the same fields
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Report what is wrong with the file, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The reason of lines that name none [default: the name of the file]
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Who makes the changes, for the ledger
    #[arg(long, value_name = "NAME", default_value = "vantage stock import", value_parser = actor)]
    pub(crate) actor: String,
    /// The format, where the name of the file does not tell it
    #[arg(long, value_enum)]
    pub(crate) format: Option<FileFormatArgument>,
}
