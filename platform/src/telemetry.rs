//! A process's telemetry: log lines on standard error, metrics for Prometheus, and traces for OpenTelemetry.

pub mod access_log;
mod log_writer;
mod process;
pub mod request_id;
pub mod traces;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, registry};

use self::log_writer::LogWriter;
use self::process::Process;
use self::traces::Tracer;
use crate::panics;
use crate::supervisor::{Stage, Supervisor};

/// Upper bounds of the histogram buckets, in seconds; fixed, so that instances can be aggregated.
const SECONDS: [f64; 16] = [
    0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.018, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0,
];

/// The same for how long connections are open.
const OPEN_SECONDS: [f64; 6] = [60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0];

/// How often histogram samples are folded into buckets when nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human-readable.
    #[default]
    Text,
    /// One JSON object per line, for log stores.
    Json,
}

/// Why telemetry did not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error(
        "{0:?} is not a level: use off, error, warn, info, debug or trace, or levels by module such as warn,router=debug"
    )]
    Level(String),
    #[error("{filter:?} is not a log filter: write levels by module such as warn,router=debug")]
    Filter {
        filter: String,
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("a logger is already installed in this process")]
    LogTwice(#[source] tracing_subscriber::util::TryInitError),
    #[error("the log writer thread could not be started")]
    LogThread(#[source] std::io::Error),
    #[error("the metrics recorder could not be installed")]
    Metrics(#[source] BuildError),
    #[error("telemetry.otlp does not describe a collector")]
    Traces(#[source] opentelemetry_otlp::ExporterBuildError),
}

/// Checks a level (`info`) or levels by module (`warn,router=debug`).
pub fn check_filter(filter: &str) -> Result<(), TelemetryError> {
    parse(filter).map(drop)
}

/// A process's log. Dropping it briefly waits until the last lines are written.
#[must_use = "the last lines are written when it is dropped"]
#[derive(Debug)]
pub struct LogGuard(LogWriter);

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Sends log lines, panics included, to standard error from now on; standard output is for a command's results. Callers
/// that log are never affected by problems with standard error. `access_log` enables one line per request. `tracer` makes
/// traces of the spans for it.
pub fn init_log(
    format: LogFormat,
    filter: &str,
    access_log: bool,
    tracer: Option<Tracer>,
) -> Result<LogGuard, TelemetryError> {
    // The SDK of the Model Context Protocol writes several lines for every request, which has one already.
    // Kafka's client tells of every attempt; the bus tells of an outage once. Spans for traces are not for the log.
    let filter = format!("rmcp=error,krafka=error,{}=off,{filter}", traces::TARGET);
    let filter = if access_log {
        parse(&filter)?
    } else {
        parse(&format!("{filter},{}=off", access_log::TARGET))?
    };
    let writer = LogWriter::start(std::io::stderr()).map_err(TelemetryError::LogThread)?;
    match tracer {
        // The filter is the whole process's: what it leaves out costs nothing.
        None => registry()
            .with(filter)
            .with(lines(format, writer.clone()))
            .try_init(),
        Some(tracer) => registry()
            .with(lines(format, writer.clone()).with_filter(filter))
            .with(tracer.layer())
            .try_init(),
    }
    .map_err(TelemetryError::LogTwice)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(LogGuard(writer))
}

fn lines<S>(format: LogFormat, writer: LogWriter) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        // It uses `eprintln!`, which panics when standard error is closed.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .boxed(),
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panics::message(panic.payload());
    let location = panic.location().map(tracing::field::display);
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    let backtrace = backtrace.as_ref().map(tracing::field::display);
    tracing::error!(error = message, location, backtrace, "a thread panicked");
}

fn parse(filter: &str) -> Result<EnvFilter, TelemetryError> {
    // The parser takes an unknown level for a module name: a misspelt level would silence everything else.
    let parts: Vec<&str> = filter.split(',').map(str::trim).collect();
    let is_word = |part: &&str| {
        part.chars()
            .all(|c| c.is_alphanumeric() || "_:-".contains(c))
    };
    let is_level = |part: &str| LEVELS.contains(&part.to_ascii_lowercase().as_str());
    if let Some(word) = parts.iter().find(|part| is_word(part) && !is_level(part)) {
        return Err(TelemetryError::Level((*word).to_owned()));
    }
    EnvFilter::builder()
        .parse(parts.join(","))
        .map_err(|source| TelemetryError::Filter {
            filter: filter.to_owned(),
            source,
        })
}

/// This process's metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    handle: PrometheusHandle,
    process: Process,
}

impl Metrics {
    /// Starts recording the `metrics` macros' values; call once per process. `version` is the program's.
    pub fn install(version: &'static str) -> Result<Self, TelemetryError> {
        let handle = builder()?
            .install_recorder()
            .map_err(TelemetryError::Metrics)?;
        crate::metrics::describe();
        Ok(Self {
            handle,
            process: Process::describe(version),
        })
    }

    /// All metrics in Prometheus' text format, for `/metrics`.
    pub fn render(&self) -> String {
        self.process.collect();
        self.handle.render()
    }

    /// Bounds memory when nobody scrapes, in a supervised task.
    pub fn start_upkeep(&self, supervisor: &Supervisor) {
        let handle = self.handle.clone();
        supervisor.start(Stage::Support, "metrics", move |stop| {
            let handle = handle.clone();
            async move {
                let mut interval = tokio::time::interval(UPKEEP);
                while stop.run_until_cancelled(interval.tick()).await.is_some() {
                    handle.run_upkeep();
                }
            }
        });
    }
}

fn builder() -> Result<PrometheusBuilder, TelemetryError> {
    let connections = Matcher::Suffix("_open_seconds".to_owned());
    PrometheusBuilder::new()
        .set_buckets(&SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(connections, &OPEN_SECONDS))
        .map_err(TelemetryError::Metrics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_levels_by_module() {
        for filter in [
            "info",
            "WARN",
            "off",
            "warn,router=debug",
            "info, sqlx::query=off",
        ] {
            assert!(check_filter(filter).is_ok(), "{filter}");
        }
    }

    #[test]
    fn a_misspelt_level_is_refused_and_the_levels_named() {
        for filter in ["verbose", "inf", "", "warn,router"] {
            let error = check_filter(filter).unwrap_err().to_string();
            let word = filter.rsplit(',').next().unwrap();
            assert_eq!(
                error,
                format!(
                    "{word:?} is not a level: use off, error, warn, info, debug or trace, \
                     or levels by module such as warn,router=debug"
                )
            );
        }
        let error = check_filter("router=loud").unwrap_err().to_string();
        assert_eq!(
            error,
            "\"router=loud\" is not a log filter: write levels by module such as warn,router=debug"
        );
    }

    #[test]
    fn metrics_are_rendered_for_prometheus_with_buckets_in_seconds() {
        let recorder = builder().unwrap().build_recorder();
        let text = metrics::with_local_recorder(&recorder, || {
            let metrics = Metrics {
                handle: recorder.handle(),
                process: Process::describe("1.2.3"),
            };
            metrics::counter!("requests_total", "kind" => "query").increment(2);
            metrics::histogram!("request_seconds").record(0.003);
            metrics::histogram!("socket_open_seconds").record(120.0);
            metrics.render()
        });
        assert!(
            text.contains("vantage_build_info{version=\"1.2.3\""),
            "{text}"
        );
        assert!(
            text.contains("# HELP process_resident_memory_bytes "),
            "{text}"
        );
        assert!(text.contains("requests_total{kind=\"query\"} 2"), "{text}");
        assert!(
            text.contains("request_seconds_bucket{le=\"0.0025\"} 0"),
            "{text}"
        );
        assert!(
            text.contains("request_seconds_bucket{le=\"0.005\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("socket_open_seconds_bucket{le=\"300\"} 1"),
            "{text}"
        );
    }
}
