//! `vantage load`: simulates customers against a running server and judges what they experience.
//!
//! Exit codes: 0 if all thresholds are met, 1 if one is missed, 2 if it could not run.

mod customers;
mod driver;
mod failure;
mod format;
mod graphql;
mod journey;
mod latencies;
mod operations;
mod pace;
mod progress;
mod recorder;
mod report;
mod scenario;
mod shop;
mod socket;
mod summary;
mod text;
mod threshold;
mod timeline;

use std::fs::OpenOptions;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use platform::clock::Clock;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

use self::driver::{Interrupts, Pace, Plan};
use self::graphql::GraphqlClient;
use self::journey::Context;
use self::progress::Display;
use self::recorder::Recorder;
use self::scenario::{Mix, Scenario};
use self::shop::Shop;
use self::socket::Sockets;
use self::summary::{Environment, RunOption, Summary};
use crate::cli::Load;
use crate::{error_line, output};

pub(crate) use self::graphql::HeaderArgument;
pub(crate) use self::pace::{Rate, Think};
pub(crate) use self::scenario::Scenarios;
pub(crate) use self::threshold::Threshold;

/// It could not run.
const NOT_RUN: u8 = 2;

pub(crate) async fn run(command: Load) -> ExitCode {
    match load(&command).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            output::error(&error_line::one_line(&error));
            ExitCode::from(NOT_RUN)
        }
    }
}

/// Runs the load, and returns whether all thresholds were met.
async fn load(command: &Load) -> anyhow::Result<bool> {
    let endpoint = graphql::endpoint(&command.target)?;
    let thresholds = threshold::of_run(&command.scenario, &command.threshold)?;
    check_times(command)?;
    check_writes(command, &endpoint)?;
    check_files(command.report.as_deref(), command.json.as_deref())?;
    for file in [&command.report, &command.json].into_iter().flatten() {
        check_writable(file)?;
    }
    let client = GraphqlClient::new(
        endpoint.clone(),
        &command.header,
        command.connections,
        command.timeout.get(),
    )?;
    let shop = discover(command, &client, &endpoint).await?;
    let environment = environment(command, &endpoint, shop.customers.len());
    let plan = plan(command);
    let sockets = Sockets::new(
        &endpoint,
        &command.header,
        command.connections,
        command.timeout.get(),
    )?;
    let mut interrupts = Interrupts::listen()?;
    let begin = Instant::now();
    let context = Arc::new(Context {
        client,
        sockets,
        shop,
        recorder: Recorder::new(command.scenario.names(), begin + plan.warm_up),
        think: command.think,
        hold: command.hold.get(),
        payment_method: command.payment_method.clone(),
        ended: CancellationToken::new(),
    });
    let names = command.scenario.names();
    let display = Display::new(names, begin, plan.warm_up, plan.duration)?;
    let ended = tokio::select! {
        ended = driver::run(&context, &plan, begin, &mut interrupts) => ended,
        () = display.show(&context.recorder) => bail!("the display ended before the run"),
    };
    display.clear();
    let ended = ended?;
    let time = context.recorder.measured_for();
    let summary = context
        .recorder
        .read(|measured| Summary::new(measured, &thresholds, environment, ended, time));
    let printed = output::print(&text::render(&summary));
    let written = write_files(command.json.as_deref(), command.report.as_deref(), &summary);
    printed.and(written)?;
    Ok(summary.passed)
}

/// Writes the files. One that cannot be written does not prevent the other.
fn write_files(
    json: Option<&Path>,
    report: Option<&Path>,
    summary: &Summary,
) -> anyhow::Result<()> {
    let json = json.map_or(Ok(()), |file| {
        let json = serde_json::to_string_pretty(summary)? + "\n";
        write(file, &json)
    });
    let report = report.map_or(Ok(()), |file| write(file, &report::render(summary)?));
    json.and(report)
}

/// Finds what the journeys are about at a target that answers.
async fn discover(command: &Load, client: &GraphqlClient, endpoint: &Url) -> anyhow::Result<Shop> {
    let answered = client.send(&operations::PING, &json!({}), None).await;
    answered.with_context(|| format!("{endpoint} does not answer"))?;
    let mut tokens = Vec::new();
    if command.scenario.names().any(Scenario::is_signed_in) {
        tokens = customers::tokens(command, client).await?;
    }
    Shop::discover(client, &command.scenario, tokens).await
}

fn check_times(command: &Load) -> anyhow::Result<()> {
    for (option, time) in [
        ("--duration", command.duration),
        ("--timeout", command.timeout),
    ] {
        ensure!(!time.get().is_zero(), "{option} is zero: use a longer time");
    }
    Ok(())
}

/// Orders are only placed where somebody has said so, or on this machine.
fn check_writes(command: &Load, endpoint: &Url) -> anyhow::Result<()> {
    let writing = command.scenario.names().filter(|name| name.writes());
    let writing: Vec<_> = writing.map(Scenario::name).collect();
    if command.allow_writes || writing.is_empty() || is_local(endpoint) {
        return Ok(());
    }
    bail!(
        "{} would place orders or create returns at {endpoint}: add --allow-writes if that is meant, or choose \
         --scenario browse,account,tracking",
        writing.join(" and ")
    )
}

/// Whether a server is on this machine.
fn is_local(endpoint: &Url) -> bool {
    match endpoint.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The report and the results for programs are two files.
fn check_files(report: Option<&Path>, json: Option<&Path>) -> anyhow::Result<()> {
    ensure!(
        report.is_none() || report != json,
        "--report and --json name the same file: choose another for one of them"
    );
    Ok(())
}

/// Whether a file can be written after the run; its content stays.
fn check_writable(file: &Path) -> anyhow::Result<()> {
    let opened = OpenOptions::new().append(true).create(true).open(file);
    opened
        .map(drop)
        .with_context(|| format!("{} cannot be written", file.display()))
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

fn plan(command: &Load) -> Plan {
    let pace = match command.users {
        Some(users) => Pace::Users(users),
        None => Pace::Arrivals {
            rate: command.rate.unwrap_or(Rate::DEFAULT),
            max_in_flight: command.max_in_flight,
        },
    };
    Plan {
        pace,
        ramp: command.ramp.get(),
        warm_up: command.warm_up.get(),
        duration: command.duration.get(),
        timeout: command.timeout.get(),
        mix: Mix::new(&command.scenario, command.iterations),
    }
}

/// What the report says about the run. Headers and tokens are not in it.
fn environment(command: &Load, endpoint: &Url, customers: usize) -> Environment {
    let scenarios = command.scenario.iter();
    let scenarios = scenarios.map(|(scenario, share)| match command.iterations {
        Some(_) => scenario.name().to_owned(),
        None => format!("{scenario}={share}"),
    });
    let scenarios: Vec<_> = scenarios.collect();
    let mut options = vec![("--scenario", scenarios.join(","))];
    match command.users {
        Some(users) => options.push(("--users", users.to_string())),
        None => {
            let rate = command.rate.unwrap_or(Rate::DEFAULT);
            options.push(("--rate", rate.to_string()));
            options.push(("--max-in-flight", command.max_in_flight.to_string()));
        }
    }
    if let Some(iterations) = command.iterations {
        options.push(("--iterations", iterations.to_string()));
    }
    options.extend([
        ("--duration", command.duration.to_string()),
        ("--warm-up", command.warm_up.to_string()),
        ("--ramp", command.ramp.to_string()),
        ("--think", command.think.to_string()),
        ("--hold", command.hold.to_string()),
        ("--timeout", command.timeout.to_string()),
        ("--connections", command.connections.to_string()),
    ]);
    let options = options.into_iter();
    Environment {
        version: env!("CARGO_PKG_VERSION"),
        target: endpoint.to_string(),
        started_at: summary::time(Clock::system().now()),
        options: options
            .map(|(name, value)| RunOption { name, value })
            .collect(),
        customers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_local_by_its_address() {
        let local = |url: &str| is_local(&url.parse().unwrap());
        for url in [
            "http://localhost:1/",
            "http://127.0.0.2/",
            "http://[::1]:4000/",
            "http://a.localhost",
        ] {
            assert!(local(url), "{url}");
        }
        for url in [
            "https://shop.example",
            "http://10.0.0.1",
            "http://localhost.example",
        ] {
            assert!(!local(url), "{url}");
        }
    }

    #[test]
    fn one_file_is_not_for_both_results() {
        let (one, other) = (Some(Path::new("a")), Some(Path::new("b")));
        for (report, json) in [(None, None), (one, None), (None, one), (one, other)] {
            assert!(check_files(report, json).is_ok(), "{report:?} {json:?}");
        }
        let error = check_files(one, one).unwrap_err().to_string();
        assert!(error.contains("choose another"), "{error}");
    }

    #[test]
    fn a_file_that_cannot_be_written_does_not_prevent_the_other() {
        let directory = tempfile::tempdir().unwrap();
        let json = directory.path().join("missing").join("load.json");
        let report = directory.path().join("load.html");
        let summary = summary::tests::example(&[]);
        let error = write_files(Some(&json), Some(&report), &summary).unwrap_err();
        assert!(error.to_string().contains("load.json"), "{error}");
        let written = std::fs::read_to_string(&report).unwrap();
        assert!(written.starts_with("<!doctype html>"));
    }

    #[test]
    fn what_a_file_contains_stays_until_the_run_ends() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("report.html");
        write(&file, "before").unwrap();
        check_writable(&file).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "before");
        let missing = directory.path().join("missing").join("report.html");
        let error = check_writable(&missing).unwrap_err().to_string();
        assert!(error.ends_with("cannot be written"), "{error}");
    }
}
