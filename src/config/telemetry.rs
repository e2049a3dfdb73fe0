//! The `telemetry` section.

use platform::config::Invalid;
use platform::telemetry::traces::{self, OtlpConfig, Service, TraceExport, Tracer, TracesConfig};
use platform::telemetry::{LogFormat, LogGuard, Metrics, TelemetryError, check_filter, init_log};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of logs and traces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telemetry {
    pub(crate) log_format: LogFormat,
    /// Level, or levels by module: `info`, `warn,router=debug`.
    pub(crate) log_level: String,
    /// Whether each request is logged: method, path, operation, client, status, time.
    pub(crate) access_log: bool,
    pub(crate) otlp: OtlpConfig,
    pub(crate) traces: TracesConfig,
}

/// A process's telemetry, started.
pub(crate) struct StartedTelemetry {
    pub(crate) metrics: Metrics,
    /// `None` if nothing is traced.
    pub(crate) traces: Option<TraceExport>,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Text,
            log_level: "info,sea_orm_migration=warn,sqlx=warn,tantivy=warn".to_owned(),
            access_log: true,
            otlp: OtlpConfig::default(),
            traces: TracesConfig::default(),
        }
    }
}

impl Telemetry {
    /// Starts logging, metrics and traces; call once per process, on a runtime.
    pub(crate) fn start(
        &self,
        service: &Service,
    ) -> Result<(LogGuard, StartedTelemetry), TelemetryError> {
        let traces = traces::start(&self.otlp, &self.traces, service);
        let traces = traces.map_err(TelemetryError::Traces)?;
        let (tracer, traces) = traces.unzip();
        let log = self.init_log(tracer)?;
        let metrics = Metrics::install(env!("CARGO_PKG_VERSION"))?;
        for describe in [
            crate::metrics::describe,
            router::metrics::describe,
            resolvers::metrics::describe,
            notifications::metrics::describe,
            orders::metrics::describe,
            returns::metrics::describe,
            pricing::metrics::describe,
            search::metrics::describe,
            tracking::metrics::describe,
        ] {
            describe();
        }
        Ok((log, StartedTelemetry { metrics, traces }))
    }

    /// Starts logging; call once per process.
    pub(crate) fn start_log(&self) -> Result<LogGuard, TelemetryError> {
        self.init_log(None)
    }

    fn init_log(&self, tracer: Option<Tracer>) -> Result<LogGuard, TelemetryError> {
        init_log(self.log_format, &self.log_level, self.access_log, tracer)
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        check_filter(&self.log_level)
            .map_err(|error| Invalid::new("telemetry.log_level", error.to_string()))?;
        self.otlp.check()?;
        self.traces.check()
    }
}
