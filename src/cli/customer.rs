//! `vantage customer`: what is stored of a customer, exported and erased.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Settings;
use crate::domains::Domain;

#[derive(Debug, Subcommand)]
pub(crate) enum Customer {
    /// Write everything that is stored of a customer as one JSON document
    Export(CustomerExport),
    /// Erase a customer: everything but what accounting needs, without names and addresses
    Erase(CustomerErase),
}

#[derive(Args, Debug)]
pub(crate) struct CustomerExport {
    /// The customer (usr_…)
    #[arg(value_name = "ID")]
    pub(crate) customer: String,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// A single domain instead of all
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<Domain>,
    /// File for the document, which only you can read, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct CustomerErase {
    /// The customer (usr_…)
    #[arg(value_name = "ID")]
    pub(crate) customer: String,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Report what would be erased, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    pub(crate) yes: bool,
}
