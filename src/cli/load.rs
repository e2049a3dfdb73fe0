//! `vantage load`.

use std::path::PathBuf;

use clap::Args;
use platform::config::Duration;
use url::Url;

use super::Settings;
use crate::commands::load::{HeaderArgument, Rate, Scenarios, Think, Threshold};

#[derive(Args, Debug)]
pub(crate) struct Load {
    /// The server: its address, or the URL of its GraphQL endpoint if that is not /graphql
    #[arg(long, value_name = "URL", value_parser = target)]
    pub(crate) target: Url,
    /// What to simulate: browse, account, checkout, returns and tracking, separated by commas, or all of them. The share
    /// of one may follow it: browse=6,checkout=1
    #[arg(long, value_name = "NAMES", default_value = "all")]
    pub(crate) scenario: Scenarios,
    /// Start this many journeys in a second (5/s) or minute (90/m), whether or not earlier ones have ended [default: 5/s]
    #[arg(long, value_name = "RATE", conflicts_with = "users")]
    pub(crate) rate: Option<Rate>,
    /// Instead of a rate: this many users, each of whom starts a journey when the one before has ended
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) users: Option<u32>,
    /// How long to measure
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) duration: Duration,
    /// How long to run before that, without measuring
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub(crate) warm_up: Duration,
    /// How long the rate or the number of users grows from zero, counted from the start
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub(crate) ramp: Duration,
    /// End after this many journeys of each scenario, in equal shares, not counting --warm-up; at the latest after
    /// --duration
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) iterations: Option<u64>,
    /// Pause between the requests of a journey: a time, or a range such as 2s-5s to choose from at random
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub(crate) think: Think,
    /// How long a journey of tracking keeps its subscription open
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) hold: Duration,
    /// How long a request may take, including the wait for a connection
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) timeout: Duration,
    /// Requests at a time, each on a connection of its own unless the server has HTTP/2; and as many WebSockets
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub(crate) connections: u32,
    /// Journeys at a time with --rate; further ones are dropped and counted
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, conflicts_with = "users", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) max_in_flight: u32,
    /// A limit such as p95<250ms, errors<1%, dropped<1% or success>95%, for one scenario as browse:p95<150ms, or one of
    /// its steps as checkout.place:p99<1s; replaces the scenario's own limit of the same kind; may be repeated
    #[arg(long, value_name = "LIMIT")]
    pub(crate) threshold: Vec<Threshold>,
    /// Write a report with plots
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// Write the results for programs
    #[arg(long, value_name = "FILE.json")]
    pub(crate) json: Option<PathBuf>,
    /// Send this header with every request, such as "x-vantage-country: DE"; may be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    pub(crate) header: Vec<HeaderArgument>,
    /// Customers' tokens, one in each line, instead of minting them with the development key
    #[arg(long, value_name = "FILE", conflicts_with = "token_secret_file")]
    pub(crate) tokens: Option<PathBuf>,
    /// The server's development secret (auth.development_secret), if it is not the one of the data directory
    #[arg(long, value_name = "FILE")]
    pub(crate) token_secret_file: Option<PathBuf>,
    /// How many customers to simulate, if the shop has as many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) customers: u32,
    /// Place orders and create returns at a server that is not on this machine
    #[arg(long)]
    pub(crate) allow_writes: bool,
    /// The token of the payment method that orders are paid with
    #[arg(long, value_name = "TOKEN", default_value = "pm_card_visa")]
    pub(crate) payment_method: String,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

fn target(text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|error| format!("{error}: write it like http://127.0.0.1:4000"))
}
