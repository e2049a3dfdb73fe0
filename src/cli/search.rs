//! `vantage search`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Settings;

#[derive(Debug, Subcommand)]
pub(crate) enum Search {
    /// Measure searches by queries whose products people have graded, and fail if too few pass
    Evaluate(SearchEvaluate),
    /// Compute what customers like and what is popular in each category, or import vectors of products
    Vectors(SearchVectors),
    /// Show whether personalized results are better
    Experiment(SearchExperiment),
    /// Build the search index anew from the database, while searches continue
    Reindex {
        #[command(flatten)]
        settings: Settings,
    },
    /// Show the state of the search index, and fail if products cannot be searched
    Status(SearchStatus),
}

#[derive(Args, Debug)]
pub(crate) struct SearchStatus {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: SearchStatusFormat,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum SearchStatusFormat {
    /// For people
    #[default]
    Text,
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct SearchEvaluate {
    /// Queries with graded products [default: those of the demo shop]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Measure ranked results, as customers see them, and what the ranking changes, instead of the engine's order
    #[arg(long)]
    pub(crate) ranked: bool,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: EvaluationFormat,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SearchVectors {
    #[command(subcommand)]
    pub(crate) command: Option<SearchVectorsCommand>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SearchVectorsCommand {
    /// Replace products' vectors by those of a file
    Import {
        /// JSON Lines, one product each: {"id": "prd_…", "vector": [128 numbers]}
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
    /// Compute all products' vectors from their texts again
    Clear {
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Args, Debug)]
pub(crate) struct SearchExperiment {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Over how many days
    #[arg(long, value_name = "DAYS", default_value_t = 14,
          value_parser = clap::value_parser!(i32).range(1..=i64::from(search::MAX_DAYS)))]
    pub(crate) days: i32,
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: SearchReportFormat,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum EvaluationFormat {
    /// For people
    #[default]
    Text,
    /// All results
    Json,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum SearchReportFormat {
    /// For people
    #[default]
    Text,
    Json,
}
