//! `vantage search`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Settings;

#[derive(Debug, Subcommand)]
pub(crate) enum Search {
    /// Measure searches by queries whose products people have graded, and fail if too few pass
    Evaluate(SearchEvaluate),
}

#[derive(Args, Debug)]
pub(crate) struct SearchEvaluate {
    /// Queries with graded products [default: those of the demo shop]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: EvaluationFormat,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum EvaluationFormat {
    /// For people
    #[default]
    Text,
    /// All results
    Json,
}
